"""Test-time augmentation, from the pipeline to merged predictions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import mmseg.datasets.transforms  # noqa: F401
from mmcv.transforms import Compose
from mmengine.checkpoint import load_checkpoint
from mmengine.dataset import pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.models import EncoderDecoder, SegTTAModel
from mmseg.structures import SegDataSample


class Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> list[Tensor]:
        self.seen.append(x)
        return [x * self.scale]


class Head(nn.Module):
    align_corners, num_classes, threshold = False, 3, 0.3

    def __init__(self, out_channels: int = 3) -> None:
        super().__init__()
        self.out_channels = out_channels

    def predict(self, x: list[Tensor], metas: list[dict], cfg: Any) -> Tensor:
        return x[0][:, : self.out_channels]


def segmentor(out_channels: int = 3) -> EncoderDecoder:
    return EncoderDecoder({'type': Backbone}, {'type': Head, 'out_channels': out_channels})


def sample(logits: Tensor) -> SegDataSample:
    one = SegDataSample(metainfo={'img_path': 'a.png', 'reduce_zero_label': True})
    one.set_data({'seg_logits': PixelData(data=logits)})
    one.gt_sem_seg = PixelData(data=torch.zeros(1, 2, 2))
    return one


def test_probabilities_are_averaged() -> None:
    first, second = torch.randn(3, 2, 2), torch.randn(3, 2, 2)
    (merged,) = SegTTAModel(segmentor()).merge_preds([[sample(first), sample(second)]])
    mean = (first.softmax(0) + second.softmax(0)) / 2
    torch.testing.assert_close(merged.seg_logits.data, mean)
    assert torch.equal(merged.pred_sem_seg.data, mean.argmax(0, keepdim=True))
    assert merged.gt_sem_seg.data.shape == (1, 2, 2)
    assert merged.metainfo == {'img_path': 'a.png', 'reduce_zero_label': True}


def test_one_channel_holds_probabilities() -> None:
    views = [sample(torch.tensor([[[0.1, 0.4], [0.0, 1.0]]])), sample(torch.tensor([[[0.3, 0.4], [0.1, 0.0]]]))]
    (merged,) = SegTTAModel(segmentor(out_channels=1)).merge_preds([views])
    assert merged.pred_sem_seg.data.tolist() == [[[0, 1], [0, 1]]]


def test_a_published_pipeline(tmp_path: Path) -> None:
    """Six views of an image, in three sizes and mirrored, are brought back to it before they are merged."""
    import cv2

    init_default_scope('mmseg')
    image = np.random.default_rng(0).integers(0, 255, (8, 12, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    cv2.imwrite(str(tmp_path / 'label.png'), np.zeros((8, 12), np.uint8))
    ratios = [0.5, 1.0, 2.0]
    flips = [{'type': 'RandomFlip', 'prob': p, 'direction': 'horizontal'} for p in (0.0, 1.0)]
    pipeline = Compose(
        [
            {'type': 'LoadImageFromFile', 'backend_args': None},
            {
                'type': 'TestTimeAug',
                'transforms': [
                    [{'type': 'Resize', 'scale_factor': ratio, 'keep_ratio': True} for ratio in ratios],
                    flips,
                    [{'type': 'LoadAnnotations'}],
                    [{'type': 'PackSegInputs'}],
                ],
            },
        ]
    )
    item = {'img_path': str(tmp_path / 'a.png'), 'seg_map_path': str(tmp_path / 'label.png'), 'seg_fields': []}
    batch = pseudo_collate([pipeline(item | {'reduce_zero_label': False})])
    model = SegTTAModel(
        {
            'type': 'EncoderDecoder',
            'backbone': {'type': Backbone},
            'decode_head': {'type': Head},
            'data_preprocessor': {'type': 'SegDataPreProcessor'},
        }
    )
    (merged,) = model.test_step(batch)
    assert [tuple(x.shape[2:]) for x in model.module.backbone.seen] == [(4, 6)] * 2 + [(8, 12)] * 2 + [(16, 24)] * 2
    assert merged.seg_logits.data.shape == (3, 8, 12) and merged.gt_sem_seg.data.shape == (1, 8, 12)
    # The head gives the image itself, so both views of the original size are the image when mirrored back.
    torch.testing.assert_close(model.module.backbone.seen[3].flip(3), model.module.backbone.seen[2])


@pytest.mark.parametrize('whole', [True, False])
def test_checkpoints_of_the_module_load_as_they_are(tmp_path: Path, whole: bool) -> None:
    source, model = segmentor(), revert_sync_batchnorm(SegTTAModel(segmentor()))
    nn.init.constant_(source.backbone.scale, 5.0)
    torch.save({'state_dict': source.state_dict()}, tmp_path / 'a.pth')
    if whole:
        model.load_state_dict(source.state_dict())
    else:
        load_checkpoint(model, str(tmp_path / 'a.pth'), strict=True)
    assert model.module.backbone.scale.item() == 5
    model.load_state_dict({'module.backbone.scale': torch.tensor([6.0])})
    assert model.module.backbone.scale.item() == 6

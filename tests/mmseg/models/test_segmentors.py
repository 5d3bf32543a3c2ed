from typing import Any

import pytest
import torch
from torch import Tensor, nn

import mmseg.models  # noqa: F401
from mmengine.model import BaseModule
from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError
from mmseg.models import CascadeEncoderDecoder, EncoderDecoder
from mmseg.models.builder import BACKBONES, HEADS, LOSSES, NECKS, SEGMENTORS, build_segmentor
from mmseg.models.decode_heads.cascade_decode_head import BaseCascadeDecodeHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample


@MODELS.register_module()
class _Strided(BaseModule):
    """One convolution of stride 2, and its output once more."""

    def __init__(self, channels: int = 4, pretrained: str | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, stride=2, padding=1)
        self.pretrained = pretrained
        self.batch_sizes: list[int] = []

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.batch_sizes.append(len(x))
        x = self.conv(x)
        return x, x * 2


@MODELS.register_module()
class _Refine(BaseCascadeDecodeHead):
    def forward(self, inputs: Any, prev_output: Tensor) -> Tensor:
        return self.cls_seg(self._transform_inputs(inputs)) + prev_output


def head(**kwargs: Any) -> dict:
    cfg = {'type': 'FCNHead', 'in_channels': 4, 'channels': 4, 'num_convs': 0, 'concat_input': False, 'num_classes': 3}
    return {**cfg, 'dropout_ratio': 0.0, **kwargs}


def segmentor(cls: Any = EncoderDecoder, **kwargs: Any) -> Any:
    torch.manual_seed(0)
    return cls(**{'backbone': {'type': '_Strided'}, 'decode_head': head(), **kwargs})


def sample(height: int = 16, width: int = 16, **meta: Any) -> SegDataSample:
    size = (height, width)
    result = SegDataSample(metainfo={'ori_shape': size, 'img_shape': size, 'pad_shape': size, **meta})
    result.gt_sem_seg = PixelData(data=torch.zeros(1, height, width, dtype=torch.long))
    return result


class TestForward:
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))

    def test_modes(self) -> None:
        model = segmentor()
        assert model(self.images).shape == (2, 3, 8, 8)
        losses = model(self.images, [sample(), sample()], mode='loss')
        assert losses.keys() == {'decode.loss_ce', 'decode.acc_seg'}
        results = model(self.images, [sample(20, 30), sample(20, 30)], mode='predict')
        assert results[0].seg_logits.data.shape == (3, 20, 30)
        assert results[1].pred_sem_seg.data.shape == (1, 20, 30)
        with pytest.raises(ConfigError, match="'losses'"):
            model(self.images, mode='losses')

    def test_without_samples_the_prediction_has_the_size_of_the_images(self) -> None:
        results = segmentor().predict(self.images)
        assert [result.pred_sem_seg.data.shape for result in results] == [(1, 16, 16)] * 2

    def test_auxiliary_heads(self) -> None:
        single = segmentor(auxiliary_head=head(in_index=0))
        assert single.with_auxiliary_head and not single.with_neck
        assert single.loss(self.images, [sample(), sample()]).keys() >= {'aux.loss_ce', 'aux.acc_seg'}
        several = segmentor(auxiliary_head=[head(in_index=0), head(loss_decode={'type': 'DiceLoss'})])
        assert several.loss(self.images, [sample(), sample()]).keys() >= {'aux_0.loss_ce', 'aux_1.loss_dice'}

    def test_losses_are_differentiable_to_the_images(self) -> None:
        images = self.images.clone().requires_grad_()
        segmentor().loss(images, [sample(), sample()])['decode.loss_ce'].backward()
        assert images.grad is not None and images.grad.abs().sum() > 0

    def test_neck(self) -> None:
        neck = {
            'type': 'FPN',
            'in_channels': [4, 4],
            'out_channels': 4,
            'num_outs': 2,
            'upsample_cfg': {'mode': 'nearest'},
        }
        model = segmentor(neck=neck)
        assert model.with_neck and len(model.extract_feat(self.images)) == 2

    def test_pretrained_goes_to_the_backbone_and_leaves_the_config_alone(self) -> None:
        backbone = {'type': '_Strided'}
        model = segmentor(backbone=backbone, pretrained='open-mmlab://net')
        assert model.backbone.pretrained == 'open-mmlab://net' and backbone == {'type': '_Strided'}
        with pytest.raises(ConfigError, match='keep one'):
            segmentor(backbone={'type': '_Strided', 'pretrained': 'a'}, pretrained='b')

    def test_train_step_runs_the_data_preprocessor(self) -> None:
        model = segmentor(data_preprocessor={'type': 'SegDataPreProcessor', 'mean': [1.0] * 3, 'std': [2.0] * 3})
        data = model.data_preprocessor({'inputs': [torch.ones(3, 16, 16)], 'data_samples': [sample()]}, True)
        assert not data['inputs'].any()
        assert not [name for name in model.state_dict() if name.startswith('data_preprocessor')]


class TestSlide:
    @pytest.mark.parametrize('size', [(40, 50), (32, 32), (20, 70), (64, 33)])
    @pytest.mark.parametrize('window_batch', [1, 3])
    def test_equals_the_average_of_windows(self, size: tuple[int, int], window_batch: int) -> None:
        cfg = {'mode': 'slide', 'crop_size': (32, 32), 'stride': (20, 24), 'window_batch': window_batch}
        model = segmentor(test_cfg=cfg).eval()
        images = torch.randn(2, 3, *size)
        total, count = torch.zeros(2, 3, *size), torch.zeros(size)
        seen = set()
        for top in range(0, size[0], 20):
            for left in range(0, size[1], 24):
                y = max(0, min(top, size[0] - 32))
                x = max(0, min(left, size[1] - 32))
                if (y, x) in seen:
                    continue
                seen.add((y, x))
                crop = images[:, :, y : y + 32, x : x + 32]
                total[:, :, y : y + 32, x : x + 32] += nn.functional.interpolate(
                    model(crop), crop.shape[2:], mode='bilinear'
                )
                count[y : y + 32, x : x + 32] += 1
        with torch.no_grad():
            metas = [sample(*size).metainfo] * 2
            model.backbone.batch_sizes.clear()
            actual = model.inference(images, metas)
            torch.testing.assert_close(actual, total / count)
        assert max(model.backbone.batch_sizes) == 2 * min(window_batch, len(seen))
        assert metas[0]['img_shape'] == size  # the metainfo of the caller is left alone

    def test_gaps_between_windows_are_an_error(self) -> None:
        model = segmentor(test_cfg={'mode': 'slide', 'crop_size': (8, 8), 'stride': (9, 8)})
        with pytest.raises(ConfigError, match=r'stride \(9, 8\).*crop_size \(8, 8\)'):
            model.inference(torch.zeros(1, 3, 16, 16), [sample().metainfo])

    def test_unknown_mode(self) -> None:
        model = segmentor(test_cfg={'mode': 'tiles'})
        with pytest.raises(ConfigError, match="'tiles'"):
            model.inference(torch.zeros(1, 3, 16, 16), [sample().metainfo])

    def test_different_original_shapes_warn(self) -> None:
        metas = [sample().metainfo, {**sample().metainfo, 'ori_shape': (3, 4)}]
        with pytest.warns(UserWarning, match='different original shapes'):
            segmentor().inference(torch.zeros(2, 3, 16, 16), metas)


class TestPostprocess:
    logits = torch.randn(1, 3, 12, 20, generator=torch.Generator().manual_seed(2))

    def result(self, model: Any = None, logits: Tensor | None = None, **meta: Any) -> Any:
        logits = self.logits if logits is None else logits
        return (model or segmentor()).postprocess_result(logits, [sample(12, 20, **meta)])[0]

    @pytest.mark.parametrize('key', ['padding_size', 'img_padding_size'])
    def test_padding_is_cut_off(self, key: str) -> None:
        result = self.result(**{key: [1, 3, 2, 4]}, ori_shape=(6, 16))
        torch.testing.assert_close(result.seg_logits.data, self.logits[0, :, 2:8, 1:17])
        assert result.pred_sem_seg.data.equal(self.logits[0, :, 2:8, 1:17].argmax(0, keepdim=True))

    @pytest.mark.parametrize(('direction', 'axes'), [('horizontal', (2,)), ('vertical', (1,)), ('diagonal', (1, 2))])
    def test_flips_are_undone(self, direction: str, axes: tuple[int, ...]) -> None:
        flipped = self.logits.flip([axis + 1 for axis in axes])
        result = self.result(logits=flipped, flip=True, flip_direction=direction)
        torch.testing.assert_close(result.seg_logits.data, self.logits[0])
        assert self.result(flip=False, flip_direction=direction).seg_logits.data.equal(self.logits[0])

    def test_one_channel_is_thresholded(self) -> None:
        model = segmentor(decode_head=head(num_classes=2, out_channels=1, threshold=0.7))
        probs = torch.tensor([[[[0.1, 0.69], [0.71, 0.9]]]])
        result = self.result(model, probs.logit(), ori_shape=(2, 2))
        torch.testing.assert_close(result.seg_logits.data, probs[0])
        assert result.pred_sem_seg.data.tolist() == [[[0, 0], [1, 1]]]


class TestCascade:
    def test_each_head_refines_the_one_before(self) -> None:
        heads = [head(), head(type='_Refine'), head(type='_Refine')]
        for cfg in heads[1:]:
            del cfg['num_convs'], cfg['concat_input']
        model = segmentor(CascadeEncoderDecoder, num_stages=3, decode_head=heads).eval()
        images = torch.randn(1, 3, 16, 16)
        losses = model.loss(images, [sample()])
        assert [name for name in losses if 'loss' in name] == [f'decode_{i}.loss_ce' for i in range(3)]
        with torch.no_grad():
            feats = model.extract_feat(images)
            expected = sum(part.conv_seg(feats[-1]) for part in model.decode_head)
            torch.testing.assert_close(model(images), expected)
            assert model.encode_decode(images, [sample().metainfo]).shape == (1, 3, 16, 16)

    def test_number_of_heads(self) -> None:
        with pytest.raises(ConfigError, match='num_stages=2'):
            segmentor(CascadeEncoderDecoder, num_stages=2)


def test_builder_names_are_one_registry() -> None:
    assert BACKBONES is NECKS is HEADS is LOSSES is SEGMENTORS is MODELS
    cfg = {'type': 'EncoderDecoder', 'backbone': {'type': '_Strided'}, 'decode_head': head()}
    assert build_segmentor(cfg, test_cfg={'mode': 'whole'}).test_cfg == {'mode': 'whole'}

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError, DataError
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import add_prefix, stack_batch


def sample(height: int, width: int) -> SegDataSample:
    result = SegDataSample(metainfo={'ori_shape': (height, width)})
    result.gt_sem_seg = PixelData(data=torch.ones(1, height, width, dtype=torch.long))
    result.gt_edge_map = PixelData(data=torch.ones(1, height, width, dtype=torch.uint8))
    return result


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=4), st.integers(1, 5))
def test_padding_can_be_undone_and_is_no_larger_than_needed(sizes: list[tuple[int, int]], divisor: int) -> None:
    images = [torch.randn(3, *size) for size in sizes]
    batch, samples = stack_batch(images, [sample(*size) for size in sizes], size_divisor=divisor, pad_val=7)
    height, width = batch.shape[2:]
    assert height % divisor == 0 and width % divisor == 0
    assert height - divisor < max(h for h, _ in sizes) and width - divisor < max(w for _, w in sizes)
    for image, padded, result in zip(images, batch, samples, strict=True):
        left, right, top, bottom = result.metainfo['padding_size']
        assert padded[:, top : height - bottom, left : width - right].equal(image)
        added = 3 * 7 * (height * width - image[0].numel())
        assert float(padded.sum()) == pytest.approx(float(image.sum()) + added, abs=1e-3)
        assert tuple(result.metainfo['img_shape']) == image.shape[1:]
        assert tuple(result.metainfo['pad_shape']) == (height, width)
        mask = result.gt_sem_seg.data
        assert mask.shape == (1, height, width)
        assert (mask == 255).sum() == height * width - image[0].numel()
        assert result.gt_edge_map.data.shape == (1, height, width)


def test_stack_batch_without_samples_tells_the_padding() -> None:
    batch, infos = stack_batch([torch.ones(3, 5, 6), torch.ones(3, 8, 4)], size=(8, 10))
    assert batch.shape == (2, 3, 8, 10)
    assert [info['img_padding_size'] for info in infos] == [(0, 4, 0, 3), (0, 6, 0, 0)]


@pytest.mark.parametrize(
    ('images', 'arguments', 'message'),
    [
        ([torch.ones(3, 2, 2)], {'size': (4, 4), 'size_divisor': 4}, 'not both'),
        ([torch.ones(3, 2, 2), torch.ones(1, 2, 2)], {}, 'same C'),
        ([torch.ones(2, 2)], {}, 'same C'),
        ([torch.ones(3, 2, 2), torch.ones(3, 9, 2)], {'size': (4, 4)}, 'Crop or resize'),
    ],
)
def test_stack_batch_refuses(images: list, arguments: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        stack_batch(images, **arguments)


def test_normalisation_comes_after_the_swap_of_channels() -> None:
    processor = SegDataPreProcessor(mean=[1, 2, 3], std=[2, 4, 8], bgr_to_rgb=True, size=(4, 4))
    image = torch.tensor([11, 6, 5], dtype=torch.uint8).view(3, 1, 1).expand(3, 4, 4)
    data = processor({'inputs': [image], 'data_samples': [sample(4, 4)]}, training=True)
    assert data['inputs'].dtype == torch.float32
    assert data['inputs'][0, :, 0, 0].tolist() == [2, 1, 1]
    # other bands than three are left in order
    processor = SegDataPreProcessor(bgr_to_rgb=True)
    bands = torch.arange(4.0).view(4, 1, 1)
    assert processor({'inputs': [bands]})['inputs'].flatten().tolist() == [0, 1, 2, 3]


def test_only_training_pads_by_size() -> None:
    processor = SegDataPreProcessor(size=(8, 8))
    data: Any = {'inputs': [torch.ones(3, 5, 6)], 'data_samples': [sample(5, 6)]}
    assert processor(data, training=False)['inputs'].shape == (1, 3, 5, 6)
    assert processor(data, training=True)['inputs'].shape == (1, 3, 8, 8)


def test_testing_pads_by_test_cfg() -> None:
    processor = SegDataPreProcessor(size=(64, 64), test_cfg={'size_divisor': 8})
    data = processor(
        {'inputs': [torch.ones(3, 5, 6), torch.ones(3, 9, 6)], 'data_samples': [sample(5, 6), sample(9, 6)]}
    )
    assert data['inputs'].shape == (2, 3, 16, 8)
    assert data['data_samples'][0].metainfo['img_padding_size'] == (0, 2, 0, 11)
    assert data['data_samples'][0].gt_sem_seg.data.shape == (1, 5, 6)
    assert processor({'inputs': [torch.ones(3, 5, 6)]})['inputs'].shape == (1, 3, 8, 8)
    with pytest.raises(DataError, match='test_cfg'):
        SegDataPreProcessor()({'inputs': [torch.ones(3, 5, 6), torch.ones(3, 9, 6)]})


def test_batch_augments_run_in_training() -> None:
    @MODELS.register_module(name='_Negate', force=True)
    class _Negate(torch.nn.Module):
        def forward(self, inputs: Any, data_samples: Any) -> Any:
            return -inputs, data_samples

    processor = SegDataPreProcessor(size=(4, 4), batch_augments=[{'type': '_Negate'}])
    data: Any = {'inputs': [torch.ones(3, 4, 4)], 'data_samples': [sample(4, 4)]}
    assert (processor(data, training=True)['inputs'] == -1).all()
    assert (processor(data)['inputs'] == 1).all()


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigError, match='exclude'):
        SegDataPreProcessor(bgr_to_rgb=True, rgb_to_bgr=True)
    with pytest.raises(ConfigError, match='together'):
        SegDataPreProcessor(mean=[1, 2, 3])
    with pytest.raises(DataError, match='PackSegInputs'):
        SegDataPreProcessor()({'inputs': [torch.ones(3, 4, 4)]}, training=True)


def test_add_prefix() -> None:
    assert add_prefix({'loss': 1, 'acc': 2}, 'aux') == {'aux.loss': 1, 'aux.acc': 2}

from typing import Any

import pytest
import torch
from torch import Tensor

from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads import IterativeDecodeHead, KernelUpdateHead, KernelUpdator
from mmseg.models.decode_heads.knet_head import _convolve_each
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

CLASSES, WIDTH = 4, 8


def update_head(**kwargs: Any) -> dict:
    cfg = {
        'type': 'KernelUpdateHead',
        'num_classes': CLASSES,
        'num_ffn_fcs': 2,
        'num_heads': 2,
        'num_mask_fcs': 1,
        'feedforward_channels': 16,
        'in_channels': WIDTH,
        'out_channels': WIDTH,
        'feat_transform_cfg': {'conv_cfg': {'type': 'Conv2d'}, 'act_cfg': None},
        'kernel_updator_cfg': {'type': 'KernelUpdator', 'in_channels': 4, 'feat_channels': 4, 'out_channels': 4},
    }
    return {**cfg, **kwargs}


def head(stages: int = 2, generate: dict | None = None) -> IterativeDecodeHead:
    torch.manual_seed(0)
    fcn = {'type': 'FCNHead', 'in_channels': 6, 'channels': WIDTH, 'num_convs': 1, 'num_classes': CLASSES}
    return MODELS.build(
        {
            'type': 'IterativeDecodeHead',
            'num_stages': stages,
            'kernel_generate_head': generate or fcn,
            'kernel_update_head': [update_head() for _ in range(stages)],
        }
    )


def samples() -> list[SegDataSample]:
    result = []
    for _ in range(2):
        sample = SegDataSample()
        sample.gt_sem_seg = PixelData(data=torch.randint(0, CLASSES, (1, 16, 16)))
        result.append(sample)
    return result


def test_every_round_is_trained_and_the_last_one_predicts() -> None:
    model = head()
    model.init_weights()
    x = [torch.randn(2, 6, 8, 8)]
    losses = model.loss(x, samples(), {})
    assert set(losses) == {f'{name}.s{i}' for name in ('loss_ce', 'acc_seg') for i in range(3)}
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    meta = {'img_shape': (16, 16), 'pad_shape': (16, 16)}
    model.eval()
    assert model.predict(x, [meta, meta], {}).shape == (2, CLASSES, 16, 16)
    assert isinstance(model(x), Tensor) and len(model.train()(x)) == 3


def test_wrong_configs_are_named() -> None:
    with pytest.raises(ConfigError, match='num_stages=3'):
        IterativeDecodeHead(3, {'type': 'FCNHead'}, [update_head()])
    lraspp = {'type': 'FPNHead', 'in_channels': [6], 'in_index': [0], 'feature_strides': [4], 'channels': 8}
    with pytest.raises(ConfigError, match='FPNHead'):
        head(generate={**lraspp, 'num_classes': CLASSES})


@pytest.mark.parametrize('size', [1, 3])
def test_each_image_is_convolved_with_its_own_kernels(size: int) -> None:
    x, kernels = torch.randn(2, 3, 6, 5), torch.randn(2, 4, 3, size, size)
    expected = [torch.nn.functional.conv2d(x[i : i + 1], kernels[i], padding=size // 2) for i in range(2)]
    torch.testing.assert_close(_convolve_each(x, kernels), torch.cat(expected))


@pytest.mark.parametrize(
    'options',
    [
        {'conv_kernel_size': 3},
        {'feat_transform_cfg': None, 'with_ffn': False, 'num_mask_fcs': 0},
        {'mask_transform_stride': 2},
        {'mask_transform_stride': 2, 'feat_gather_stride': 2},
        {'kernel_init': True},
    ],
)
def test_options_of_a_round(options: dict) -> None:
    model: KernelUpdateHead = MODELS.build(update_head(**options))
    model.init_weights()
    size = options.get('conv_kernel_size', 1)
    kernels = torch.randn(2, CLASSES, WIDTH, size, size)
    masks, new = model(torch.randn(2, WIDTH, 8, 8), kernels, torch.randn(2, CLASSES, 4, 4), mask_shape=(12, 12))
    assert masks.shape == (2, CLASSES, 12, 12) and new.shape == kernels.shape
    (masks.sum() + new.sum()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_gates_of_the_updator() -> None:
    """With both gates closed a kernel depends on nothing."""
    updator = KernelUpdator(4, 4, gate_norm_act=True, activate_out=True)
    for norm in (updator.norm_in, updator.input_norm_in):
        torch.nn.init.zeros_(norm.weight)
        torch.nn.init.constant_(norm.bias, -100.0)
    out = updator(torch.randn(3, 4), torch.randn(3, 2, 4))
    assert out.shape == (3, 2, 4)
    torch.testing.assert_close(out, out[:1, :1].expand_as(out))
    assert updator.out_channels == 4

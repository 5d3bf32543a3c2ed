import io
from typing import Any

import pytest
import torch
from torch import nn

from mmcv.cnn import get_model_complexity_info
from mmcv.cnn.utils.flops_counter import flops_to_string, params_to_string


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(2)
        self.gap = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, 10)
        self.unused = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.gap(self.pool(self.bn(self.conv(x)).relu())).flatten(1))


def operations(layer: nn.Module, *shape: int) -> Any:
    return get_model_complexity_info(layer, shape, print_per_layer_stat=False, as_strings=False)


@pytest.mark.parametrize(
    ('layer', 'shape', 'expected'),
    [
        (nn.Conv1d(3, 4, 3), (3, 9), (7 * 4 * (3 * 3 + 1), 40)),
        (nn.Conv2d(4, 4, 3, groups=2, bias=False), (4, 5, 5), (9 * 9 * 2 * 4, 72)),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2, bias=False), (4, 5, 5), (25 * 9 * 4 * 3, 108)),
        (nn.ConvTranspose2d(4, 6, 2, stride=2), (4, 5, 5), (25 * 4 * 4 * 6 + 6 * 100, 102)),
        (nn.Linear(5, 6), (7, 5), (7 * 5 * 6, 36)),
        (nn.BatchNorm2d(3), (3, 4, 4), (96, 6)),
        (nn.LayerNorm(4, elementwise_affine=False), (3, 4), (12, 0)),
        (nn.MaxPool2d(2), (3, 4, 4), (48, 0)),
        (nn.Upsample(scale_factor=2), (3, 4, 4), (192, 0)),
        (nn.PReLU(), (3, 4), (12, 1)),
        (nn.Softmax(dim=-1), (3, 4), (0, 0)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else '',
)
def test_layers(layer: nn.Module, shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert operations(layer, *shape) == expected


def test_a_layer_used_twice_counts_twice() -> None:
    layer = nn.Linear(4, 4)
    assert operations(nn.Sequential(layer, layer), 4) == (32, 20)


def test_printed_shares() -> None:
    model, text = Net().train(), io.StringIO()
    before = repr(model)
    flops, params = get_model_complexity_info(model, (3, 32, 32), ost=text)
    assert (flops, params) == ('0.0 GFLOPs', '342')
    lines = text.getvalue().splitlines()
    assert '0.0 M, 100.000% Params, 0.0 GFLOPs, 100.000% FLOPs' in lines[1]
    assert '65.497% Params' in lines[2] and 'kernel_size=(3, 3)' in lines[2]
    assert '0.000% FLOPs' in lines[-2]
    # the model is left as it was
    assert repr(model) == before and all(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())


def test_other_inputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return self.fc(a + b)

    def construct(shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
        return {'a': torch.zeros(1, *shape), 'b': torch.zeros(1, *shape)}

    info = get_model_complexity_info(
        Two(), (3,), input_constructor=construct, print_per_layer_stat=False, as_strings=False
    )
    assert info == (6, 8)


@pytest.mark.parametrize(('model', 'shape'), [(Net(), [3, 4]), (Net(), ()), (Net, (3, 4))])
def test_wrong_arguments(model: Any, shape: Any) -> None:
    with pytest.raises(TypeError, match='should be'):
        get_model_complexity_info(model, shape)


def test_units() -> None:
    assert flops_to_string(2.3456e9) == '2.35 GFLOPs'
    assert flops_to_string(1234, 'KFLOPs', precision=1) == '1.2 KFLOPs'
    assert [flops_to_string(value, None) for value in (2e9, 2e6, 2e3, 2)] == [
        '2.0 GFLOPs',
        '2.0 MFLOPs',
        '2.0 KFLOPs',
        '2 FLOPs',
    ]
    assert [params_to_string(value) for value in (2.5e6, 1234, 7)] == ['2.5 M', '1.23 k', '7']
    assert params_to_string(1234, 'K', precision=3) == '1.234 K'

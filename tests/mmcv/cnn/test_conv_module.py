from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule, build_conv_layer, fuse_conv_bn
from mmengine.registry import MODELS, Registry
from mmengine.utils.errors import MMError, UnknownTypeError

BN = {'type': 'BN'}


def image() -> torch.Tensor:
    return torch.randn(2, 4, 6, 7, generator=torch.Generator().manual_seed(0))


def test_bias_only_without_norm() -> None:
    assert ConvModule(4, 2, 1).conv.bias is not None
    assert ConvModule(4, 2, 1, norm_cfg=BN).conv.bias is None
    assert ConvModule(4, 2, 1, bias=False).conv.bias is None
    with pytest.warns(UserWarning, match='no effect'):
        assert ConvModule(4, 2, 1, bias=True, norm_cfg=BN).conv.bias is not None


def test_norm_before_conv_has_input_channels() -> None:
    module = ConvModule(4, 2, 1, norm_cfg=BN, order=('norm', 'conv', 'act'))
    assert module.norm.num_features == 4
    assert module.norm is module.bn


@pytest.mark.parametrize('mode', ['zeros', 'circular', 'reflect', 'replicate'])
def test_padding_mode_is_that_of_torch(mode: str) -> None:
    module = ConvModule(4, 2, 3, padding=2, padding_mode=mode, act_cfg=None)
    reference = nn.Conv2d(4, 2, 3, padding=2, padding_mode=mode)
    reference.load_state_dict(module.conv.state_dict())
    torch.testing.assert_close(module(image()), reference(image()))
    assert module.padding == 2


def test_activation_takes_inplace_only_where_it_can() -> None:
    assert ConvModule(4, 2, 1).activate.inplace
    assert not ConvModule(4, 2, 1, inplace=False).activate.inplace
    assert not ConvModule(4, 2, 1, act_cfg={'type': 'ReLU', 'inplace': False}).activate.inplace
    for kind in ('GELU', 'Sigmoid', 'Clamp', nn.Tanh):
        ConvModule(4, 2, 1, act_cfg={'type': kind})(image())


def test_config_is_not_changed() -> None:
    act, norm = {'type': 'ReLU'}, {'type': 'BN', 'requires_grad': False}
    ConvModule(4, 2, 1, act_cfg=act, norm_cfg=norm)
    assert act == {'type': 'ReLU'} and norm == {'type': 'BN', 'requires_grad': False}


@pytest.mark.parametrize('bad', [{'order': ('conv', 'act')}, {'norm_cfg': 'BN'}, {'act_cfg': {'type': 'ReLV'}}])
def test_mistakes_are_reported(bad: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)) as error:
        ConvModule(4, 2, 1, **bad)
    assert str(next(iter(bad.values()))) in str(error.value) or 'ReLU' in str(error.value)


def test_unknown_layer_names_near_matches() -> None:
    with pytest.raises(UnknownTypeError, match='Conv2d') as error:
        build_conv_layer({'type': 'Conv2D'}, 1, 1, 1)
    assert isinstance(error.value, KeyError) and isinstance(error.value, MMError)
    with pytest.raises(KeyError, match='type'):
        build_conv_layer({}, 1, 1, 1)
    with pytest.raises(TypeError, match='dict'):
        build_conv_layer('Conv2d', 1, 1, 1)  # type: ignore[arg-type]


def test_layers_of_the_default_scope_are_found() -> None:
    child = Registry('model', parent=MODELS, scope='bricks_test')
    try:

        @child.register_module()
        class OwnConv(nn.Conv2d):
            pass

        with MODELS.switch_scope_and_registry('bricks_test'):
            assert isinstance(ConvModule(4, 2, 1, conv_cfg={'type': 'OwnConv'}).conv, OwnConv)
        assert isinstance(ConvModule(4, 2, 1, conv_cfg={'type': 'bricks_test.OwnConv'}).conv, OwnConv)
        with pytest.raises(UnknownTypeError):
            ConvModule(4, 2, 1, conv_cfg={'type': 'OwnConv'})
    finally:
        MODELS.children.pop('bricks_test')


def test_a_conv_that_initialises_itself_is_left_alone() -> None:
    class Own(nn.Conv2d):
        def init_weights(self) -> None:
            raise AssertionError('not to be called')

    torch.manual_seed(0)
    module = ConvModule(4, 2, 1, conv_cfg={'type': Own})
    torch.manual_seed(0)
    torch.testing.assert_close(module.conv.weight, nn.Conv2d(4, 2, 1).weight)


@pytest.mark.parametrize('affine', [True, False])
def test_folding_gives_the_same_values_and_gradients(affine: bool) -> None:
    module = ConvModule(4, 6, 3, groups=2, norm_cfg={'type': 'BN', 'affine': affine}, act_cfg=None)
    bn = module.norm
    bn.running_mean.normal_()
    bn.running_var.uniform_(0.5, 2)
    module.eval()
    x = image().requires_grad_()
    params = [x, *module.parameters()]
    plain = module(x)
    weight = torch.randn_like(plain)
    expected = torch.autograd.grad((plain * weight).sum(), params)
    module.turn_on_efficient_conv_bn_eval()
    bn.register_forward_hook(lambda *_: pytest.fail('batch normalisation ran by itself'))
    folded = module(x)
    torch.testing.assert_close(folded, plain)
    for found, target in zip(torch.autograd.grad((folded * weight).sum(), params), expected, strict=True):
        torch.testing.assert_close(found, target, atol=1e-4, rtol=1e-4)


def test_folding_stays_off_where_it_would_be_wrong() -> None:
    for options in (
        {'conv_cfg': {'type': 'ConvWS'}},
        {'with_spectral_norm': True},
        {'order': ('norm', 'act', 'conv')},
        {'norm_cfg': {'type': 'GN', 'num_groups': 1}},
        {'norm_cfg': None},
    ):
        module = ConvModule(4, 4, 1, **{'norm_cfg': BN, 'efficient_conv_bn_eval': True, **options})
        assert not module.efficient_conv_bn_eval
    training = ConvModule(4, 4, 1, norm_cfg=BN, efficient_conv_bn_eval=True)
    training(image())
    assert training.norm.num_batches_tracked == 1


def test_create_from_conv_bn() -> None:
    conv, bn = nn.Conv2d(4, 2, 3), nn.BatchNorm2d(2)
    bn.running_var.fill_(3.0)
    module = ConvModule.create_from_conv_bn(conv, bn).eval()
    torch.testing.assert_close(module(image()), bn.eval()(conv(image())))
    assert module.conv is conv and module.efficient_conv_bn_eval


def test_depthwise_separable_parts() -> None:
    module = DepthwiseSeparableConvModule(4, 8, 3, norm_cfg=BN, dw_norm_cfg=None, pw_act_cfg=None)
    assert module.depthwise_conv.groups == 4 and module.depthwise_conv.out_channels == 4
    assert not module.depthwise_conv.with_norm and module.pointwise_conv.with_norm
    assert module.depthwise_conv.with_activation and not module.pointwise_conv.with_activation
    with pytest.raises(ValueError, match='groups'):
        DepthwiseSeparableConvModule(4, 8, 3, groups=2)


def test_fuse_conv_bn_keeps_the_function() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = ConvModule(4, 6, 3, norm_cfg=BN)
            self.conv2 = nn.Conv2d(6, 6, 1, groups=3, bias=False)
            self.bn2 = nn.BatchNorm2d(6)
            self.alone = nn.BatchNorm2d(6)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.alone(self.bn2(self.conv2(self.stem(x))))

    net = Net()
    for _ in range(3):
        net(image())
    net.eval()
    expected = net(image())
    assert fuse_conv_bn(net) is net
    torch.testing.assert_close(net(image()), expected, atol=1e-5, rtol=1e-5)
    assert isinstance(net.stem.bn, nn.Identity) and isinstance(net.bn2, nn.Identity)
    assert isinstance(net.alone, nn.BatchNorm2d)


def test_aws_takes_over_ordinary_weights() -> None:
    plain = nn.Conv2d(4, 3, 3)
    aws = build_conv_layer({'type': 'ConvAWS'}, 4, 3, 3)
    result = aws.load_state_dict(plain.state_dict(), strict=False)
    assert not result.missing_keys
    torch.testing.assert_close(aws(image()), plain(image()), atol=1e-5, rtol=1e-5)
    again = build_conv_layer({'type': 'ConvAWS'}, 4, 3, 3)
    again.load_state_dict(aws.state_dict())
    torch.testing.assert_close(again(image()), plain(image()), atol=1e-5, rtol=1e-5)

"""Convolutional backbones: MobileNet V2 and V3, ResNeXt, ResNeSt, MSCAN; the neck JPU."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmcv.cnn import Conv2dAdaptivePadding
from mmengine.utils.errors import ConfigError
from mmseg.models import JPU, MSCAN, MobileNetV2, MobileNetV3, ResNeSt, ResNeXt
from mmseg.models.backbones.mscan import MSCAAttention, MSCABlock, MSCASpatialAttention
from mmseg.models.backbones.resnest import Bottleneck, RSoftmax, SplitAttentionConv2d
from mmseg.models.utils import Encoding, LayerNorm2d

BN = {'type': 'BN'}
IMAGE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
SMALL: dict[str, Any] = {'depth': 50, 'base_channels': 8, 'stem_channels': 8}
MSCAN_CFG: dict[str, Any] = {'embed_dims': [4, 8, 12, 16], 'depths': [1, 2, 1, 1], 'norm_cfg': BN}


def shapes(outs: Any) -> list[tuple[int, int]]:
    """Channels and stride of each output."""
    return [(out.shape[1], 64 // out.shape[-1]) for out in outs]


def frozen(model: nn.Module) -> set[str]:
    return {name.split('.')[0] for name, parameter in model.named_parameters() if not parameter.requires_grad}


@pytest.mark.parametrize(
    'model',
    [
        MobileNetV2(widen_factor=0.25),
        MobileNetV2(widen_factor=0.25, with_cp=True),
        MobileNetV3(out_indices=(12,)),
        MobileNetV3('large', out_indices=(16,), reduction_factor=2),
        ResNeXt(**SMALL, groups=4, base_width=16),
        ResNeSt(**SMALL),
        ResNeSt(**SMALL, radix=1, avg_down_stride=False, with_cp=True),
        MSCAN(**MSCAN_CFG, drop_path_rate=0.1),
    ],
    ids=lambda model: type(model).__name__,
)
def test_gradients_reach_all_parameters(model: nn.Module) -> None:
    model.init_weights()
    image = IMAGE.clone().requires_grad_()
    sum(out.square().sum() for out in model.train()(image)).backward()
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert not without and image.grad is not None


class TestMobileNetV2:
    def test_layers(self) -> None:
        assert shapes(MobileNetV2().eval()(IMAGE)) == [(24, 4), (32, 8), (96, 16), (320, 32)]
        narrow = MobileNetV2(widen_factor=0.5, out_indices=range(7)).eval()
        assert [channels for channels, _ in shapes(narrow(IMAGE))] == [8, 16, 16, 32, 48, 80, 160]

    def test_dilation_is_of_the_first_block(self) -> None:
        model = MobileNetV2(strides=(1, 2, 2, 1, 1, 1, 1), dilations=(1, 1, 1, 2, 2, 4, 4), out_indices=(6,))
        out = model.eval()(IMAGE)
        assert isinstance(out, Tensor) and out.shape == (2, 320, 8, 8)
        dilations = [block.conv[1].conv.dilation[0] for block in model.layer6]
        assert dilations == [4, 1, 1]

    def test_freezing(self) -> None:
        model = MobileNetV2(widen_factor=0.25, frozen_stages=2).train()
        assert frozen(model) == {'conv1', 'layer1', 'layer2'}
        assert not model.layer2.training and not model.conv1.training and model.layer3.training
        norms = [
            m for m in MobileNetV2(widen_factor=0.25, norm_eval=True).train().modules() if 'Norm' in type(m).__name__
        ]
        assert norms and not any(norm.training for norm in norms)

    @pytest.mark.parametrize('wrong', [{'out_indices': (7,)}, {'frozen_stages': 8}, {'strides': (1, 2)}])
    def test_what_does_not_go_together(self, wrong: dict) -> None:
        with pytest.raises(ConfigError):
            MobileNetV2(**wrong)


class TestMobileNetV3:
    @pytest.mark.parametrize(
        ('arch', 'indices', 'expected'),
        [('small', (0, 1, 12), [(16, 2), (16, 4), (576, 8)]), ('large', (1, 3, 16), [(16, 2), (24, 4), (960, 8)])],
    )
    def test_layers(self, arch: str, indices: tuple, expected: list) -> None:
        model = MobileNetV3(arch, out_indices=indices).eval()
        assert shapes(model(IMAGE)) == expected
        assert isinstance(model.layer0.conv, Conv2dAdaptivePadding)

    def test_the_last_strides_are_dilation(self) -> None:
        model = MobileNetV3()
        convs = [getattr(model, name).depthwise_conv.conv for name in model.layers[1:-1]]
        assert [conv.stride[0] for conv in convs] == [2, 2] + [1] * 9
        assert [conv.dilation[0] for conv in convs] == [1] * 3 + [2] * 5 + [4] * 3

    def test_reduced_channels_add_no_shortcut_to_the_block_that_had_the_stride(self) -> None:
        model = MobileNetV3(reduction_factor=2, out_indices=(8, 9, 11))
        assert [channels for channels, _ in shapes(model.eval()(IMAGE))] == [48, 48, 48]
        assert not model.layer9.with_res_shortcut and model.layer10.with_res_shortcut

    def test_freezing(self) -> None:
        model = MobileNetV3(frozen_stages=2, norm_eval=True).train()
        assert frozen(model) == {'layer0', 'layer1', 'layer2'} and not model.layer2.training
        assert not any(module.training for module in model.modules() if isinstance(module, nn.BatchNorm2d))
        assert not frozen(MobileNetV3())

    @pytest.mark.parametrize('wrong', [{'arch': 'medium'}, {'out_indices': (13,)}, {'frozen_stages': 13}])
    def test_what_does_not_go_together(self, wrong: dict) -> None:
        with pytest.raises(ConfigError):
            MobileNetV3(**wrong)


class TestResNeXt:
    def test_widths(self) -> None:
        model = ResNeXt(depth=50, groups=32, base_width=4)
        block = model.layer2[1]
        assert (block.conv1.out_channels, block.conv2.groups, block.conv2.in_channels) == (256, 32, 256)
        assert block.bn2.num_features == 256 and block.conv3.out_channels == 512

    def test_one_group_is_a_resnet(self) -> None:
        assert ResNeXt(**SMALL).layer1[0].conv2.out_channels == 8
        assert shapes(ResNeXt(**SMALL).eval()(IMAGE)) == [(32, 4), (64, 8), (128, 16), (256, 32)]

    def test_style_and_dilation(self) -> None:
        model = ResNeXt(**SMALL, groups=2, base_width=16, style='caffe', strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))
        block = model.layer2[0]
        assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))
        assert model.layer4[0].conv2.dilation == (4, 4)
        with pytest.raises(ConfigError, match='depth'):
            ResNeXt(depth=18)


class TestResNeSt:
    def test_layers(self) -> None:
        model = ResNeSt(**SMALL)
        assert shapes(model.eval()(IMAGE)) == [(32, 4), (64, 8), (128, 16), (256, 32)]
        block = model.layer2[0]
        assert isinstance(block, Bottleneck) and isinstance(block.avd_layer, nn.AvgPool2d)
        assert 'layer2.0.conv2.bn0.weight' in model.state_dict() and 'layer2.0.bn2.weight' not in model.state_dict()

    def test_the_convolution_strides_without_average_pooling(self) -> None:
        block = ResNeSt(**SMALL, avg_down_stride=False).layer2[0]
        assert block.conv2.conv.stride == (2, 2) and not hasattr(block, 'avd_layer')

    def test_weights_of_splits_add_up_to_one(self) -> None:
        out = RSoftmax(radix=3, groups=2)(torch.randn(2, 3 * 2 * 4, 1, 1))
        torch.testing.assert_close(out.view(2, 3, 8).sum(dim=1), torch.ones(2, 8))
        x = torch.randn(2, 8, 1, 1)
        assert RSoftmax(radix=1, groups=2)(x).equal(x.sigmoid())

    def test_equal_attention_averages_the_splits(self) -> None:
        layer = SplitAttentionConv2d(4, 6, 3, padding=1, radix=2, norm_cfg=BN).eval()
        nn.init.zeros_(layer.fc2.weight)
        nn.init.zeros_(layer.fc2.bias)
        x = torch.randn(2, 4, 5, 5)
        splits = layer.norm0(layer.conv(x)).relu()
        torch.testing.assert_close(layer(x), (splits[:, :6] + splits[:, 6:]) / 2)
        with pytest.raises(ConfigError, match='not both'):
            SplitAttentionConv2d(4, 6, 3, conv_cfg={'type': 'Conv2d'}, dcn={'type': 'DCN'})

    def test_deformable_convolution(self) -> None:
        dcn = {'type': 'DCN', 'deform_groups': 1, 'fallback_on_stride': False}
        model = ResNeSt(**SMALL, radix=1, dcn=dcn, stage_with_dcn=(False, False, False, True))
        assert type(model.layer4[0].conv2.conv).__name__ == 'DeformConv2dPack'
        assert shapes(model.eval()(IMAGE))[-1] == (256, 32)


class TestMSCAN:
    def test_stages(self) -> None:
        model = MSCAN(**MSCAN_CFG)
        model.init_weights()
        assert shapes(model.eval()(IMAGE)) == [(4, 4), (8, 8), (12, 16), (16, 32)]
        assert model.block1[0].layer_scale_1.eq(0.01).all()
        assert not model.patch_embed1.proj[0].bias.any()

    def test_other_images_and_stages(self) -> None:
        model = MSCAN(in_channels=4, embed_dims=[4, 8], mlp_ratios=[2, 2], depths=[1, 1], num_stages=2, norm_cfg=BN)
        assert [out.shape for out in model(torch.randn(1, 4, 33, 40))] == [(1, 4, 9, 10), (1, 8, 5, 5)]
        with pytest.raises(ConfigError, match='depths'):
            MSCAN(depths=[1, 1])

    def test_stochastic_depth_grows(self) -> None:
        model = MSCAN(**MSCAN_CFG, drop_path_rate=0.4)
        rates = [getattr(m.drop_path, 'drop_prob', 0.0) for m in model.modules() if isinstance(m, MSCABlock)]
        assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])

    def test_attention_gates_its_input_by_strips(self) -> None:
        attention = MSCAAttention(2, kernel_sizes=[3, [1, 5]], paddings=[1, [0, 2]])
        names = {name for name, _ in attention.named_children()}
        assert names == {'conv0', 'conv0_1', 'conv0_2', 'conv3'}
        assert attention.conv0_1.kernel_size == (1, 5) and attention.conv0_2.kernel_size == (5, 1)
        x = torch.randn(1, 2, 7, 7)
        base = attention.conv0(x)
        expected = attention.conv3(base + attention.conv0_2(attention.conv0_1(base))) * x
        torch.testing.assert_close(attention(x), expected)
        assert MSCASpatialAttention(2)(x).shape == x.shape


class TestJPU:
    inputs = [torch.randn(2, width, side, side) for width, side in ((4, 16), (6, 8), (8, 4))]

    def test_the_last_output_joins_all_at_the_finest_resolution(self) -> None:
        neck = JPU((4, 6, 8), mid_channels=5)
        outs = neck(self.inputs)
        assert outs[0] is self.inputs[0] and outs[1] is self.inputs[1] and outs[2].shape == (2, 20, 16, 16)
        outs[2].sum().backward()
        assert all(parameter.grad is not None for parameter in neck.parameters())

    def test_levels(self) -> None:
        outs = JPU((4, 6, 8), mid_channels=5, start_level=1, dilations=(1, 2))(self.inputs)
        assert [out.shape[1:] for out in outs] == [(6, 8, 8), (10, 8, 8)]
        assert len(JPU((4, 6, 8), mid_channels=5, end_level=2)(self.inputs)) == 2
        with pytest.raises(ConfigError, match='end_level=4'):
            JPU((4, 6, 8), end_level=4)
        with pytest.raises(ConfigError, match='3 inputs'):
            JPU((4, 6, 8), mid_channels=5)(self.inputs[:2])


class TestUtils:
    def test_encoding_sums_residuals(self) -> None:
        torch.manual_seed(0)
        layer = Encoding(channels=3, num_codes=4)
        x = torch.randn(2, 3, 5, 6)
        flat = x.flatten(2).transpose(1, 2)
        residuals = flat.unsqueeze(2) - layer.codewords  # (N, L, K, C)
        distances = layer.scale * residuals.square().sum(-1)
        torch.testing.assert_close(layer.scaled_l2(flat, layer.codewords, layer.scale), distances)
        expected = (distances.softmax(dim=2).unsqueeze(-1) * residuals).sum(dim=1)
        torch.testing.assert_close(layer(x), expected)
        assert (layer.scale <= 0).all() and layer.codewords.abs().max() <= 12**-0.5

    def test_encoding_in_half_precision_measures_distances_in_full(self) -> None:
        layer = Encoding(3, 4)
        x = torch.randn(2, 3, 5, 6) + 30
        with torch.autocast('cpu', dtype=torch.bfloat16):
            weights = layer.scaled_l2(x.flatten(2).transpose(1, 2), layer.codewords, layer.scale)
        assert weights.dtype == torch.float32

    def test_layer_norm_of_channels(self) -> None:
        layer = LayerNorm2d(6)
        with torch.no_grad():
            layer.weight.copy_(torch.arange(6.0))
        x = torch.randn(2, 6, 3, 4) * 5 + 2
        centred = x - x.mean(dim=1, keepdim=True)
        expected = centred / (x.var(dim=1, keepdim=True, correction=0) + 1e-6).sqrt() * torch.arange(6.0)[:, None, None]
        torch.testing.assert_close(layer(x), expected)

from typing import Any

import pytest
import torch
from torch import nn

from mmengine.utils.errors import ConfigError, DataError
from mmseg.models.backbones import FastSCNN, MixVisionTransformer, ResNet, ResNetV1c, ResNetV1d, UNet
from mmseg.models.backbones.mit import EfficientMultiheadAttention, MixFFN
from mmseg.models.backbones.resnet import BasicBlock, Bottleneck

IMAGE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def small(depth: int = 18, **kwargs: Any) -> ResNet:
    return ResNet(depth, **{'base_channels': 4, 'stem_channels': 4, **kwargs})


def strides(outs: Any) -> list[int]:
    return [64 // out.shape[-1] for out in outs]


class TestResNet:
    @pytest.mark.parametrize(
        ('depth', 'blocks', 'block'),
        [
            (18, [2, 2, 2, 2], BasicBlock),
            (34, [3, 4, 6, 3], BasicBlock),
            (50, [3, 4, 6, 3], Bottleneck),
            (101, [3, 4, 23, 3], Bottleneck),
            (152, [3, 8, 36, 3], Bottleneck),
        ],
    )
    def test_depths(self, depth: int, blocks: list[int], block: type) -> None:
        model = small(depth)
        assert [len(getattr(model, name)) for name in model.res_layers] == blocks
        outs = model.eval()(IMAGE)
        assert strides(outs) == [4, 8, 16, 32]
        assert [out.shape[1] for out in outs] == [4 * block.expansion * 2**i for i in range(4)]  # type: ignore[attr-defined]
        assert isinstance(model.layer1[0], block)

    def test_dilation_keeps_the_stride(self) -> None:
        model = small(50, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), contract_dilation=True)
        assert strides(model(IMAGE)) == [4, 8, 8, 8]
        assert [block.conv2.dilation[0] for block in model.layer4] == [2, 4, 4]
        grid = small(50, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), multi_grid=(1, 2, 4))
        assert [block.conv2.dilation[0] for block in grid.layer4] == [1, 2, 4]
        assert grid.layer3[1].conv2.dilation[0] == 1

    def test_style_says_which_convolution_strides(self) -> None:
        for style, expected in ('pytorch', (1, 2)), ('caffe', (2, 1)):
            block = small(50, style=style).layer2[0]
            assert (block.conv1.stride[0], block.conv2.stride[0]) == expected

    def test_variants(self) -> None:
        deep = ResNetV1c(depth=18, base_channels=4, stem_channels=8)
        assert deep.deep_stem and len(deep.stem) == 9 and not hasattr(deep, 'conv1')
        average = ResNetV1d(depth=18, base_channels=4, stem_channels=8)
        assert isinstance(average.layer2[0].downsample[0], nn.AvgPool2d)
        assert strides(average(IMAGE)) == [4, 8, 16, 32]

    def test_frozen_stages_stay_frozen(self) -> None:
        for model in (small(frozen_stages=1), small(frozen_stages=1, deep_stem=True)):
            model.train()
            frozen = {name.split('.')[0] for name, p in model.named_parameters() if not p.requires_grad}
            assert frozen == ({'stem', 'layer1'} if model.deep_stem else {'conv1', 'bn1', 'layer1'})
            assert not model.layer1.training and model.layer2.training
        assert all(p.requires_grad for p in small().parameters())

    def test_norm_eval(self) -> None:
        model = small(norm_eval=True).train()
        assert not any(m.training for m in model.modules() if isinstance(m, nn.BatchNorm2d))
        assert model.layer1.training

    @pytest.mark.parametrize('depth', [18, 50])
    def test_checkpointing_gives_the_same_gradients(self, depth: int) -> None:
        torch.manual_seed(0)
        plain = small(depth)
        saving = small(depth, with_cp=True)
        saving.load_state_dict(plain.state_dict())
        image = IMAGE.clone().requires_grad_()
        for model in (plain, saving):
            model(image)[-1].square().sum().backward()
        for one, other in zip(plain.parameters(), saving.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)

    def test_initial_weights(self) -> None:
        model = small(50)
        model.init_weights()
        assert not model.layer1[0].norm3.weight.any() and model.layer1[0].norm1.weight.eq(1).all()
        model = small(50, zero_init_residual=False)
        model.init_weights()
        assert model.layer1[0].norm3.weight.eq(1).all()

    def test_pretrained_is_only_noted_when_built(self) -> None:
        model = small(pretrained='open-mmlab://resnet18_v1c')
        assert model.init_cfg == {'type': 'Pretrained', 'checkpoint': 'open-mmlab://resnet18_v1c'}
        with pytest.raises(ConfigError, match='not both'):
            small(pretrained='a', init_cfg={'type': 'Pretrained', 'checkpoint': 'b'})

    def test_plugins(self) -> None:
        cfg = {'type': 'ContextBlock', 'ratio': 0.25}
        plugin = {'cfg': cfg, 'stages': (False, True, False, True), 'position': 'after_conv3'}
        model = small(50, plugins=[plugin])
        names = {name.split('.')[0] for name, _ in model.named_modules() if 'context_block' in name}
        assert names == {'layer2', 'layer4'} and plugin['cfg'] is cfg and cfg == {'type': 'ContextBlock', 'ratio': 0.25}
        assert strides(model.eval()(IMAGE)) == [4, 8, 16, 32]
        with pytest.raises(ConfigError, match='postfix'):
            small(50, plugins=[plugin, plugin])
        with pytest.raises(ConfigError, match='no plugins'):
            small(18, plugins=[plugin])

    @pytest.mark.parametrize(
        'wrong',
        [{'depth': 20}, {'strides': (1, 2)}, {'out_indices': (4,)}, {'num_stages': 5}, {'depth': 50, 'style': 'tf'}],
    )
    def test_wrong_arguments(self, wrong: dict) -> None:
        with pytest.raises(ConfigError):
            small(**wrong)


class TestMixVisionTransformer:
    arguments: dict[str, Any] = {'embed_dims': 8, 'num_heads': [1, 2, 2, 4], 'num_layers': [1, 1, 1, 2]}

    def test_outputs(self) -> None:
        model = MixVisionTransformer(**self.arguments, out_indices=(0, 2, 3)).eval()
        outs = model(IMAGE)
        assert strides(outs) == [4, 16, 32] and [out.shape[1] for out in outs] == [8, 16, 32]
        odd = model(torch.zeros(1, 3, 50, 70))
        assert [tuple(out.shape[2:]) for out in odd] == [(13, 18), (4, 5), (2, 3)]

    def test_drop_path_grows(self) -> None:
        model = MixVisionTransformer(**self.arguments, drop_path_rate=0.4)
        rates = [block.ffn.dropout_layer.drop_prob for stage in model.layers for block in stage[1]]
        assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])

    @pytest.mark.parametrize('qkv_bias', [False, True])
    @pytest.mark.parametrize('sr_ratio', [1, 2])
    def test_attention_is_that_of_pytorch(self, qkv_bias: bool, sr_ratio: int) -> None:
        torch.manual_seed(0)
        attention = EfficientMultiheadAttention(8, 2, qkv_bias=qkv_bias, sr_ratio=sr_ratio).eval()
        x = torch.randn(2, 24, 8)
        keys = x
        if sr_ratio > 1:
            pixels = attention.sr(x.transpose(1, 2).reshape(2, 8, 4, 6))
            keys = attention.norm(pixels.flatten(2).transpose(1, 2))
        query, source = x.transpose(0, 1), keys.transpose(0, 1)
        expected = attention.attn(query, source, source)[0].transpose(0, 1)
        torch.testing.assert_close(attention(x, (4, 6)), x + expected)
        torch.testing.assert_close(attention(x, (4, 6), identity=x * 2), x * 2 + expected)

    def test_dropout_of_attention_only_in_training(self) -> None:
        attention = EfficientMultiheadAttention(8, 2, attn_drop=0.5)
        x = torch.randn(1, 16, 8)
        assert not attention(x, (4, 4)).equal(attention(x, (4, 4)))
        attention.eval()
        assert attention(x, (4, 4)).equal(attention(x, (4, 4)))

    def test_the_feed_forward_network_sees_neighbours(self) -> None:
        ffn = MixFFN(4, 8).eval()
        x = torch.zeros(1, 25, 4)
        x[0, 12] = 1  # the centre of 5 x 5
        changed = (ffn(x, (5, 5)) - ffn(torch.zeros_like(x), (5, 5))).abs().sum(2)[0].reshape(5, 5) > 1e-7
        assert changed[1:4, 1:4].all() and changed.sum() == 9

    def test_checkpointing_gives_the_same_gradients(self) -> None:
        torch.manual_seed(0)
        plain = MixVisionTransformer(**self.arguments)
        saving = MixVisionTransformer(**self.arguments, with_cp=True)
        saving.load_state_dict(plain.state_dict())
        for model in (plain, saving):
            model(IMAGE)[-1].square().sum().backward()
        for one, other in zip(plain.parameters(), saving.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)

    def test_initial_weights(self) -> None:
        model = MixVisionTransformer(**self.arguments)
        model.init_weights()
        conv = model.layers[3][1][0].ffn.layers[4]
        assert conv.weight.std().item() == pytest.approx((2 / 32) ** 0.5, rel=0.1) and not conv.bias.any()

    def test_wrong_arguments(self) -> None:
        with pytest.raises(ConfigError, match='num_layers'):
            MixVisionTransformer(num_layers=[1, 2])


class TestFastSCNN:
    def test_outputs(self) -> None:
        outs = FastSCNN(out_indices=(0, 1, 2)).eval()(IMAGE)
        assert strides(outs) == [8, 32, 8] and [out.shape[1] for out in outs] == [64, 128, 128]

    def test_branches_must_fit(self) -> None:
        with pytest.raises(ConfigError, match='higher_in_channels'):
            FastSCNN(higher_in_channels=32)


class TestUNet:
    @pytest.mark.parametrize('kind', ['InterpConv', 'DeconvModule', 'nearest'])
    def test_outputs(self, kind: str) -> None:
        if kind == 'nearest':
            kwargs: dict[str, Any] = {'upsample_cfg': {'type': 'InterpConv', 'conv_first': True}, 'with_cp': True}
        else:
            kwargs = {'upsample_cfg': {'type': kind}}
        image = IMAGE.clone().requires_grad_()
        outs = UNet(base_channels=2, **kwargs)(image)
        assert strides(outs) == [16, 8, 4, 2, 1] and [out.shape[1] for out in outs] == [32, 16, 8, 4, 2]
        outs[-1].sum().backward()
        assert image.grad is not None

    def test_stages_without_downsampling(self) -> None:
        model = UNet(base_channels=2, strides=(1, 2, 1, 1, 1), downsamples=(True, True, False, False), norm_eval=True)
        assert strides(model(IMAGE)) == [4, 4, 4, 2, 1]
        assert not any(m.training for m in model.train().modules() if isinstance(m, nn.BatchNorm2d))
        with pytest.raises(DataError, match='size_divisor=4'):
            model(torch.zeros(1, 3, 30, 32))

    @pytest.mark.parametrize('wrong', [{'num_stages': 4}, {'dcn': {}}, {'dec_dilations': (1,)}])
    def test_wrong_arguments(self, wrong: dict) -> None:
        with pytest.raises(ConfigError):
            UNet(base_channels=2, **wrong)

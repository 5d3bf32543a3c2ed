"""Backbones for real-time segmentation."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmengine.utils.errors import ConfigError
from mmseg.models import (
    BiSeNetV1,
    BiSeNetV2,
    CGNet,
    DDRNet,
    ERFNet,
    ICNeck,
    ICNet,
    PIDNet,
    STDCContextPathNet,
    STDCNet,
)
from mmseg.models.backbones.cgnet import GlobalContextExtractor, InputInjection
from mmseg.models.backbones.erfnet import DownsamplerBlock, NonBottleneck1d
from mmseg.models.backbones.pidnet import Bag, LightBag, PagFM
from mmseg.models.backbones.stdc import STDCModule
from mmseg.models.utils import DAPPM, PAPPM, BasicBlock, Bottleneck

IMAGE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
RELU = {'type': 'ReLU'}
RESNET = {'type': 'ResNet', 'depth': 18, 'base_channels': 4, 'stem_channels': 4}


def bisenetv1(**kwargs: Any) -> BiSeNetV1:
    arguments = {
        'backbone_cfg': RESNET,
        'spatial_channels': (4, 4, 4, 6),
        'context_channels': (8, 16, 32),
        'out_channels': 10,
    }
    return BiSeNetV1(**{**arguments, **kwargs})


def bisenetv2(**kwargs: Any) -> BiSeNetV2:
    arguments = {'detail_channels': (4, 4, 8), 'semantic_channels': (4, 4, 6, 8), 'bga_channels': 8}
    return BiSeNetV2(semantic_expansion_ratio=2, **{**arguments, **kwargs})


def stdc(**kwargs: Any) -> STDCNet:
    arguments = {'stdc_type': 'STDCNet1', 'channels': (4, 4, 8, 16, 32), 'bottleneck_type': 'cat'}
    return STDCNet(in_channels=3, norm_cfg={'type': 'BN'}, act_cfg=RELU, **{**arguments, **kwargs})


def stdc_path(norm_cfg: dict = {'type': 'BN'}) -> STDCContextPathNet:
    backbone = {'type': 'STDCNet', 'stdc_type': 'STDCNet1', 'in_channels': 3, 'channels': (4, 4, 8, 16, 32)}
    backbone.update(bottleneck_type='cat', norm_cfg=norm_cfg, act_cfg=RELU)
    return STDCContextPathNet(backbone, (32, 16), 6, {'in_channels': 14, 'out_channels': 12}, norm_cfg=norm_cfg)


def icnet(**kwargs: Any) -> ICNet:
    backbone = {**RESNET, 'type': 'ResNetV1c', 'norm_cfg': kwargs.get('norm_cfg', {'type': 'BN'})}
    arguments = {'layer_channels': (8, 32), 'psp_out_channels': 6, 'out_channels': (4, 5, 6), 'pool_scales': (1, 2)}
    return ICNet(backbone, light_branch_middle_channels=4, **{**arguments, **kwargs})


def cgnet(**kwargs: Any) -> CGNet:
    return CGNet(**{'num_channels': (4, 8, 16), 'num_blocks': (2, 3), 'reductions': (2, 4), **kwargs})


def erfnet(**kwargs: Any) -> ERFNet:
    arguments = {
        'enc_downsample_channels': (4, 8, 16),
        'enc_stage_non_bottlenecks': (1, 2),
        'enc_non_bottleneck_dilations': (2, 4),
        'dec_upsample_channels': (8, 4),
        'dec_stages_non_bottleneck': (1, 1),
        'dec_non_bottleneck_channels': (8, 4),
    }
    return ERFNet(**{**arguments, **kwargs})


MODELS: dict[str, tuple[Any, list[tuple[int, int]]]] = {
    # channels and stride of each output, in training
    'bisenetv1': (bisenetv1, [(10, 8), (8, 8), (8, 16)]),
    'bisenetv2': (bisenetv2, [(8, 8), (4, 4), (4, 8), (6, 16), (8, 32)]),
    'stdc': (stdc, [(8, 8), (16, 16), (32, 32)]),
    'stdc_add': (lambda: stdc(bottleneck_type='add'), [(8, 8), (16, 16), (32, 32)]),
    'stdc_path': (stdc_path, [(8, 8), (6, 16), (6, 8), (12, 8)]),
    'ddrnet': (lambda: DDRNet(channels=2, ppm_channels=2), [(4, 8), (8, 8)]),
    'pidnet_s': (lambda: PIDNet(channels=2, ppm_channels=2), [(4, 8), (8, 8), (4, 8)]),
    'pidnet_l': (lambda: PIDNet(channels=2, ppm_channels=2, num_stem_blocks=3), [(4, 8), (8, 8), (4, 8)]),
    'cgnet': (cgnet, [(7, 2), (19, 4), (32, 8)]),
    'erfnet': (erfnet, [(4, 2)]),
}


@pytest.mark.parametrize('name', MODELS)
class TestAll:
    def test_outputs_and_gradients(self, name: str) -> None:
        build, expected = MODELS[name]
        model = build()
        outs = model(IMAGE)
        assert [(out.shape[1], 64 // out.shape[3]) for out in outs] == expected
        sum(out.square().sum() for out in outs).backward()
        assert [key for key, p in model.named_parameters() if p.grad is None] == []

    def test_sides_that_are_no_multiple(self, name: str) -> None:
        model = MODELS[name][0]().eval()
        out = model(torch.zeros(1, 3, 75, 101))
        assert all(part.isfinite().all() for part in ([out] if isinstance(out, Tensor) else out))

    def test_initial_weights(self, name: str) -> None:
        model = MODELS[name][0]()
        model.init_weights()
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        zero = {id(m.norm2) for m in model.modules() if hasattr(m, 'norm2')}  # of ResNet's blocks
        assert norms and all(m.weight.eq(0 if id(m) in zero else 1).all() for m in norms)


@pytest.mark.parametrize(
    'build',
    [
        lambda norm: bisenetv1(backbone_cfg={**RESNET, 'norm_cfg': norm}, norm_cfg=norm),
        lambda norm: bisenetv2(norm_cfg=norm),
        stdc_path,
        lambda norm: DDRNet(channels=2, ppm_channels=2, norm_cfg=norm),
        lambda norm: PIDNet(channels=2, ppm_channels=2, norm_cfg=norm),
        lambda norm: PIDNet(channels=2, ppm_channels=2, num_stem_blocks=3, norm_cfg=norm),
        lambda norm: icnet(norm_cfg=norm),
        lambda norm: ICNeck((4, 5, 6), 3, norm_cfg=norm),
        lambda norm: cgnet(norm_cfg=norm),
        lambda norm: erfnet(norm_cfg=norm),
    ],
)
def test_the_normalisation_asked_for_is_everywhere(build: Any) -> None:
    model = build({'type': 'SyncBN', 'requires_grad': True})
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert norms and all(isinstance(m, nn.SyncBatchNorm) for m in norms)


class TestBiSeNet:
    def test_out_indices(self) -> None:
        everything = bisenetv1().eval()(IMAGE)
        assert len(everything) == 3
        model = bisenetv2(out_indices=(4, 0)).eval()
        assert [out.shape[1:] for out in model(IMAGE)] == [(8, 2, 2), (8, 8, 8)]
        assert [out.shape[1] for out in bisenetv1(out_indices=(1,)).eval()(IMAGE)] == [8]

    def test_aggregation_needs_both_branches(self) -> None:
        bga = bisenetv2().bga.eval()
        detail, semantic = torch.randn(1, 8, 8, 8, requires_grad=True), torch.randn(1, 8, 2, 2, requires_grad=True)
        bga(detail, semantic).square().sum().backward()
        assert detail.grad is not None and detail.grad.any() and semantic.grad is not None and semantic.grad.any()

    @pytest.mark.parametrize(
        'wrong', [{'spatial_channels': (4, 4, 6)}, {'context_channels': (8, 16)}], ids=['spatial', 'context']
    )
    def test_wrong_arguments(self, wrong: dict) -> None:
        with pytest.raises(ConfigError):
            bisenetv1(**wrong)
        with pytest.raises(ConfigError, match='semantic_channels'):
            bisenetv2(semantic_channels=(8,))


class TestSTDC:
    @pytest.mark.parametrize('fusion_type', ['cat', 'add'])
    @pytest.mark.parametrize('stride', [1, 2])
    @pytest.mark.parametrize('num_convs', [2, 4, 5])
    def test_the_chain_fills_the_channels(self, fusion_type: str, stride: int, num_convs: int) -> None:
        in_channels = 32 if stride == 1 else 6
        module = STDCModule(in_channels, 32, stride, {'type': 'BN'}, RELU, num_convs, fusion_type).eval()
        assert module(torch.randn(1, in_channels, 8, 8)).shape == (1, 32, 8 // stride, 8 // stride)
        assert len(module.layers) == num_convs

    def test_add_keeps_the_input(self) -> None:
        x = torch.randn(1, 8, 4, 4)
        add = STDCModule(8, 8, 1, {'type': 'BN'}, RELU, fusion_type='add').eval()
        cat = STDCModule(8, 8, 1, {'type': 'BN'}, RELU, fusion_type='cat').eval()
        cat.load_state_dict(add.state_dict())
        torch.testing.assert_close(add(x), cat(x) + x)

    def test_variants(self) -> None:
        assert [len(stage) for stage in stdc(stdc_type='STDCNet2').stages[2:]] == [4, 5, 3]  # type: ignore[arg-type]
        assert stdc(with_final_conv=True).eval()(IMAGE)[-1].shape == (2, 1024, 2, 2)

    @pytest.mark.parametrize(
        'wrong', [{'stdc_type': 'STDC1'}, {'channels': (4, 4)}, {'bottleneck_type': 'sum'}, {'num_convs': 1}]
    )
    def test_wrong_arguments(self, wrong: dict) -> None:
        with pytest.raises(ConfigError):
            stdc(**wrong)


class TestTrainingOutputs:
    @pytest.mark.parametrize('name', ['ddrnet', 'pidnet_s', 'pidnet_l'])
    def test_only_in_training(self, name: str) -> None:
        model = MODELS[name][0]()
        assert isinstance(model(IMAGE), tuple)
        out = model.eval()(IMAGE)
        assert isinstance(out, Tensor) and out.shape == (2, 8, 8, 8)

    def test_the_fused_feature_is_the_same(self) -> None:
        for name in ('ddrnet', 'pidnet_s'):
            model = MODELS[name][0]().eval()
            expected = model(IMAGE)
            model.training = True  # of this module alone
            torch.testing.assert_close(model(IMAGE)[1], expected)


class TestFusion:
    @pytest.mark.parametrize('with_channel', [False, True])
    @pytest.mark.parametrize('mode', ['bilinear', 'nearest'])
    def test_pag_is_between_its_inputs(self, with_channel: bool, mode: str) -> None:
        torch.manual_seed(0)
        fusion = PagFM(4, 2, with_channel=with_channel, upsample_mode=mode).eval()
        fine, coarse = torch.full((1, 4, 8, 8), 0.2), torch.full((1, 4, 3, 3), 0.5)
        out = fusion(fine, coarse)
        assert out.shape == fine.shape and out.gt(0.2).all() and out.lt(0.5).all()
        assert (out.std(dim=1).max() > 1e-6) == with_channel

    def test_pag_after_relu(self) -> None:
        fusion = PagFM(4, 2, after_relu=True).eval()
        out = fusion(torch.full((1, 4, 4, 4), -1.0), torch.full((1, 4, 2, 2), -1.0))
        assert not out.any()

    @pytest.mark.parametrize('kind', [Bag, LightBag])
    def test_boundaries_take_detail(self, kind: Any) -> None:
        fusion = kind(4, 4).eval()
        detail, context, other = torch.randn(3, 1, 4, 6, 6).unbind()
        at_boundary, elsewhere = torch.full_like(detail, 50), torch.full_like(detail, -50)
        if kind is Bag:
            torch.testing.assert_close(fusion(detail, context, at_boundary), fusion(detail, other, at_boundary))
            torch.testing.assert_close(fusion(detail, context, elsewhere), fusion(other, context, elsewhere))
        else:
            expected = fusion.f_p(detail) + fusion.f_i(context + detail)
            torch.testing.assert_close(fusion(detail, context, at_boundary), expected)

    @pytest.mark.parametrize('block', [BasicBlock, Bottleneck])
    def test_blocks_activate_their_sum_if_asked(self, block: Any) -> None:
        torch.manual_seed(0)
        x = torch.randn(2, 4 * block.expansion, 6, 6)
        for act_cfg_out in (None, RELU):
            module = block(4 * block.expansion, 4, act_cfg_out=act_cfg_out)
            assert bool(module(x).lt(0).any()) == (act_cfg_out is None)

    @pytest.mark.parametrize('pooling', [DAPPM, PAPPM])
    def test_pooling(self, pooling: Any) -> None:
        torch.manual_seed(0)
        module = pooling(4, 8, 6, num_scales=4, kernel_sizes=[3, 5], strides=[2, 4], paddings=[1, 2]).eval()
        assert len(module.scales) == 4
        x = torch.randn(1, 4, 9, 11, requires_grad=True)
        out = module(x)
        assert out.shape == (1, 6, 9, 11)
        gradient = torch.autograd.grad(out[0, :, 0, 0].sum(), x)[0]
        assert gradient[0, :, -1, -1].any()  # the mean over the image reaches everywhere
        with pytest.raises(ConfigError, match='num_scales=4'):
            pooling(4, 2, 6, num_scales=4)


class TestICNet:
    def test_outputs(self) -> None:
        model = icnet()
        outs = model(IMAGE)
        # The pooling of the half image rounds up.
        assert [tuple(out.shape[1:]) for out in outs] == [(4, 8, 8), (5, 5, 5), (6, 1, 1)]
        sum(out.square().sum() for out in outs).backward()
        assert [name for name, p in model.named_parameters() if p.grad is None] == []

    def test_neck(self) -> None:
        neck = ICNeck((4, 5, 6), 3)
        inputs = [torch.randn(2, 4, 8, 8), torch.randn(2, 5, 5, 5), torch.randn(2, 6, 2, 2)]
        outs = neck(inputs)
        assert [tuple(out.shape[1:]) for out in outs] == [(3, 5, 5), (3, 8, 8), (3, 8, 8)]
        outs[2].square().sum().backward()
        assert [name for name, p in neck.named_parameters() if p.grad is None] == []

    def test_wrong_arguments(self) -> None:
        with pytest.raises(ConfigError, match='backbone_cfg'):
            ICNet(None)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match='in_channels'):
            ICNeck((4, 5))


class TestCGNet:
    def test_the_image_is_injected(self) -> None:
        assert InputInjection(2)(IMAGE).shape == (2, 3, 16, 16)
        image = IMAGE.clone()
        image[:, 1] = 0
        model = cgnet().eval()
        bn, _ = model.norm_prelu_0
        seen: list[Tensor] = []
        bn.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        model(image)
        assert not seen[0][:, 5].any() and seen[0][:, 4].any()

    def test_global_context_is_a_gate(self) -> None:
        x = torch.randn(2, 4, 5, 5)
        gate = GlobalContextExtractor(4, 2)(x) / x
        assert gate.gt(0).all() and gate.lt(1).all()
        torch.testing.assert_close(gate, gate[:, :, :1, :1].expand_as(gate))

    def test_checkpointing_gives_the_same_gradients(self) -> None:
        plain, saving = cgnet(), cgnet(with_cp=True)
        saving.load_state_dict(plain.state_dict())
        for model in (plain, saving):
            model(IMAGE)[-1].square().sum().backward()
        for one, other in zip(plain.parameters(), saving.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)

    def test_options(self) -> None:
        act = {'type': 'PReLU'}
        model = cgnet(act_cfg=act, norm_eval=True).train()
        assert act == {'type': 'PReLU'}
        assert not any(m.training for m in model.modules() if isinstance(m, nn.BatchNorm2d))
        assert isinstance(cgnet(act_cfg=RELU).level1[1].conv1x1.activate, nn.ReLU)  # type: ignore[union-attr]

    @pytest.mark.parametrize('wrong', [{'num_channels': (4, 8)}, {'num_blocks': (1,)}, {'reductions': (2, 40)}])
    def test_wrong_arguments(self, wrong: dict) -> None:
        with pytest.raises(ConfigError):
            cgnet(**wrong)


class TestERFNet:
    def test_downsampling_keeps_what_it_pools(self) -> None:
        block = DownsamplerBlock(3, 8).eval()
        out = block(IMAGE)
        assert out.shape == (2, 8, 32, 32)
        pooled = nn.functional.max_pool2d(IMAGE, 2).relu() / (1 + 1e-3) ** 0.5
        torch.testing.assert_close(out[:, 5:], pooled)
        assert block(torch.zeros(1, 3, 33, 35)).shape == (1, 8, 17, 18)

    def test_dilation_widens_the_view(self) -> None:
        reach = []
        for dilation in (1, 4):
            block = NonBottleneck1d(2, dilation=dilation).eval()
            x = torch.randn(1, 2, 21, 21, requires_grad=True)
            gradient = torch.autograd.grad(block(x)[0, :, 10, 10].sum() * 1e3, x)[0][0].abs().sum(0)
            rows = gradient.sum(1).nonzero()
            reach.append(int((rows - 10).abs().max()))
        assert reach[0] <= 2 < reach[1] <= 5

    def test_dropout_only_in_the_encoder(self) -> None:
        model = erfnet(dropout_ratio=0.3)
        rates = [
            [m.p for m in part.modules() if isinstance(m, nn.Dropout) and m.p]
            for part in (model.encoder, model.decoder)
        ]
        assert rates == [[0.3] * 3, []]

    def test_epsilon(self) -> None:
        def epsilons(**norm_cfg: Any) -> set[float]:
            model = erfnet(norm_cfg={'type': 'BN', **norm_cfg})
            return {m.eps for m in model.modules() if isinstance(m, nn.BatchNorm2d)}

        assert epsilons() == {1e-3} and epsilons(eps=1e-5) == {1e-5}

    @pytest.mark.parametrize('wrong', [{'enc_stage_non_bottlenecks': (1, 3)}, {'dec_upsample_channels': (8,)}])
    def test_wrong_arguments(self, wrong: dict) -> None:
        with pytest.raises(ConfigError):
            erfnet(**wrong)

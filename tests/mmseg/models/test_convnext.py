from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mmengine.config import Config
from mmengine.config.stand_ins import stand_in_of
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.utils.errors import ConfigError
from mmseg.models import ConvNeXt, PoolFormer
from mmseg.models.backbones.convnext import GRN, LayerNorm2d
from mmseg.models.backbones.poolformer import Pooling

IMAGE = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
ARCH = {'depths': [1, 1, 2, 1], 'channels': [4, 8, 12, 16]}
POOL_ARCH = {'layers': [1, 2], 'embed_dims': [4, 8], 'mlp_ratios': [4, 2], 'layer_scale_init_value': 0.5}


def convnext(**kwargs: Any) -> ConvNeXt:
    return ConvNeXt(**{'arch': ARCH, 'out_indices': (0, 1, 2, 3), 'gap_before_final_norm': False, **kwargs})


class TestConvNeXt:
    def test_outputs(self) -> None:
        outs = convnext()(IMAGE)
        assert [tuple(out.shape) for out in outs] == [(2, 4 * (i + 1), 16 // 2**i, 24 // 2**i) for i in range(4)]
        assert [out.shape for out in ConvNeXt(ARCH)(IMAGE)] == [(2, 16)]
        assert [out.shape for out in convnext(out_indices=-2)(IMAGE)] == [(2, 12, 4, 6)]

    @pytest.mark.parametrize('grn', [False, True])
    def test_linear_and_convolution_are_the_same(self, grn: bool) -> None:
        linear, conv = convnext(use_grn=grn).eval(), convnext(use_grn=grn, linear_pw_conv=False).eval()
        for param in linear.parameters():
            nn.init.normal_(param, std=0.3)
        state = linear.state_dict()
        conv.load_state_dict(
            {k: v[..., None, None] if 'pointwise' in k and v.ndim == 2 else v for k, v in state.items()}
        )
        torch.testing.assert_close(linear(IMAGE), conv(IMAGE), rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize(
        'options', [{}, {'use_grn': True, 'layer_scale_init_value': 0.0}, {'norm_cfg': {'type': 'BN'}}]
    )
    def test_gradients_reach_all_parameters(self, options: dict) -> None:
        model = convnext(**options)
        model.init_weights()
        sum(out.square().sum() for out in model(IMAGE)).backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        assert (model.stages[0][0].gamma is None) == ('layer_scale_init_value' in options)

    def test_checkpointing_gives_the_same_gradients(self) -> None:
        plain, saving = convnext(), convnext(with_cp=True)
        saving.load_state_dict(plain.state_dict())
        for model in (plain, saving):
            model(IMAGE)[-1].square().sum().backward()
        for one, other in zip(plain.parameters(), saving.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)

    def test_frozen_stages_stay_frozen(self) -> None:
        model = convnext(frozen_stages=2).train()
        frozen = {'.'.join(name.split('.')[:2]) for name, p in model.named_parameters() if not p.requires_grad}
        assert frozen == {'downsample_layers.0', 'downsample_layers.1', 'stages.0', 'stages.1'}
        assert not model.stages[1].training and model.stages[2].training
        assert all(p.requires_grad for p in convnext(frozen_stages=-1).parameters())

    def test_norm_of_channels(self) -> None:
        x = torch.randn(2, 6, 3, 5)
        norm = LayerNorm2d(6, eps=1e-6)
        torch.testing.assert_close(norm(x).mean(1), torch.zeros(2, 3, 5), atol=1e-5, rtol=0)
        torch.testing.assert_close(norm(x.permute(0, 2, 3, 1), 'channel_last').permute(0, 3, 1, 2), norm(x))

    def test_global_response(self) -> None:
        x = torch.randn(2, 6, 3, 5)
        grn = GRN(6)
        torch.testing.assert_close(grn(x), x)  # at first
        nn.init.ones_(grn.gamma)
        norms = x.flatten(2).norm(dim=2)
        response = norms / (norms.mean(dim=1, keepdim=True) + 1e-6)
        torch.testing.assert_close(grn(x), x * (1 + response[:, :, None, None]))

    def test_sizes_by_name(self) -> None:
        with torch.device('meta'):
            counts = {
                arch: sum(p.numel() for p in ConvNeXt(arch, use_grn=arch == 'atto').parameters())
                for arch in ('atto', 'tiny', 'base')
            }
        # The tables of the papers, without classifiers of 1000 classes.
        assert {arch: round(count / 1e6, 1) for arch, count in counts.items()} == {
            'atto': 3.4,
            'tiny': 27.8,
            'base': 87.6,
        }

    @pytest.mark.parametrize('wrong', [{'arch': 'giant'}, {'arch': {'depths': [1]}}, {'out_indices': (4,)}])
    def test_wrong_arguments(self, wrong: dict) -> None:
        with pytest.raises(ConfigError):
            convnext(**wrong)


class TestPoolFormer:
    def test_outputs_and_gradients(self) -> None:
        model = PoolFormer(POOL_ARCH, out_indices=(0, 1, 2), frozen_stages=-1)
        outs = model(IMAGE)
        assert [out.shape for out in outs] == [(2, 4, 16, 24), (2, 8, 8, 12), (2, 8, 8, 12)]
        sum((out * torch.randn_like(out)).sum() for out in outs).backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())

    def test_pooling_is_the_difference_to_the_mean_of_neighbours(self) -> None:
        x = torch.arange(9.0).view(1, 1, 3, 3)
        out = Pooling(3)(x)
        assert out[0, 0, 1, 1] == 0 and out[0, 0, 0, 0] == (0 + 1 + 3 + 4) / 4

    def test_frozen_stages(self) -> None:
        for stages, expected in ((-1, set()), (0, {'patch_embed'}), (2, {'patch_embed', 'network.0', 'network.1'})):
            model = PoolFormer(POOL_ARCH, frozen_stages=stages).train()
            frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
            assert {name.split('.')[0] if name[0] == 'p' else name[:9] for name in frozen} == expected
            assert model.network[2].training and model.patch_embed.training == (stages < 0)

    def test_default_is_the_last_stage(self) -> None:
        assert [out.shape for out in PoolFormer(POOL_ARCH)(IMAGE)] == [(2, 8, 8, 12)]


@pytest.mark.skipif(stand_in_of('mmpretrain') is None, reason='mmpretrain is installed: it answers itself')
@pytest.mark.parametrize(('name', 'arch'), [('ConvNeXt', ARCH), ('PoolFormer', POOL_ARCH)])
def test_configs_that_name_mmpretrain(tmp_path: Path, name: str, arch: dict) -> None:
    file = tmp_path / 'c.py'
    file.write_text(
        "custom_imports = dict(imports='mmpretrain.models', allow_failed_imports=False)\n"
        f"backbone = dict(type='mmpretrain.{name}', arch={arch!r}, out_indices=[0])\n"
    )
    model = ROOT_MODELS.build(Config.fromfile(file).backbone)
    assert type(model).__name__ == name and model(IMAGE)[0].shape[0] == 2


def test_checkpoint_of_a_classifier_loads_by_prefix(tmp_path: Path) -> None:
    source = convnext()
    torch.save({'state_dict': {f'backbone.{k}': v for k, v in source.state_dict().items()}}, tmp_path / 'c.pth')
    model = convnext(init_cfg={'type': 'Pretrained', 'checkpoint': str(tmp_path / 'c.pth'), 'prefix': 'backbone.'})
    model.init_weights()
    torch.testing.assert_close(model.state_dict(), source.state_dict())

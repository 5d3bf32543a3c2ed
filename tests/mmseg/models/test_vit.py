from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmengine.utils.errors import ConfigError
from mmseg.models import MAE, BEiT, VisionTransformer

IMAGE = torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
SIZES = {'img_size': (32, 48), 'patch_size': 8, 'embed_dims': 16, 'num_layers': 3, 'num_heads': 2}


def vit(**kwargs: Any) -> VisionTransformer:
    return VisionTransformer(**{**SIZES, **kwargs})


def filled(model: nn.Module) -> Any:
    torch.manual_seed(0)
    for param in model.parameters():
        nn.init.normal_(param, std=0.5)
    return model.eval()


class TestVisionTransformer:
    def test_outputs(self) -> None:
        assert [out.shape for out in vit()(IMAGE)] == [(2, 16, 4, 6)]
        model = vit(out_indices=(0, 2), out_origin=True, output_cls_token=True)
        for out, token in model(IMAGE):
            assert out.shape == (2, 16, 4, 6) and token.shape == (2, 16)
        assert len(model(IMAGE)) == 3

    def test_padding_of_patches(self) -> None:
        image = torch.randn(1, 3, 33, 48)
        assert vit()(image)[0].shape[2:] == (5, 6)
        assert vit(patch_pad=0)(image)[0].shape[2:] == (4, 6)

    def test_the_origin_is_what_the_first_layer_gets(self) -> None:
        model = filled(vit(out_origin=True, pre_norm=True))
        seen: list[Tensor] = []
        model.layers[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        origin = model(IMAGE)[0]
        assert origin.equal(seen[0][:, 1:].transpose(1, 2).reshape(2, 16, 4, 6))

    def test_without_class_token_it_is_not_attended_to(self) -> None:
        model = filled(vit(with_cls_token=False))
        before = model(IMAGE)[0]
        nn.init.normal_(model.cls_token)
        assert model(IMAGE)[0].equal(before)
        with_token = filled(vit())
        before = with_token(IMAGE)[0]
        nn.init.normal_(with_token.cls_token)
        assert not with_token(IMAGE)[0].equal(before)

    def test_final_norm_is_of_the_last_layer_only(self) -> None:
        model = filled(vit(out_indices=(1, 2), final_norm=True))
        plain = vit(out_indices=(1, 2)).eval()
        plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith('ln1.')})
        first, last = plain(IMAGE)
        torch.testing.assert_close(model(IMAGE)[0], first)
        torch.testing.assert_close(model(IMAGE)[1], model.ln1(last.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))

    def test_position_embedding_follows_the_size_of_the_image(self) -> None:
        model = vit(out_origin=True, interpolate_mode='bilinear').eval()
        nn.init.zeros_(model.patch_embed.projection.weight)
        with torch.no_grad():  # a ramp from left to right
            model.pos_embed[:, 1:] = torch.arange(6.0).repeat(4)[None, :, None]
        wide = model(torch.zeros(1, 3, 32, 96))[0]
        torch.testing.assert_close(wide[0, 0, 0, 1:-1], torch.arange(0.25, 5, 0.5))
        assert wide.shape == (1, 16, 4, 12) and (wide[0, 0, 0] == wide[0, 3, 2]).all()

    def test_frozen_exclude(self) -> None:
        trainable = {name for name, p in vit(frozen_exclude=['pos_embed', 'ln2']).named_parameters() if p.requires_grad}
        assert trainable == {'pos_embed', *(f'layers.{i}.ln2.{name}' for i in range(3) for name in ('weight', 'bias'))}
        assert all(p.requires_grad for p in vit().parameters())

    def test_norm_eval(self) -> None:
        model = vit(norm_eval=True).train()
        assert model.layers.training and not any(m.training for m in model.modules() if isinstance(m, nn.LayerNorm))

    def test_patch_options(self) -> None:
        assert vit().patch_embed.projection.bias is None and vit().patch_embed.norm is None
        model = vit(patch_bias=True, patch_norm=True)
        assert model.patch_embed.projection.bias is not None and model.patch_embed.norm is not None

    @pytest.mark.parametrize('options', [{}, {'pre_norm': True, 'final_norm': True, 'qkv_bias': False, 'num_fcs': 3}])
    def test_gradients_reach_all_parameters(self, options: dict) -> None:
        model = vit(**options)
        model.init_weights()
        model(IMAGE)[-1].square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())

    def test_checkpointing_gives_the_same_gradients(self) -> None:
        plain, saving = vit(), vit(with_cp=True)
        saving.load_state_dict(plain.state_dict())
        for model in (plain, saving):
            model(IMAGE)[-1].square().sum().backward()
        for one, other in zip(plain.parameters(), saving.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)

    def test_initial_weights(self) -> None:
        model = vit()
        model.init_weights()
        assert 0.01 < model.pos_embed.std() < 0.03 and model.cls_token.any()
        layer = model.layers[0]
        assert 0 < layer.ffn.layers[1].bias.abs().max() < 1e-4 and not layer.attn.attn.out_proj.bias.any()

    @pytest.mark.parametrize('wrong', [{'out_indices': (3,)}, {'with_cls_token': False, 'output_cls_token': True}])
    def test_wrong_arguments(self, wrong: dict) -> None:
        with pytest.raises(ConfigError):
            vit(**wrong)


class TestBEiT:
    @pytest.mark.parametrize('kind', [BEiT, MAE])
    def test_outputs_and_gradients(self, kind: type) -> None:
        model = kind(**SIZES, out_indices=[0, 2], drop_path_rate=0.0)
        model.init_weights()
        outs = model(IMAGE)
        assert [out.shape for out in outs] == [(2, 16, 4, 6)] * 2
        outs[-1].square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())

    @pytest.mark.parametrize('bias', ['qv_bias', True, False])
    def test_attention(self, bias: Any) -> None:
        from mmseg.models.backbones.beit import BEiTAttention

        attention = filled(BEiTAttention(8, 2, (2, 3), bias=bias))
        x = torch.randn(2, 7, 8)
        zeros = torch.zeros(8)
        biases = {
            'qv_bias': lambda: torch.cat([attention.q_bias, zeros, attention.v_bias]),
            True: lambda: attention.qkv.bias,
            False: lambda: torch.zeros(24),
        }
        qkv = x @ attention.qkv.weight.T + biases[bias]()
        query, key, value = (part.view(2, 7, 2, 4).transpose(1, 2) for part in qkv.chunk(3, dim=-1))
        offsets = attention.relative_position_bias_table[attention.relative_position_index].permute(2, 0, 1)
        weights = (query @ key.transpose(-1, -2) / 2 + offsets).softmax(-1)
        expected = attention.proj((weights @ value).transpose(1, 2).flatten(2))
        torch.testing.assert_close(attention(x), expected)

    def test_scales_start_small(self) -> None:
        model = BEiT(**SIZES, init_values=1e-6)
        assert all((layer.gamma_1 == 1e-6).all() and (layer.gamma_2 == 1e-6).all() for layer in model.layers)
        assert BEiT(**SIZES, init_values=None).layers[0].gamma_1 is None
        origin = model.patch_embed(IMAGE)[0].transpose(1, 2).reshape(2, 16, 4, 6)
        torch.testing.assert_close(model.eval()(IMAGE)[0], origin, atol=1e-3, rtol=0)

    def test_other_sizes_are_refused_with_the_way_out(self) -> None:
        with pytest.raises(ConfigError, match="mode='slide'"):
            BEiT(**SIZES)(torch.zeros(1, 3, 48, 48))

    def test_attn_drop_rate_arrives(self) -> None:
        assert BEiT(**SIZES, attn_drop_rate=0.25).layers[0].attn.attn_drop.p == 0.25

    def test_initial_weights(self) -> None:
        beit, mae = BEiT(**SIZES), MAE(**SIZES)
        beit.init_weights()
        mae.init_weights()
        assert beit.layers[0].attn.relative_position_bias_table.any()
        assert not any(layer.attn.relative_position_bias_table.any() for layer in mae.layers)
        assert mae.pos_embed.any() and not hasattr(beit, 'pos_embed')
        stds = [layer.ffn.layers[1].weight.std() / layer.ffn.layers[0][0].weight.std() for layer in mae.layers]
        expected = [(2.0 * number) ** -0.5 for number in (1, 2, 3)]
        torch.testing.assert_close(torch.stack(stds), torch.tensor(expected), rtol=0.15, atol=0)

"""Depth: the segmentor, VPD's head, and VPD over stand-ins for the parts of `ldm`."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError, MissingDependencyError
from mmseg.models import DepthEstimator, VPDDepthHead
from mmseg.models.backbones import VPD
from mmseg.models.backbones.vpd_attention import AttentionStore, as_map, register_attention_control
from mmseg.structures import SegDataSample


class Plain(nn.Module):
    """A backbone that gives the image, and remembers what it got."""

    class_embed_select = True

    def forward(self, x: Any) -> list[Tensor]:
        self.seen = x
        return [x[0] if isinstance(x, tuple) else x]


class Slope(nn.Module):
    """A head that is not symmetric, so that flips matter."""

    align_corners, num_classes, out_channels = False, 1, 1

    def forward(self, x: Any) -> Tensor:
        return x[0].mean(1, keepdim=True) * torch.linspace(0, 1, x[0].shape[-1])

    def predict(self, x: Any, metas: Any, cfg: Any) -> Tensor:
        return self.forward(x)

    def loss(self, x: Any, samples: Any, cfg: Any) -> dict:
        return {'loss': x[0].mean()}


def estimator(**test_cfg: Any) -> DepthEstimator:
    return DepthEstimator({'type': Plain}, {'type': Slope}, test_cfg=test_cfg)


def sample(**meta: Any) -> SegDataSample:
    return SegDataSample(metainfo={'ori_shape': (8, 16), 'img_shape': (8, 16), 'pad_shape': (8, 16), **meta})


def test_windows_of_both_directions_are_averaged() -> None:
    x = torch.rand(1, 3, 8, 16)
    windows = {'crop_size': (8, 8), 'stride': (8, 4)}
    model = estimator(mode='slide_flip', **windows)
    (result,) = model.predict(x, [sample()])
    one_way = estimator(mode='slide', **windows)
    there = one_way.predict(x, [sample()])[0].pred_depth_map.data
    back = one_way.predict(x.flip(3), [sample()])[0].pred_depth_map.data.flip(2)
    torch.testing.assert_close(result.pred_depth_map.data, (there + back) / 2)
    assert not torch.allclose(there, back)
    assert 'seg_logits' not in result
    with pytest.raises(ConfigError, match="'slide_flip'"):
        estimator(mode='flip').predict(x, [sample()])


def test_the_class_of_a_room_goes_to_the_backbone() -> None:
    model = estimator(mode='whole')
    x = torch.rand(2, 3, 8, 16)
    rooms = [sample(category_id=3), sample(category_id=5)]
    model.loss(x, rooms)
    assert model.backbone.seen[1].tolist() == [3, 5]
    model.predict(x, rooms)
    assert model.backbone.seen[1].tolist() == [3, 5]
    model.predict(x, [sample(), sample()])
    assert isinstance(model.backbone.seen, Tensor)
    assert model(x, rooms, mode='tensor').shape == (2, 1, 8, 16)


def test_depth_comes_back_to_the_original_image() -> None:
    meta = {'img_padding_size': (0, 4, 0, 2), 'ori_shape': (12, 24), 'flip': True, 'flip_direction': 'horizontal'}
    x = torch.rand(1, 3, 8, 16)
    (result,) = estimator(mode='whole').predict(x, [sample(**meta)])
    depth = Slope()([x])[:, :, :6, :12].flip(3)
    expected = nn.functional.interpolate(depth, (12, 24), mode='bilinear')
    torch.testing.assert_close(result.pred_depth_map.data, expected[0])
    without = estimator(mode='whole').predict(x)
    assert without[0].pred_depth_map.data.shape == (1, 8, 16)


def vpd_head(**kwargs: Any) -> VPDDepthHead:
    torch.manual_seed(0)
    cfg = {'in_channels': [16, 16, 32, 32], 'embed_dim': 4, 'feature_dim': 32, 'num_deconv_filters': (4, 4, 4)}
    return VPDDepthHead(**{**cfg, **kwargs})


def features(batch: int = 2) -> list[Tensor]:
    return [torch.randn(batch, width, side, side) for width, side in zip((16, 16, 32, 32), (16, 8, 4, 2), strict=True)]


def test_the_head_learns_depth() -> None:
    head = vpd_head(max_depth=5.0)
    head.init_weights()
    samples = [sample() for _ in range(2)]
    for each in samples:
        each.set_data({'gt_depth_map': PixelData(data=torch.rand(1, 100, 100) * 5)})
    losses = head.loss(features(), samples, {})
    assert set(losses) == {'loss_silog'}
    losses['loss_silog'].backward()
    assert all(parameter.grad is not None for parameter in head.parameters())
    depth = head.predict(features(), [{'img_shape': (100, 90)}], {})
    assert depth.shape == (2, 1, 100, 90) and depth.min() >= 0 and depth.max() <= 5
    assert 'max_depth=5.0' in repr(head)


@pytest.mark.parametrize(('border', 'size'), [(0, (128, 128)), (1, (96, 96)), ((1, 0), (96, 128)), ((0, 2), (128, 64))])
def test_the_border_is_cut_off_at_the_end(border: Any, size: tuple[int, int]) -> None:
    assert vpd_head(fmap_border=border)(features()).shape[2:] == size


# ------------------------------------------------------------------ VPD


class CrossAttention(nn.Module):
    """As the one of `ldm`."""

    def __init__(self, dim: int, context: int, heads: int = 2) -> None:
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.to_q, self.to_k, self.to_v = nn.Linear(dim, dim), nn.Linear(context, dim), nn.Linear(context, dim)
        self.to_out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        keys = x if context is None else context
        q, k, v = (
            layer(source).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, source in ((self.to_q, x), (self.to_k, keys), (self.to_v, keys))
        )
        return self.to_out(nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, factor: float = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1)
        self.attn = CrossAttention(outputs, 6)
        self.factor = factor

    def forward(self, x: Tensor, embedding: Tensor, context: Tensor) -> Tensor:
        x = self.conv(x) + embedding.mean()
        if self.factor != 1:
            x = nn.functional.interpolate(x, scale_factor=self.factor)
        tokens = x.flatten(2).transpose(1, 2)
        return x + self.attn(tokens, context).transpose(1, 2).unflatten(2, x.shape[2:])


class UNet(nn.Module):
    model_channels = 4

    def __init__(self) -> None:
        super().__init__()
        self.time_embed = nn.Linear(4, 4)
        # 12 blocks down: three of each size, as there; 12 up, with a larger map behind the third of each size.
        self.input_blocks = nn.ModuleList(Block(4, 4, 0.5 if i in (3, 6, 9) else 1) for i in range(12))
        self.middle_block = Block(4, 4)
        self.output_blocks = nn.ModuleList(Block(8, 4, 2 if i in (2, 5, 8) else 1) for i in range(12))
        self.out = nn.Conv2d(4, 4, 1)


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 8, stride=8)
        self.decoder = nn.Conv2d(4, 4, 1)

    def encode(self, x: Tensor) -> Any:
        self.seen = x
        return SimpleNamespace(mode=lambda: self.conv(x))


class Diffusion(nn.Module):
    def __init__(self, cfg: dict) -> None:
        super().__init__()
        self.cfg = cfg
        self.first_stage_model = Encoder()
        self.model = nn.Module()
        self.model.diffusion_model = UNet()


@pytest.fixture
def ldm(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ['ldm', 'ldm.util', 'ldm.modules', 'ldm.modules.diffusionmodules', 'ldm.modules.diffusionmodules.util']
    modules: dict[str, Any] = {name: ModuleType(name) for name in names}
    modules['ldm.util'].instantiate_from_config = Diffusion
    modules[names[-1]].timestep_embedding = lambda steps, dim, repeat_only: steps[:, None].float().expand(-1, dim)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def texts(tmp_path: Path) -> str:
    torch.save(torch.randn(3, 6), tmp_path / 'texts.pth')
    return str(tmp_path / 'texts.pth')


def test_features_of_four_sizes(ldm: None, texts: str) -> None:
    model = VPD({'target': 'x', 'params': {}}, texts, unet_cfg={'use_attn': False}, pad_shape=128, pad_val=[1.0, 2, 3])
    outs = model(torch.zeros(2, 3, 128, 120))
    assert [tuple(out.shape) for out in outs] == [(2, 4, 16, 16), (2, 4, 8, 8), (2, 4, 4, 4), (2, 4, 2, 2)]
    seen = model.encoder_vq.seen
    assert (
        seen.shape == (2, 3, 128, 128) and seen[0, :, 0, 127].tolist() == [1, 2, 3] and seen[:, :, :, :120].max() == 0
    )
    assert not hasattr(model.encoder_vq, 'decoder') and not hasattr(model.unet.unet.diffusion_model, 'out')
    sum(out.sum() for out in outs).backward()  # type: ignore[union-attr]
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad != name.startswith('encoder_vq.')
        assert (parameter.grad is not None) == parameter.requires_grad, name


def test_the_text_of_the_own_class(ldm: None, texts: str) -> None:
    model = VPD({'target': 'x'}, texts, unet_cfg={'use_attn': False}, class_embed_select=True).eval()
    assert model.class_embeddings.shape == (4, 6)
    torch.testing.assert_close(model.class_embeddings[3], model.class_embeddings[:3].mean(0))
    x = torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        first, second = model((x, torch.tensor([0]))), model((x, torch.tensor([1])))
        mean, none = model((x, torch.tensor([3]))), model(x)
    assert not torch.allclose(first[0], second[0])
    torch.testing.assert_close(mean, none)


def test_attention_is_appended(ldm: None, texts: str) -> None:
    torch.manual_seed(0)
    plain = VPD({'target': 'x'}, texts, unet_cfg={'use_attn': False}).eval()
    torch.manual_seed(0)
    model = VPD({'target': 'x'}, texts, unet_cfg={'base_size': 128}).eval()
    x = torch.randn(2, 3, 128, 128)
    with torch.no_grad():
        outs, without = model(x), plain(x)
    # At 1/8 the map is larger than what is kept.
    assert [out.shape[1] for out in outs] == [4, 4 + 3, 4 + 3, 4]
    for out, one in zip(outs, without, strict=True):
        torch.testing.assert_close(out[:, :4], one)
    torch.testing.assert_close(outs[1][:, 4:].sum(1), torch.ones(2, 8, 8))
    assert not any(model.unet.attention_store.maps.values())


def test_where_attention_is_recorded() -> None:
    store = AttentionStore(base_size=8)
    model = nn.Module()
    model.input_blocks = nn.ModuleList([CrossAttention(4, 4)])
    model.middle_block = nn.ModuleList([CrossAttention(4, 4)])
    model.others = nn.ModuleList([CrossAttention(4, 4)])
    expected = model.input_blocks[0](torch.ones(1, 16, 4))
    register_attention_control(model, store)
    torch.testing.assert_close(model.input_blocks[0](torch.ones(1, 16, 4)), expected)
    model.middle_block[0](torch.randn(1, 16, 4), torch.randn(1, 5, 4), mask=torch.tensor([[True] * 4 + [False]]))
    model.middle_block[0](torch.randn(1, 17, 4), torch.randn(1, 5, 4))  # too large
    model.others[0](torch.randn(1, 16, 4))
    assert {name: len(maps) for name, maps in store.maps.items() if maps} == {'down_self': 1, 'mid_cross': 1}
    (seen,) = store.maps['mid_cross']
    assert seen.shape == (1, 16, 5) and seen[..., 4].max() == 0
    assert as_map(seen).shape == (1, 5, 4, 4) and as_map(seen)[0, 2, 1, 3] == seen[0, 7, 2]


def test_the_missing_package_is_named(texts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'ldm', None)
    with pytest.raises(MissingDependencyError, match='CompVis/stable-diffusion'):
        VPD({'target': 'x'}, texts)

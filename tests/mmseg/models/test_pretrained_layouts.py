"""Checkpoints in the layouts of other projects: what is loaded computes what the other project's forward computes."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmengine.checkpoint import load_checkpoint, load_state_dict
from mmengine.utils.errors import CheckpointError
from mmseg.models import MAE, PCPVT, SVT, BEiT, ConvNeXt, SwinTransformer, VisionTransformer
from mmseg.models.backbones.relative_position import resize_bias_table, resize_bias_table_with_cls

C, DEPTH, HEADS, PATCH, GRID = 8, 2, 2, 4, 3
SIZES: dict[str, Any] = {
    'img_size': PATCH * GRID,
    'patch_size': PATCH,
    'embed_dims': C,
    'num_layers': DEPTH,
    'num_heads': HEADS,
    'norm_cfg': {'type': 'LN', 'eps': 1e-6},
}
IMAGE = torch.randn(2, 3, PATCH * GRID, PATCH * GRID, generator=torch.Generator().manual_seed(5))
State = dict[str, Tensor]


class Maker:
    """Random entries under the names of layers."""

    def __init__(self) -> None:
        self.state: State = {}
        self.generator = torch.Generator().manual_seed(0)

    def put(self, name: str, *shape: int) -> None:
        self.state[name] = torch.randn(shape, generator=self.generator) * 0.3

    def layer(self, name: str, *shape: int, bias: bool = True) -> None:
        self.put(f'{name}.weight', *shape)
        if bias:
            self.put(f'{name}.bias', shape[0])


def vit_state(beit: bool = False) -> State:
    make = Maker()
    make.put('cls_token', 1, 1, C)
    make.layer('patch_embed.proj', C, 3, PATCH, PATCH)
    if not beit:
        make.put('pos_embed', 1, GRID * GRID + 1, C)
    for index in range(DEPTH):
        block = f'blocks.{index}'
        for norm in ('norm1', 'norm2'):
            make.layer(f'{block}.{norm}', C)
        make.layer(f'{block}.attn.qkv', 3 * C, C, bias=not beit)
        make.layer(f'{block}.attn.proj', C, C)
        make.layer(f'{block}.mlp.fc1', 4 * C, C)
        make.layer(f'{block}.mlp.fc2', C, 4 * C)
        if beit:
            for name in ('gamma_1', 'gamma_2', 'attn.q_bias', 'attn.v_bias'):
                make.put(f'{block}.{name}', C)
    if beit:
        make.put('rel_pos_bias.relative_position_bias_table', (2 * GRID - 1) ** 2 + 3, HEADS)
        make.state['rel_pos_bias.relative_position_index'] = torch.zeros(GRID**2 + 1, GRID**2 + 1, dtype=torch.long)
    make.layer('norm', C)
    make.layer('head', 10, C)
    return make.state


def vit_forward(state: State, image: Tensor) -> Tensor:
    """The last layer's map of a timm ViT, or of BEiT with one table of biases for all layers."""

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, state[f'{name}.weight'], state.get(f'{name}.bias'))

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (C,), state[f'{name}.weight'], state[f'{name}.bias'], eps=1e-6)

    x = F.conv2d(image, state['patch_embed.proj.weight'], state['patch_embed.proj.bias'], stride=PATCH)
    x = torch.cat([state['cls_token'].expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], dim=1)
    x = x + state.get('pos_embed', torch.zeros(1))
    bias = torch.zeros(1)
    if 'rel_pos_bias.relative_position_bias_table' in state:
        table = state['rel_pos_bias.relative_position_bias_table']
        bias = torch.zeros(HEADS, GRID**2 + 1, GRID**2 + 1)
        at = [divmod(place, GRID) for place in range(GRID**2)]
        for i, (y, x_) in enumerate(at):
            for j, (v, u) in enumerate(at):
                bias[:, 1 + i, 1 + j] = table[(y - v + GRID - 1) * (2 * GRID - 1) + x_ - u + GRID - 1]
        bias[:, 0, 1:], bias[:, 1:, 0], bias[:, 0, 0] = table[-3][:, None], table[-2][:, None], table[-1]
    for index in range(DEPTH):
        block = f'blocks.{index}'
        one = torch.ones(C)
        qkv = linear(norm(x, f'{block}.norm1'), f'{block}.attn.qkv')
        if f'{block}.attn.q_bias' in state:
            qkv = qkv + torch.cat([state[f'{block}.attn.q_bias'], torch.zeros(C), state[f'{block}.attn.v_bias']])
        query, key, value = qkv.view(len(x), -1, 3, HEADS, C // HEADS).permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(-1, -2) * (C // HEADS) ** -0.5 + bias).softmax(dim=-1)
        out = linear((weights @ value).transpose(1, 2).flatten(2), f'{block}.attn.proj')
        x = x + state.get(f'{block}.gamma_1', one) * out
        out = linear(F.gelu(linear(norm(x, f'{block}.norm2'), f'{block}.mlp.fc1')), f'{block}.mlp.fc2')
        x = x + state.get(f'{block}.gamma_2', one) * out
    return x[:, 1:].transpose(1, 2).unflatten(2, (GRID, GRID))


def pretrained(tmp_path: Path, checkpoint: Any) -> dict:
    torch.save(checkpoint, tmp_path / 'c.pth')
    return {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'c.pth')}


@pytest.mark.parametrize('patch_bias', [True, False])
def test_vit_of_timm(tmp_path: Path, patch_bias: bool) -> None:
    """Without a bias in the patch embedding that of the checkpoint is kept in the position embedding."""
    state = vit_state()
    model = VisionTransformer(**SIZES, patch_bias=patch_bias, init_cfg=pretrained(tmp_path, state))
    model.init_weights()
    torch.testing.assert_close(model.eval()(IMAGE)[0], vit_forward(state, IMAGE), rtol=1e-4, atol=1e-4)


def test_final_norm_is_that_before_the_classifier(tmp_path: Path) -> None:
    state = vit_state()
    model = VisionTransformer(**SIZES, final_norm=True, init_cfg=pretrained(tmp_path, state))
    model.init_weights()
    assert model.ln1.weight.equal(state['norm.weight'])


def test_mae(tmp_path: Path) -> None:
    state = vit_state()
    model = MAE(**SIZES, init_values=1.0, init_cfg=pretrained(tmp_path, {'model': {**state, 'mask_token': IMAGE}}))
    model.init_weights()
    nn.init.zeros_(model.layers[0].attn.relative_position_bias_table)
    nn.init.zeros_(model.layers[1].attn.relative_position_bias_table)
    torch.testing.assert_close(model.eval()(IMAGE)[0], vit_forward(state, IMAGE), rtol=1e-4, atol=1e-4)


def test_beit_with_one_table_for_all_layers(tmp_path: Path) -> None:
    state = vit_state(beit=True)
    model = BEiT(**SIZES, init_cfg=pretrained(tmp_path, {'model': state}))
    model.init_weights()
    torch.testing.assert_close(model.eval()(IMAGE)[0], vit_forward(state, IMAGE), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('kind', [VisionTransformer, MAE])
def test_position_embedding_of_another_size(tmp_path: Path, kind: type) -> None:
    state = vit_state()
    model = kind(**{**SIZES, 'img_size': (16, 24)}, init_cfg=pretrained(tmp_path, state))
    model.init_weights()
    given = (
        state['pos_embed']
        if kind is MAE
        else torch.cat([state['pos_embed'][:, :1], state['pos_embed'][:, 1:] + state['patch_embed.proj.bias']], dim=1)
    )
    grid = given[:, 1:].transpose(1, 2).unflatten(2, (GRID, GRID))
    expected = F.interpolate(grid, size=(4, 6), mode='bicubic').flatten(2).transpose(1, 2)
    torch.testing.assert_close(model.pos_embed, torch.cat([given[:, :1], expected], dim=1))


def test_a_model_and_its_backbone_read_the_same(tmp_path: Path) -> None:
    state = vit_state()
    alone, within = VisionTransformer(**SIZES), nn.ModuleDict({'backbone': VisionTransformer(**SIZES)})
    alone.load_state_dict(state, strict=False)
    torch.save({'state_dict': {f'backbone.{k}': v for k, v in state.items()}}, tmp_path / 'c.pth')
    load_checkpoint(within, tmp_path / 'c.pth')
    torch.testing.assert_close(within['backbone'].state_dict(), alone.state_dict())
    cut = VisionTransformer(**SIZES)
    load_checkpoint(cut, tmp_path / 'c.pth')  # of a whole model, for its backbone
    torch.testing.assert_close(cut.state_dict(), alone.state_dict())


@pytest.mark.parametrize(
    'build',
    [
        lambda: VisionTransformer(**SIZES, patch_bias=True, pre_norm=True, final_norm=True),
        lambda: BEiT(**SIZES),
        lambda: MAE(**SIZES),
        lambda: SwinTransformer(embed_dims=4, depths=(2, 1, 1, 1), num_heads=(1, 1, 1, 1), use_abs_pos_embed=True),
        lambda: ConvNeXt({'depths': [1], 'channels': [4]}),
        lambda: SVT(embed_dims=[4], num_heads=[1], mlp_ratios=[2], out_indices=(0,), depths=[2], sr_ratios=[2]),
    ],
)
def test_own_checkpoints_load_strictly(build: Any) -> None:
    source, target = build(), build()
    for param in source.parameters():
        nn.init.normal_(param)
    target.load_state_dict(source.state_dict(), strict=True)
    torch.testing.assert_close(target.state_dict(), source.state_dict())
    with pytest.raises(RuntimeError, match='extra'):
        target.load_state_dict({**source.state_dict(), 'extra': torch.zeros(1)})


def swin_state(depths: tuple[int, ...] = (2, 1), width: int = 4, window: int = 3) -> State:
    make = Maker()
    make.layer('patch_embed.proj', width, 3, 4, 4)
    make.layer('patch_embed.norm', width)
    for stage, depth in enumerate(depths):
        channels = width * 2**stage
        for index in range(depth):
            block = f'layers.{stage}.blocks.{index}'
            for norm in ('norm1', 'norm2'):
                make.layer(f'{block}.{norm}', channels)
            make.layer(f'{block}.attn.qkv', 3 * channels, channels)
            make.layer(f'{block}.attn.proj', channels, channels)
            make.put(f'{block}.attn.relative_position_bias_table', (2 * window - 1) ** 2, 2)
            make.state[f'{block}.attn.relative_position_index'] = torch.zeros(window**2, window**2, dtype=torch.long)
            make.layer(f'{block}.mlp.fc1', 4 * channels, channels)
            make.layer(f'{block}.mlp.fc2', channels, 4 * channels)
        if index % 2:
            make.put(f'{block}.attn_mask', 4, window**2, window**2)
    make.put('layers.0.downsample.reduction.weight', 2 * width, 4 * width)
    make.layer('layers.0.downsample.norm', 4 * width)
    make.layer('norm', 2 * width)
    make.layer('head', 10, 2 * width)
    return make.state


def small_swin(**kwargs: Any) -> SwinTransformer:
    sizes = {'embed_dims': 4, 'depths': (2, 1), 'num_heads': (2, 2), 'strides': (4, 2), 'out_indices': (0, 1)}
    return SwinTransformer(**{**sizes, 'window_size': 3, **kwargs})


def test_swin_of_the_paper() -> None:
    state = swin_state()
    model = small_swin()
    missing, unexpected = model.load_state_dict(
        {'backbone.' + key: value for key, value in state.items()}, strict=False
    )
    assert not unexpected and {name.split('.')[0] for name in missing} == {'norm0', 'norm1'}
    block, prefix = model.stages[0].blocks[1], 'layers.0.blocks.1.'
    assert block.attn.w_msa.qkv.weight.equal(state[prefix + 'attn.qkv.weight'])
    assert block.attn.w_msa.relative_position_bias_table.equal(state[prefix + 'attn.relative_position_bias_table'])
    assert block.attn.w_msa.relative_position_index.any()
    assert block.ffn.layers[1].bias.equal(state[prefix + 'mlp.fc2.bias'])

    x = torch.randn(2, 4, 6, 4)  # there pixels of a patch are concatenated in this order
    pixels = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], dim=-1)
    prefix = 'layers.0.downsample.'
    normed = F.layer_norm(pixels, (16,), state[prefix + 'norm.weight'], state[prefix + 'norm.bias'])
    expected = F.linear(normed, state[prefix + 'reduction.weight']).flatten(1, 2)
    out, size = model.stages[0].downsample(x.flatten(1, 2), (4, 6))
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    assert size == (2, 3)


def test_swin_of_another_window(tmp_path: Path) -> None:
    source = small_swin(window_size=3, use_abs_pos_embed=True, pretrain_img_size=32)
    nn.init.normal_(source.absolute_pos_embed)
    nn.init.normal_(source.stages[0].blocks[0].attn.w_msa.relative_position_bias_table)
    model = small_swin(
        window_size=5,
        use_abs_pos_embed=True,
        pretrain_img_size=48,
        init_cfg=pretrained(tmp_path, {'state_dict': source.state_dict()}),
    )
    model.init_weights()
    table = source.stages[0].blocks[0].attn.w_msa.relative_position_bias_table
    expected = F.interpolate(table.T.reshape(1, 2, 5, 5), size=(9, 9), mode='bicubic')
    msa = model.stages[0].blocks[0].attn.w_msa
    torch.testing.assert_close(msa.relative_position_bias_table.T.reshape(1, 2, 9, 9), expected)
    assert msa.relative_position_index.max() == 80
    grid = source.absolute_pos_embed.transpose(1, 2).unflatten(2, (8, 8))
    expected = F.interpolate(grid, size=(12, 12), mode='bicubic').flatten(2).transpose(1, 2)
    torch.testing.assert_close(model.absolute_pos_embed, expected)


def test_tables_of_other_models_are_reported() -> None:
    with pytest.raises(RuntimeError, match='relative_position_bias_table'):
        small_swin().load_state_dict(small_swin(num_heads=(1, 1), window_size=5).state_dict(), strict=False)
    with pytest.raises(CheckpointError):
        load_state_dict(small_swin(), vit_state())


@pytest.mark.parametrize(('window', 'target'), [((3, 3), (5, 5)), ((7, 7), (4, 4)), ((5, 5), (8, 12))])
def test_tables_of_beit_are_resampled_by_a_spline(window: tuple[int, int], target: tuple[int, int]) -> None:
    interpolate = pytest.importorskip('scipy.interpolate')
    side = 2 * window[0] - 1
    table = torch.randn(side * side + 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    resized = resize_bias_table_with_cls(table, target)
    assert resized[-3:].equal(table[-3:])
    maps = resized[:-3].unflatten(0, (2 * target[0] - 1, 2 * target[1] - 1))

    def places(length: int) -> Any:
        # Distances 1, 1 + q, 1 + q + q^2, ... whose last is as far as the new window reaches.
        low, high = 1.01, 1.5
        for _ in range(30):
            q = (low + high) / 2
            low, high = (low, q) if sum(q**power for power in range(side // 2)) > length - 1 else (q, high)
        steps = [sum(q**power for power in range(count)) for count in range(1, side // 2 + 1)]
        return [-step for step in reversed(steps)] + [0.0, *steps], list(range(1 - length, length))

    (rows, new_rows), (cols, new_cols) = places(target[0]), places(target[1])
    for head in range(2):
        spline = interpolate.RectBivariateSpline(rows, cols, table[:-3, head].view(side, side).numpy())
        expected = torch.from_numpy(spline(new_rows, new_cols))
        torch.testing.assert_close(maps[..., head], expected, rtol=1e-3, atol=1e-3)


def test_a_table_keeps_its_values_at_its_own_size() -> None:
    table = torch.randn(25, 2)
    torch.testing.assert_close(resize_bias_table(table, (3, 3)), table)


def twins_state(local: bool) -> State:
    make = Maker()
    make.layer('patch_embeds.0.proj', C, 3, 4, 4)
    make.layer('patch_embeds.0.norm', C)
    make.layer('pos_block.0.proj.0', C, 1, 3, 3)
    for index in range(2):
        block = f'blocks.0.{index}'
        for norm in ('norm1', 'norm2'):
            make.layer(f'{block}.{norm}', C)
        make.layer(f'{block}.mlp.fc1', 2 * C, C)
        make.layer(f'{block}.mlp.fc2', C, 2 * C)
        make.layer(f'{block}.attn.proj', C, C)
        if local and index == 0:
            make.layer(f'{block}.attn.qkv', 3 * C, C)
        else:
            make.layer(f'{block}.attn.q', C, C)
            make.layer(f'{block}.attn.kv', 2 * C, C)
            make.layer(f'{block}.attn.sr', C, C, 2, 2)
            make.layer(f'{block}.attn.norm', C)
    if local:
        make.layer('norm_list.0', C)
    make.layer('head', 10, C)
    return make.state


@pytest.mark.parametrize('kind', [PCPVT, SVT])
def test_twins_of_the_paper(kind: type) -> None:
    state = twins_state(local=kind is SVT)
    sizes: dict[str, Any] = {'embed_dims': [C], 'num_heads': [2], 'mlp_ratios': [2], 'depths': [2], 'sr_ratios': [2]}
    model = kind(**sizes, out_indices=(0,), qkv_bias=True)
    assert model.load_state_dict(state, strict=False) == ([], [])
    layer, block = model.layers[0][1], 'blocks.0.1'
    x = torch.randn(1, 16, C)
    reduced = F.conv2d(
        x.transpose(1, 2).unflatten(2, (4, 4)),
        state[f'{block}.attn.sr.weight'],
        state[f'{block}.attn.sr.bias'],
        stride=2,
    )
    reduced = reduced.flatten(2).transpose(1, 2)
    reduced = F.layer_norm(reduced, (C,), state[f'{block}.attn.norm.weight'], state[f'{block}.attn.norm.bias'])
    query = (
        F.linear(x, state[f'{block}.attn.q.weight'], state[f'{block}.attn.q.bias']).view(1, 16, 2, -1).transpose(1, 2)
    )
    kv = F.linear(reduced, state[f'{block}.attn.kv.weight'], state[f'{block}.attn.kv.bias'])
    key, value = kv.view(1, 4, 2, 2, -1).permute(2, 0, 3, 1, 4)
    out = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    expected = F.linear(out, state[f'{block}.attn.proj.weight'], state[f'{block}.attn.proj.bias'])
    torch.testing.assert_close(layer.attn(x, (4, 4)) - x, expected, rtol=1e-4, atol=1e-5)


def test_convnext_of_the_paper() -> None:
    model = ConvNeXt({'depths': [1], 'channels': [4]}, out_indices=0, use_grn=True, layer_scale_init_value=0)
    names = [('depthwise_conv', 'dwconv'), ('pointwise_conv', 'pwconv')]
    state = {}
    for key, value in model.state_dict().items():
        for ours, theirs in names:
            key = key.replace(ours, theirs)
        value = torch.randn_like(value)
        state[key] = value.view(1, 1, 1, -1) if '.grn.' in key else value
    state['head.weight'] = state['norm.weight'] = torch.zeros(4)
    assert model.load_state_dict(state, strict=False) == ([], [])
    assert model.stages[0][0].pointwise_conv2.weight.equal(state['stages.0.0.pwconv2.weight'])
    assert model.stages[0][0].grn.gamma.equal(state['stages.0.0.grn.gamma'].flatten())

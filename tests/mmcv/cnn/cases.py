"""Modules whose numbers `reference_numbers.json` holds: how to build each, and what it is called with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

BN = {'type': 'BN'}
LAYER = {
    'type': 'BaseTransformerLayer',
    'attn_cfgs': {'type': 'MultiheadAttention', 'embed_dims': 16, 'num_heads': 4},
    'ffn_cfgs': {'type': 'FFN', 'embed_dims': 16, 'feedforward_channels': 32, 'num_fcs': 2},
}
IMAGE, SEQUENCE, LINE, VIDEO = (2, 8, 9, 11), (2, 20, 16), (2, 8, 14), (2, 8, 4, 6, 6)


def tensor(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def sequence_of(order: tuple[str, ...], batch_first: bool) -> Callable[[Any], Any]:
    layer = dict(LAYER, operation_order=order, batch_first=batch_first)
    return lambda ns: ns.T.build_transformer_layer_sequence(
        {'type': 'TransformerLayerSequence', 'transformerlayers': layer, 'num_layers': 2}
    )


def conv(out: int = 6, kernel: int = 3, **kwargs: Any) -> Callable[[Any], Any]:
    return lambda ns: ns.C.ConvModule(8, out, kernel, **kwargs)


def call_both_ways(m: Any, x: torch.Tensor) -> Any:
    return m(x, activate=False), m(x, norm=False)


def call_with_masks(m: Any, x: torch.Tensor) -> Any:
    padding = torch.zeros(2, 20, dtype=torch.bool)
    padding[:, 15:] = True
    mask = torch.randn(20, 20, generator=torch.Generator().manual_seed(1))
    return m(x, query_pos=x * 0.1, key_padding_mask=padding, attn_mask=mask, identity=x * 2)


def call_decoder(m: Any, x: torch.Tensor) -> Any:
    return m(x, x * 0.5, x * 0.3, query_pos=x * 0.1, key_pos=x * 0.2)


def plain(m: Any, x: torch.Tensor) -> Any:
    return m(x)


# name: (build, shape of the input, call)
CASES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], Callable[[Any, torch.Tensor], Any]]] = {
    'conv': (conv(), IMAGE, plain),
    'conv_bn': (conv(padding=1, norm_cfg=BN), IMAGE, plain),
    'norm_act_conv': (conv(padding=1, norm_cfg=BN, order=('norm', 'act', 'conv')), IMAGE, plain),
    'conv_gn_leaky': (
        conv(norm_cfg={'type': 'GN', 'num_groups': 2}, act_cfg={'type': 'LeakyReLU', 'negative_slope': 0.3}),
        IMAGE,
        plain,
    ),
    'conv_reflect': (conv(padding=2, padding_mode='reflect', act_cfg=None), IMAGE, plain),
    'conv_spectral': (conv(with_spectral_norm=True, norm_cfg=BN), IMAGE, plain),
    'conv_aws': (conv(conv_cfg={'type': 'ConvAWS'}), IMAGE, plain),
    'conv_ws_sync_bn': (conv(conv_cfg={'type': 'ConvWS'}, norm_cfg={'type': 'SyncBN'}), IMAGE, plain),
    'conv_same': (conv(stride=2, conv_cfg={'type': 'Conv2dAdaptivePadding'}), IMAGE, plain),
    'conv1d': (conv(conv_cfg={'type': 'Conv1d'}, norm_cfg={'type': 'BN1d'}), LINE, plain),
    'conv3d': (conv(conv_cfg={'type': 'Conv3d'}, norm_cfg={'type': 'BN3d'}), VIDEO, plain),
    'conv_switches': (conv(norm_cfg=BN), IMAGE, call_both_ways),
    'conv_folded': (conv(norm_cfg=BN, efficient_conv_bn_eval=True), IMAGE, plain),
    'depthwise': (
        lambda ns: ns.C.DepthwiseSeparableConvModule(
            8, 6, 3, norm_cfg=BN, dw_act_cfg={'type': 'ReLU6'}, pw_act_cfg=None
        ),
        IMAGE,
        plain,
    ),
    'context_att': (lambda ns: ns.C.ContextBlock(8, 0.5, 'att', ('channel_add', 'channel_mul')), IMAGE, plain),
    'context_avg': (lambda ns: ns.C.ContextBlock(8, 0.5, 'avg'), IMAGE, plain),
    'non_local_1d': (lambda ns: ns.C.NonLocal1d(8, mode='gaussian', sub_sample=True), LINE, plain),
    'non_local_3d': (lambda ns: ns.C.NonLocal3d(8, sub_sample=True), VIDEO, plain),
    'patch_embed': (
        lambda ns: ns.T.PatchEmbed(8, 16, kernel_size=4, stride=4, norm_cfg={'type': 'LN'}, input_size=(9, 11)),
        IMAGE,
        lambda m, x: (*m(x), m.init_out_size),
    ),
    'patch_embed_same': (lambda ns: ns.T.PatchEmbed(8, 16, 'Conv2d', 3, 2, 'same', bias=False), IMAGE, plain),
    'patch_merging': (lambda ns: ns.T.PatchMerging(16, 24), SEQUENCE, lambda m, x: m(x, (4, 5))),
    'patch_merging_padded': (
        lambda ns: ns.T.PatchMerging(16, 24, 3, 2, padding=1, norm_cfg=None, bias=True),
        SEQUENCE,
        lambda m, x: m(x, (4, 5)),
    ),
    'adaptive_padding': (lambda ns: ns.T.AdaptivePadding(3, 2, 2, 'same'), IMAGE, plain),
    'attention': (lambda ns: ns.T.MultiheadAttention(16, 4), SEQUENCE, plain),
    'attention_masks': (lambda ns: ns.T.MultiheadAttention(16, 4, batch_first=True), SEQUENCE, call_with_masks),
    'ffn': (lambda ns: ns.T.FFN(16, 32, 3), SEQUENCE, plain),
    'ffn_scaled': (
        lambda ns: ns.T.FFN(16, 32, act_cfg={'type': 'GELU'}, layer_scale_init_value=0.1),
        SEQUENCE,
        plain,
    ),
    'pixel_shuffle': (
        lambda ns: ns.C.build_upsample_layer(
            {'type': 'pixel_shuffle', 'in_channels': 8, 'out_channels': 4, 'scale_factor': 2, 'upsample_kernel': 3}
        ),
        IMAGE,
        plain,
    ),
}
for mode in ('gaussian', 'embedded_gaussian', 'dot_product', 'concatenation'):
    CASES[f'non_local_{mode}'] = (
        lambda ns, mode=mode: ns.C.NonLocal2d(8, mode=mode, sub_sample=True, norm_cfg=BN),
        IMAGE,
        plain,
    )
for act in ('ReLU6', 'ELU', 'Sigmoid', 'Tanh', 'SiLU', 'Swish', 'HSwish', 'HSigmoid', 'PReLU', 'GELU'):
    CASES[f'act_{act}'] = (conv(act_cfg={'type': act}), IMAGE, plain)
for order in (
    ('self_attn', 'norm', 'ffn', 'norm'),
    ('self_attn', 'norm', 'cross_attn', 'norm', 'ffn', 'norm'),
    ('norm', 'self_attn', 'norm', 'cross_attn', 'norm', 'ffn'),
):
    for first in (False, True):
        CASES[f'layers_{"-".join(order)}_{first}'] = (sequence_of(order, first), SEQUENCE, call_decoder)


def record(name: str, ns: Any, fill: Callable[[Any], None]) -> dict[str, Any]:
    """State (names, shapes), checksums of the initial values, and outputs in `eval` with filled weights."""
    build, shape, call = CASES[name]
    torch.manual_seed(0)
    module = build(ns)
    initial = [float(v.double().sum()) for v in module.state_dict().values()]
    state = [[k, list(v.shape)] for k, v in module.state_dict().items()]
    fill(module)
    module.eval()
    with torch.no_grad():
        out = call(module, tensor(shape))
    outputs: list[Any] = []
    for value in out if isinstance(out, tuple) else (out,):
        if isinstance(value, torch.Tensor):
            flat = value.double().flatten()
            probes = flat[torch.linspace(0, flat.numel() - 1, 6).long()].tolist()
            outputs.append([list(value.shape), float(flat.mean()), float(flat.std()), *probes])
        else:
            outputs.append(list(value))
    return {'state': state, 'initial': initial, 'outputs': outputs}

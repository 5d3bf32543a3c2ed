"""Checkpoints of transformers in the layouts of other projects, and of other image sizes."""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmengine.model import BaseModule

State = dict[str, Any]


class AdaptsStateDict(BaseModule):
    """A backbone that reads state dicts which are not quite its own.

    It does so wherever weights are loaded: by `init_cfg`, `load_from` or `load_state_dict`, alone or within a model.
    """

    def adapt_state_dict(self, state: State) -> State:
        """The entries of this module, without prefix, under the names and in the shapes that it has."""
        raise NotImplementedError

    def _load_from_state_dict(self, state_dict: State, prefix: str, *args: Any, **kwargs: Any) -> None:
        mine = {key: value for key, value in state_dict.items() if key.startswith(prefix)}
        state = {key.removeprefix(prefix): value for key, value in mine.items()}
        if not prefix and any(key.startswith('backbone.') for key in state):
            # A checkpoint of a whole model for its backbone alone.
            state = {key[9:]: value for key, value in state.items() if key.startswith('backbone.')}
        for key in mine:
            del state_dict[key]
        state_dict.update({prefix + key: value for key, value in self.adapt_state_dict(state).items()})
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def rename(state: State, rules: Iterable[tuple[str, str]], drop: str) -> State:
    """Apply patterns and replacements to the names in turn, and leave out what matches `drop`."""
    renamed = {}
    for key, value in state.items():
        if re.match(drop, key):
            continue
        for pattern, replacement in rules:
            key = re.sub(pattern, replacement, key)
        renamed[key] = value
    return renamed


def resize_entries(state: State, own: State, name: str, resize: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Bring entries whose last name is `name` to their shape in the module by `resize(given, own)`."""
    for key, value in state.items():
        if key.rsplit('.', 1)[-1] == name and key in own and value.shape != own[key].shape:
            state[key] = resize(value, own[key])


def own_indices(state: State, own: State) -> None:
    """Tables of relative positions follow from the window: the module's own stand for those of the checkpoint."""
    if state:
        state.update({key: value for key, value in own.items() if key.endswith('relative_position_index')})


def resize_pos_embed(pos_embed: Tensor, size: tuple[int, int], grid: tuple[int, int], mode: str) -> Tensor:
    """Resample a position embedding.

    Args:
        pos_embed: `(1, extra + h*w, C)`, extra tokens such as the class token in front; these stay.
        size: The new `(H, W)`.
        grid: The present `(h, w)`.
        mode: Of interpolation.
    """
    extra = pos_embed.shape[1] - grid[0] * grid[1]
    tokens, patches = pos_embed[:, :extra], pos_embed[:, extra:]
    maps = patches.transpose(1, 2).unflatten(2, grid)
    maps = F.interpolate(maps, size=size, mode=mode, align_corners=False if mode in ('bicubic', 'bilinear') else None)
    return torch.cat([tokens, maps.flatten(2).transpose(1, 2)], dim=1)


def adapt_pos_embed(state: State, num_extra: int, size: tuple[int, int], mode: str) -> None:
    """Resample `pos_embed` of a square image of another size; one that is not of a square is left as it is."""
    if 'pos_embed' not in state:
        return
    given = state['pos_embed']
    num_patches = given.shape[1] - num_extra
    side = math.isqrt(max(num_patches, 0))
    if num_patches != size[0] * size[1] and side * side == num_patches:
        state['pos_embed'] = resize_pos_embed(given, size, (side, side), mode)


# -- timm, DeiT, MAE, BEiT ------------------------------------------------------------------------------------------

_VIT_HEADS = r'(head|head_dist|pre_logits|fc_norm|lm_head|mask_token|decoder_\w+)(\.|$)'
_VIT_BLOCKS = [
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^blocks\.', 'layers.'),
    (r'^norm\.', 'ln1.'),
    (r'^norm_pre\.', 'ln_pre.'),
    (r'\.norm(\d)\.', r'.ln\1.'),
    (r'\.mlp\.fc1\.', '.ffn.layers.0.0.'),
    (r'\.mlp\.fc2\.', '.ffn.layers.1.'),
]
_VIT_ATTENTION = [(r'\.attn\.qkv\.', '.attn.attn.in_proj_'), (r'\.attn\.proj\.', '.attn.attn.out_proj.')]


def from_vit(state: State, module: nn.Module, fused_attention: bool) -> State:
    """Names of timm, DeiT, MAE and BEiT to ours.

    Args:
        fused_attention: The attention is `nn.MultiheadAttention`, whose projections have other names.
    """
    if not any(key.startswith(('blocks.', 'patch_embed.proj.')) for key in state):
        return state
    state = rename(state, _VIT_BLOCKS + (_VIT_ATTENTION if fused_attention else []), _VIT_HEADS)
    if not hasattr(module, 'ln1'):
        # The norm in front of the classifier.
        state = {key: value for key, value in state.items() if not key.startswith('ln1.')}
    return state


# -- Swin -----------------------------------------------------------------------------------------------------------

_SWIN = [
    (r'^layers\.', 'stages.'),
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'\.attn\.', '.attn.w_msa.'),
    (r'\.mlp\.fc1\.', '.ffn.layers.0.0.'),
    (r'\.mlp\.fc2\.', '.ffn.layers.1.'),
]


def from_swin(state: State) -> State:
    """Names of the paper's code to ours; the four pixels that are merged come in another order there."""
    if not any(key.startswith('layers.') for key in state):
        return state
    state = rename(state, _SWIN, r'(head|norm)\.|.*\.attn_mask$')
    for key, value in state.items():
        if '.downsample.' in key:
            # By column, then channel, there; by channel, then row, here (`nn.Unfold`).
            pixels = value.unflatten(-1, (2, 2, -1))
            state[key] = pixels.movedim(-1, -3).transpose(-1, -2).flatten(-3)
    return state


# -- Twins ----------------------------------------------------------------------------------------------------------

_TWINS = [
    (r'^patch_embeds\.(\d+)\.proj\.', r'patch_embeds.\1.projection.'),
    (r'^pos_block\.(\d+)\.proj\.0\.', r'position_encodings.\1.proj.'),
    (r'^blocks\.', 'layers.'),
    (r'\.mlp\.fc1\.', '.ffn.layers.0.0.'),
    (r'\.mlp\.fc2\.', '.ffn.layers.1.'),
    (r'\.attn\.q\.', '.attn.attn.in_proj_'),
]


def from_twins(state: State) -> State:
    """Names of the paper's code to ours."""
    if not any(key.startswith('blocks.') for key in state):
        return state
    state = rename(state, _TWINS, r'(head|norm)\.')
    for key in [key for key in state if '.attn.kv.' in key]:
        target = key.replace('.attn.kv.', '.attn.attn.in_proj_')
        state[target] = torch.cat([state[target], state.pop(key)])
    # What is left under the name `proj` belongs to the attention over subsampled keys, if that has an `in_proj`.
    fused = {key.split('.attn.attn.in_proj_')[0] for key in state if '.attn.attn.in_proj_' in key}
    return {
        key.replace('.attn.proj.', '.attn.attn.out_proj.') if key.split('.attn.proj.')[0] in fused else key: value
        for key, value in state.items()
    }


# -- ConvNeXt -------------------------------------------------------------------------------------------------------

_CONVNEXT = [(r'\.dwconv\.', '.depthwise_conv.'), (r'\.pwconv(\d)\.', r'.pointwise_conv\1.')]


def from_convnext(state: State) -> State:
    """Names of the paper's code to ours."""
    if not any('.dwconv.' in key for key in state):
        return state
    state = rename(state, _CONVNEXT, r'(head|norm)\.')
    for key, value in state.items():
        if '.grn.' in key:
            state[key] = value.flatten()
    return state

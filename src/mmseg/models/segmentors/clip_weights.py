"""Weights of CLIP under the names of SAN."""

import re
from typing import Any

from torch import Tensor

State = dict[str, Any]

_TEXT_BLOCK = [
    (r'\.attn\.(in_proj_|out_proj\.)', r'.attentions.0.attn.\1'),
    (r'\.ln_1\.', '.norms.0.'),
    (r'\.ln_2\.', '.norms.1.'),
    (r'\.mlp\.c_fc\.', '.ffns.0.layers.0.0.'),
    (r'\.mlp\.c_proj\.', '.ffns.0.layers.1.'),
]
_IMAGE_BLOCK = [
    (r'\.attn\.(in_proj_|out_proj\.)', r'.attn.attn.\1'),
    (r'\.ln_([12])\.', r'.ln\1.'),
    (r'\.mlp\.c_fc\.', '.ffn.layers.0.0.'),
    (r'\.mlp\.c_proj\.', '.ffn.layers.1.'),
]
_IMAGE_TO_REC = [
    (r'\.attn\.attn\.', '.attentions.0.attn.'),
    (r'\.ln1\.', '.norms.0.'),
    (r'\.ln2\.', '.norms.1.'),
    (r'\.ffn\.', '.ffns.0.'),
]
_REC = 'decode_head.rec_with_attnbias.'


def _rename(key: str, rules: list[tuple[str, str]]) -> str:
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    return key


def _from_openai(state: State) -> State:
    """Names of openai/CLIP to those of an image encoder with all layers, and of the text encoder."""
    renamed: State = {}
    for key, value in state.items():
        if key.startswith('visual.transformer.resblocks.'):
            key = _rename(key.replace('visual.transformer.resblocks.', 'image_encoder.layers.'), _IMAGE_BLOCK)
        elif key == 'visual.class_embedding':
            key, value = 'image_encoder.cls_token', value.reshape(1, 1, -1)
        elif key == 'visual.positional_embedding':
            key, value = 'image_encoder.pos_embed', value[None]
        elif key == 'visual.conv1.weight':
            key = 'image_encoder.patch_embed.projection.weight'
        elif key == 'visual.proj':
            key, value = _REC + 'proj.weight', value.T
        elif key.startswith('visual.ln_post.'):
            key = key.replace('visual.', _REC)
        elif key.startswith('visual.'):
            key = key.replace('visual.', 'image_encoder.')
        elif key.startswith('transformer.resblocks.'):
            key = _rename(key.replace('transformer.resblocks.', 'text_encoder.transformer.'), _TEXT_BLOCK)
        elif key in ('input_resolution', 'context_length', 'vocab_size'):
            continue
        else:
            key = f'text_encoder.{key}'
        renamed[key] = value
    return renamed


def clip_weights(state: State, num_layers: int) -> dict[str, Tensor]:
    """A state dict of CLIP, as OpenAI publishes it or with the prefixes `image_encoder.` and `text_encoder.`, for SAN.

    Args:
        num_layers: how many layers the image encoder has; those behind go to the head, which recognises masks.
    """
    if any(key.startswith('visual.') for key in state):
        state = _from_openai(state)
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        match = re.match(r'image_encoder\.layers\.(\d+)\.', key)
        if match and int(match[1]) >= num_layers:
            key = _rename(f'{_REC}layers.{int(match[1]) - num_layers}.{key[match.end() :]}', _IMAGE_TO_REC)
        elif re.match(r'image_encoder\.(ln_post|ln1|proj)\b', key):
            key = re.sub(r'^image_encoder\.(ln_post|ln1)\.', _REC + 'ln_post.', key)
            if key.startswith('image_encoder.proj'):
                transposed = not key.endswith('.weight')
                key, value = _REC + 'proj.weight', value.T if transposed else value
        renamed[key] = value
    return renamed

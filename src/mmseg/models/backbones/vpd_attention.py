"""Attention maps of a diffusion model, recorded while it runs."""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

_PLACES = ('down', 'mid', 'up')


class AttentionStore:
    """Collects the attention of queries (pixels) to keys, averaged over the heads.

    Args:
        base_size: side of the largest map; `max_size` (half of it by default): larger ones are not kept.
    """

    def __init__(self, base_size: int = 64, max_size: int | None = None) -> None:
        self.max_size = max_size or base_size // 2
        self.reset()

    def reset(self) -> None:
        self.maps: dict[str, list[Tensor]] = {f'{place}_{kind}': [] for place in _PLACES for kind in ('cross', 'self')}

    def __call__(self, attn: Tensor, is_cross: bool, place_in_unet: str) -> None:
        """`attn (N, pixels, keys)`."""
        if attn.shape[1] <= self.max_size**2:
            self.maps[f'{place_in_unet}_{"cross" if is_cross else "self"}'].append(attn)


def register_attention_control(model: nn.Module, controller: AttentionStore) -> None:
    """Let every `CrossAttention` of a U-Net of `ldm` report its attention."""
    for name, module in model.named_modules():
        if type(module).__name__ == 'CrossAttention':
            place = next((place for place in ('input', 'middle', 'output') if f'{place}_block' in name), None)
            if place is not None:
                short = {'input': 'down', 'middle': 'mid', 'output': 'up'}[place]
                module.forward = _recording(module, short, controller)


def _recording(attention: Any, place: str, controller: AttentionStore) -> Callable[..., Tensor]:
    """The forward of a `CrossAttention` of `ldm`, with its weights told to the store."""

    def forward(x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        keys = x if context is None else context
        heads = attention.heads
        query, key, value = (
            projection(source).unflatten(-1, (heads, -1)).transpose(1, 2)
            for projection, source in ((attention.to_q, x), (attention.to_k, keys), (attention.to_v, keys))
        )
        scores = query @ key.transpose(-1, -2) * attention.scale
        if mask is not None:
            scores = scores.masked_fill(~mask.flatten(1)[:, None, None], float('-inf'))
        weights = scores.softmax(dim=-1)
        controller(weights.mean(1), context is not None, place)
        return attention.to_out((weights @ value).transpose(1, 2).flatten(2))

    return forward


def as_map(attn: Tensor) -> Tensor:
    """`(N, pixels, keys)` of a square map to `(N, keys, side, side)`."""
    side = math.isqrt(attn.shape[1])
    return attn.transpose(1, 2).unflatten(2, (side, side))

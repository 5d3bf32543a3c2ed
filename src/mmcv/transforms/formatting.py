"""From numpy to torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS


def to_tensor(data: torch.Tensor | np.ndarray | Sequence | int | float) -> torch.Tensor:
    """A tensor that shares memory with an array; a number becomes a tensor of shape `(1,)`, int64 or float32."""
    if isinstance(data, torch.Tensor):
        return data
    if isinstance(data, np.ndarray):
        return torch.from_numpy(data)
    if isinstance(data, Sequence) and not isinstance(data, str):
        return torch.tensor(data)
    if isinstance(data, int):
        return torch.tensor([data])
    if isinstance(data, float):
        return torch.tensor([data], dtype=torch.float32)
    raise TypeError(f'type {type(data)} cannot be converted to a tensor')


@TRANSFORMS.register_module()
class ToTensor(BaseTransform):
    """Turn the values of `keys` into tensors; `a.b` is the key `b` of the dict under `a`."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys

    def transform(self, results: dict) -> dict:
        for key in self.keys:
            *path, last = key.split('.')
            parent = results
            for name in path:
                parent = parent[name]
            parent[last] = to_tensor(parent[last])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(keys={self.keys})'


@TRANSFORMS.register_module()
class ImageToTensor(BaseTransform):
    """Turn images `(H, W)` or `(H, W, C)` under `keys` into contiguous tensors `(C, H, W)` of the same type."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys

    def transform(self, results: dict) -> dict:
        for key in self.keys:
            img = results[key]
            img = img[..., None] if img.ndim < 3 else img
            results[key] = to_tensor(np.ascontiguousarray(img.transpose(2, 0, 1)))
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(keys={self.keys})'

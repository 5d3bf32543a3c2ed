"""Values of all pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from .base_data_element import BaseDataElement


class PixelData(BaseDataElement):
    """Arrays or tensors `(C, H, W)` with the same H and W. An `(H, W)` one becomes `(1, H, W)`.

    `pixels[10:20, 5]` cuts all of them; an index keeps its axis with length 1.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ('_metainfo_fields', '_data_fields'):
            super().__setattr__(name, value)
            return
        if not isinstance(value, (torch.Tensor, np.ndarray)):
            raise TypeError(f'{name} of PixelData should be a tensor or an array, but got {type(value).__name__}')
        if value.ndim not in (2, 3):
            raise ValueError(f'{name} of PixelData should be (C, H, W) or (H, W), but has shape {tuple(value.shape)}')
        # What is replaced does not bind the shape of what replaces it.
        known = next((v.shape[-2:] for k, v in self.items() if k != name), None)
        if known is not None and tuple(value.shape[-2:]) != tuple(known):
            raise ValueError(
                f'{name} has height and width {tuple(value.shape[-2:])}, but the other fields have {tuple(known)}'
            )
        super().__setattr__(name, value[None] if value.ndim == 2 else value)

    def __getitem__(self, item: Sequence[int | slice]) -> PixelData:
        """All fields cut to rows `item[0]` and columns `item[1]`."""
        if not isinstance(item, tuple) or len(item) != 2:
            raise TypeError(f'PixelData takes two indices or slices, for rows and columns, but got {item!r}')
        size = self.shape
        if size is None:
            raise ValueError('PixelData without fields cannot be cut')
        cut: list[slice] = [slice(None)]
        for index, length in zip(item, size, strict=True):
            if isinstance(index, slice):
                cut.append(index)
            elif isinstance(index, (int, np.integer)):
                if not -length <= index < length:
                    raise IndexError(f'index {index} is out of range for length {length}')
                start = int(index) % length
                cut.append(slice(start, start + 1))
            else:
                raise TypeError(f'PixelData is cut by integers and slices, but got {type(index).__name__}')
        part = type(self)(metainfo=self.metainfo)
        part.set_data({name: value[tuple(cut)] for name, value in self.items()})
        return part

    @property
    def shape(self) -> tuple[int, int] | None:
        """(H, W), or None without fields."""
        for value in self.values():
            return tuple(value.shape[-2:])
        return None


__all__ = ['PixelData']

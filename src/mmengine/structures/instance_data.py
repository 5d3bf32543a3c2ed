"""Values of all instances."""

from __future__ import annotations

import itertools
from collections.abc import Sized
from typing import Any

import numpy as np
import torch

from .base_data_element import BaseDataElement

IndexType = str | slice | int | list | torch.Tensor | np.ndarray


class InstanceData(BaseDataElement):
    """Fields of the same length, one entry an instance: tensors, arrays, lists, tuples, strings, or any object with a
    length, `__getitem__` for slices and index tensors, and a static `cat`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in ('_metainfo_fields', '_data_fields'):
            if not isinstance(value, Sized):
                raise TypeError(f'{name} of InstanceData should have a length, but got {value!r}')
            # What is replaced does not bind the length of what replaces it.
            known = next((len(v) for k, v in self.items() if k != name), None)
            if known is not None and len(value) != known:
                raise ValueError(f'{name} has {len(value)} entries, but the other fields have {known}')
        super().__setattr__(name, value)

    def __len__(self) -> int:
        for value in self.values():
            return len(value)
        return 0

    def __getitem__(self, item: IndexType) -> Any:
        """The field of that name, or the instances selected by an index, a slice, a mask or a list of indices."""
        if isinstance(item, str):
            return getattr(self, item)
        index = self._index(item)
        part = type(self)(metainfo=self.metainfo)
        part.set_data({name: _select(value, index) for name, value in self.items()})
        return part

    def _index(self, item: Any) -> slice | torch.Tensor:
        size = len(self)
        if isinstance(item, slice):
            return item
        if isinstance(item, (int, np.integer)) and not isinstance(item, bool):
            if not -size <= item < size:
                raise IndexError(f'index {item} is out of range for {size} instances')
            start = int(item) % size
            return slice(start, start + 1)
        if isinstance(item, (list, np.ndarray)):
            array = np.asarray(item)
            item = torch.from_numpy(array if array.size else array.astype(np.int64))
        if not isinstance(item, torch.Tensor) or item.dtype not in (torch.int64, torch.int32, torch.bool):
            shown = getattr(item, 'dtype', type(item).__name__)
            raise TypeError(f'instances are selected by integers, slices, masks or lists of integers, but got {shown}')
        if item.ndim != 1:
            raise ValueError(f'instances are selected by a 1-d index, but it has shape {tuple(item.shape)}')
        if item.dtype == torch.bool and len(item) != size:
            raise IndexError(f'the mask has {len(item)} entries, but there are {size} instances')
        return item

    @staticmethod
    def cat(instances_list: list[InstanceData]) -> InstanceData:
        """Join instances along their length. Metainfo is that of the first.

        Raises:
            ValueError: the list is empty, or the elements have different fields.
        """
        if not instances_list or not all(isinstance(i, InstanceData) for i in instances_list):
            raise ValueError(f'cat takes a non-empty list of InstanceData, but got {instances_list!r}')
        first = instances_list[0]
        if len(instances_list) == 1:
            return first
        for number, other in enumerate(instances_list):
            if set(other.keys()) != set(first.keys()):
                raise ValueError(
                    f'instances with different fields cannot be joined: {sorted(first.keys())} of number 0, '
                    f'{sorted(other.keys())} of number {number}'
                )
        joined = type(first)(metainfo=first.metainfo)
        joined.set_data({name: _join([i[name] for i in instances_list], name) for name in first.keys()})  # noqa: SIM118
        return joined


def _select(value: Any, index: slice | torch.Tensor) -> Any:
    if isinstance(value, torch.Tensor):
        return value[index if isinstance(index, slice) else index.to(value.device)]
    if isinstance(index, slice):
        return value[index]
    if isinstance(value, np.ndarray):
        return value[index.cpu().numpy()]
    if isinstance(value, (str, list, tuple)):
        places = (index.nonzero().flatten() if index.dtype == torch.bool else index).tolist()
        chosen = [value[place] for place in places]
        if isinstance(value, list):
            return chosen
        return ''.join(chosen) if isinstance(value, str) else tuple(chosen)
    return value[index]


def _join(values: list, name: str) -> Any:
    first = values[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(values)
    if isinstance(first, np.ndarray):
        return np.concatenate(values)
    if isinstance(first, list):
        return list(itertools.chain.from_iterable(values))
    if isinstance(first, tuple):
        return tuple(itertools.chain.from_iterable(values))
    if isinstance(first, str):
        return ''.join(values)
    if hasattr(first, 'cat'):
        return first.cat(values)
    raise TypeError(f'field {name!r} of type {type(first).__name__} cannot be joined; give that class a static `cat`')


__all__ = ['InstanceData']

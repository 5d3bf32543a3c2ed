"""Datasets made of datasets."""

from __future__ import annotations

import bisect
import collections
import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch.utils.data import ConcatDataset as _ConcatDataset

from mmengine.registry import DATASETS
from mmengine.utils.errors import DataError

from .base_dataset import BaseDataset, force_full_init


def _built(dataset: BaseDataset | dict) -> Any:
    if isinstance(dataset, dict):
        return DATASETS.build(dataset)
    if hasattr(dataset, 'full_init') and hasattr(dataset, 'metainfo'):
        return dataset
    raise TypeError(f'a dataset should be a config or a BaseDataset, but got {type(dataset).__name__}')


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    return a == b


class _Wrapper:
    """What all wrappers share."""

    _NO_SUBSETS = '{} has no subsets: set `indices` of the wrapped dataset, or call its get_subset'
    _metainfo: dict

    @property
    def metainfo(self) -> dict:
        """A copy of that of the (first) wrapped dataset."""
        return copy.deepcopy(self._metainfo)

    def get_subset_(self, indices: list[int] | int) -> None:
        """Not for wrappers; take the subset of the wrapped dataset."""
        raise NotImplementedError(self._NO_SUBSETS.format(type(self).__name__))

    def get_subset(self, indices: list[int] | int) -> BaseDataset:
        """Not for wrappers; take the subset of the wrapped dataset."""
        raise NotImplementedError(self._NO_SUBSETS.format(type(self).__name__))


@DATASETS.register_module()
class ConcatDataset(_Wrapper, _ConcatDataset):
    """Datasets one after the other.

    Args:
        datasets: datasets or configs with the same `metainfo`.
        lazy_init: load nothing before it is needed.
        ignore_keys: keys of `metainfo` that may differ.
    """

    def __init__(
        self,
        datasets: Sequence[BaseDataset | dict],
        lazy_init: bool = False,
        ignore_keys: str | list[str] | None = None,
    ) -> None:
        self.datasets: list[Any] = [_built(d) for d in datasets]
        if not self.datasets:
            raise DataError('ConcatDataset needs at least one dataset')
        ignored = [ignore_keys] if isinstance(ignore_keys, str) else list(ignore_keys or [])
        first = self.datasets[0].metainfo
        for number, dataset in enumerate(self.datasets[1:], 1):
            meta = dataset.metainfo
            different = [
                k for k in first.keys() | meta.keys() if k not in ignored and not _same(first.get(k), meta.get(k))
            ]
            if different:
                raise DataError(
                    f'datasets 0 and {number} of a ConcatDataset differ in metainfo {", ".join(sorted(different))}; '
                    f'ignore_keys={sorted(different)} allows that'
                )
        self._metainfo = first
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        if self._fully_initialized:
            return
        for dataset in self.datasets:
            dataset.full_init()
        super().__init__(self.datasets)
        self._fully_initialized = True

    @force_full_init
    def _get_ori_dataset_idx(self, idx: int) -> tuple[int, int]:
        """Which dataset sample `idx` is in, and its place there."""
        if not -len(self) <= idx < len(self):
            raise IndexError(f'sample {idx} is outside of the {len(self)} samples of {type(self).__name__}')
        idx %= len(self)
        which = bisect.bisect_right(self.cumulative_sizes, idx)
        return which, idx - (self.cumulative_sizes[which - 1] if which else 0)

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        which, inner = self._get_ori_dataset_idx(idx)
        return self.datasets[which].get_data_info(inner)

    @force_full_init
    def __len__(self) -> int:
        return super().__len__()

    def __getitem__(self, idx: int) -> Any:
        which, inner = self._get_ori_dataset_idx(idx)
        return self.datasets[which][inner]


@DATASETS.register_module()
class RepeatDataset(_Wrapper):
    """A dataset `times` over, so that an epoch is longer."""

    def __init__(self, dataset: BaseDataset | dict, times: int, lazy_init: bool = False) -> None:
        self.dataset = _built(dataset)
        self.times = times
        self._metainfo = self.dataset.metainfo
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        if not self._fully_initialized:
            self.dataset.full_init()
            self._ori_len = len(self.dataset)
            self._fully_initialized = True

    @force_full_init
    def _get_ori_dataset_idx(self, idx: int) -> int:
        return idx % self._ori_len

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        return self.dataset.get_data_info(self._get_ori_dataset_idx(idx))

    def __getitem__(self, idx: int) -> Any:
        return self.dataset[self._get_ori_dataset_idx(idx)]

    @force_full_init
    def __len__(self) -> int:
        return self.times * self._ori_len


@DATASETS.register_module()
class ClassBalancedDataset(_Wrapper):
    """Repeats samples with rare categories.

    A category in a share f of the samples has the factor max(1, sqrt(oversample_thr / f)); a sample is repeated by the
    largest factor of its categories, rounded up (Gupta et al., LVIS, 2019, repeat factor sampling).
    """

    def __init__(self, dataset: BaseDataset | dict, oversample_thr: float, lazy_init: bool = False) -> None:
        self.dataset = _built(dataset)
        self.oversample_thr = oversample_thr
        self._metainfo = self.dataset.metainfo
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        if self._fully_initialized:
            return
        self.dataset.full_init()
        factors = self._get_repeat_factors(self.dataset, self.oversample_thr)
        self.repeat_indices = [i for i, factor in enumerate(factors) for _ in range(math.ceil(factor))]
        self._fully_initialized = True

    def _get_repeat_factors(self, dataset: BaseDataset, repeat_thr: float) -> list[float]:
        categories = [set(dataset.get_cat_ids(i)) for i in range(len(dataset))]
        counts = collections.Counter(c for cats in categories for c in cats)
        factor = {c: max(1.0, math.sqrt(repeat_thr * len(dataset) / n)) for c, n in counts.items()}
        return [max((factor[c] for c in cats), default=1.0) for cats in categories]

    @force_full_init
    def _get_ori_dataset_idx(self, idx: int) -> int:
        return self.repeat_indices[idx]

    @force_full_init
    def get_cat_ids(self, idx: int) -> list[int]:
        return self.dataset.get_cat_ids(self._get_ori_dataset_idx(idx))

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        return self.dataset.get_data_info(self._get_ori_dataset_idx(idx))

    def __getitem__(self, idx: int) -> Any:
        return self.dataset[self._get_ori_dataset_idx(idx)]

    @force_full_init
    def __len__(self) -> int:
        return len(self.repeat_indices)

"""Datasets that are a list of dicts and a pipeline of transforms."""

from __future__ import annotations

import copy
import functools
import logging
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mmengine.config import Config
from mmengine.fileio import join_path, list_from_file, load
from mmengine.logging import print_log
from mmengine.registry import TRANSFORMS
from mmengine.utils import is_abs
from mmengine.utils.errors import DataError


class MissingDataError(DataError, FileNotFoundError):
    """A file or folder of a dataset that does not exist."""


def _sample(data: Any) -> str:
    """Which sample `data` is, in words for a message."""
    if not isinstance(data, dict):
        return ''
    image = data.get('img_path', data.get('filename'))
    return f', sample {data.get("sample_idx", "?")}' + (f', image {image}' if image else '')


class Compose:
    """Transforms one after the other; ends with None as soon as one returns None.

    Args:
        transforms: configs or callables, each taking and returning the dict of a sample.
    """

    def __init__(self, transforms: Sequence[dict | Callable] | None) -> None:
        self.transforms: list[Callable] = []
        for transform in transforms or []:
            built = TRANSFORMS.build(transform) if isinstance(transform, dict) else transform
            if not callable(built):
                raise TypeError(f'a transform should be callable or a dict, but got {transform!r}')
            self.transforms.append(built)

    def __call__(self, data: dict) -> dict | None:
        result: dict | None = data
        for number, transform in enumerate(self.transforms):
            try:
                result = transform(result)
            except Exception as error:
                name = getattr(transform, '__name__', type(transform).__name__)
                error.add_note(f'in transform {number} `{name}` of the pipeline{_sample(data)}')
                raise
            if result is None:
                return None
        return result

    def __repr__(self) -> str:
        return f'{type(self).__name__}(\n' + ''.join(f'    {t}\n' for t in self.transforms) + ')'


def force_full_init(old_func: Callable) -> Callable:
    """Decorates a method that needs the list of samples: it is loaded first where it was not yet."""

    @functools.wraps(old_func)
    def wrapper(obj: Any, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(obj, 'full_init'):
            raise AttributeError(f'{type(obj).__name__} has no full_init')
        if not getattr(obj, '_fully_initialized', False):
            print_log(f'{type(obj).__name__} is loaded in full by {old_func.__name__}', 'current', logging.WARNING)
            obj.full_init()
        return old_func(obj, *args, **kwargs)

    return wrapper


class BaseDataset(Dataset):
    """Samples from `load_data_list`, each through the pipeline.

    Args:
        ann_file: annotation file, below `data_root` unless absolute.
        metainfo: overrides of the class's `METAINFO`; a string value that is a file is read as a list of lines.
        data_root: folder of `ann_file` and `data_prefix`.
        data_prefix: folders of the files that samples refer to.
        filter_cfg: for `filter_data` of derived classes.
        indices: keep the first so many samples, or those of a list.
        serialize_data: keep the list as bytes that worker processes share, instead of objects that each copies.
        pipeline: transforms, as configs or callables.
        test_mode: raise where the pipeline drops a sample, instead of taking another.
        lazy_init: load nothing before it is needed.
        max_refetch: how often another sample is tried when the pipeline drops one.
    """

    METAINFO: dict = {}
    _fully_initialized: bool = False

    def __init__(
        self,
        ann_file: str | None = '',
        metainfo: Mapping | Config | None = None,
        data_root: str | None = '',
        data_prefix: dict = {'img_path': ''},
        filter_cfg: dict | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        pipeline: list[dict | Callable] = [],
        test_mode: bool = False,
        lazy_init: bool = False,
        max_refetch: int = 1000,
    ) -> None:
        self.ann_file = ann_file
        self._metainfo = self._load_metainfo(copy.deepcopy(metainfo))
        self.data_root = data_root
        self.data_prefix = dict(copy.copy(data_prefix))
        self.filter_cfg = copy.deepcopy(filter_cfg)
        self._indices = indices
        self.serialize_data = serialize_data
        self.test_mode = test_mode
        self.max_refetch = max_refetch
        self.data_list: list[dict] = []
        self.data_bytes: np.ndarray
        self._join_prefix()
        self.pipeline = Compose(pipeline)
        if not lazy_init:
            self.full_init()

    @classmethod
    def _load_metainfo(cls, metainfo: Mapping | Config | None = None) -> dict:
        merged = copy.deepcopy(cls.METAINFO)
        if metainfo is None:
            return merged
        if not isinstance(metainfo, (Mapping, Config)):
            raise TypeError(f'metainfo should be a mapping, but got {type(metainfo).__name__}')
        for key, value in metainfo.items():
            is_file = isinstance(value, str) and Path(value).is_file()
            merged[key] = list_from_file(value) if is_file else value
        return merged

    def _join_prefix(self) -> None:
        """Put `data_root` before `ann_file` and `data_prefix`."""
        if self.ann_file and not is_abs(self.ann_file) and self.data_root:
            self.ann_file = join_path(self.data_root, self.ann_file)
        for key, prefix in self.data_prefix.items():
            if not isinstance(prefix, str):
                raise TypeError(f'data_prefix.{key} should be a str, but got {type(prefix).__name__}')
            if not is_abs(prefix) and self.data_root:
                self.data_prefix[key] = join_path(self.data_root, prefix)

    # ------------------------------------------------------------------ the list of samples

    def full_init(self) -> None:
        """Load the list of samples, filter it, take `indices`, and serialize it; once."""
        if self._fully_initialized:
            return
        self.data_list = self.load_data_list()
        self.data_list = self.filter_data()
        if self._indices is not None:
            self.data_list = self._get_unserialized_subset(self._indices)
        if self.serialize_data:
            self.data_bytes, self.data_address = self._serialize_data()
        self._fully_initialized = True

    def load_data_list(self) -> list[dict]:
        """The samples of `ann_file`, a json, yaml or pickle file with `metainfo` and `data_list`.

        Raises:
            MissingDataError: the file does not exist.
            DataError: it is of another form.
        """
        if not self.ann_file:
            raise DataError(f'{type(self).__name__} needs `ann_file`, or a `load_data_list` of its own')
        try:
            annotations = load(self.ann_file)
        except FileNotFoundError as error:
            raise MissingDataError(
                f'{type(self).__name__}: the annotation file {self.ann_file} does not exist. It was made of '
                f'data_root={self.data_root!r} and ann_file; data_prefix is {self.data_prefix}'
            ) from error
        if not isinstance(annotations, dict) or not {'metainfo', 'data_list'} <= annotations.keys():
            keys = f'the keys {sorted(map(str, annotations))}' if isinstance(annotations, dict) else type(annotations)
            raise DataError(f'{self.ann_file} should hold a dict with metainfo and data_list, but it has {keys}')
        for key, value in annotations['metainfo'].items():
            self._metainfo.setdefault(key, value)
        data_list: list[dict] = []
        for raw in annotations['data_list']:
            parsed = self.parse_data_info(raw)
            if isinstance(parsed, dict):
                data_list.append(parsed)
            elif isinstance(parsed, list) and all(isinstance(p, dict) for p in parsed):
                data_list += parsed
            else:
                raise TypeError(f'parse_data_info should return a dict or a list of dicts, but got {type(parsed)}')
        return data_list

    def parse_data_info(self, raw_data_info: dict) -> dict | list[dict]:
        """One sample of the annotation file; adds the prefixes to the keys that `data_prefix` names."""
        for key, prefix in self.data_prefix.items():
            if key not in raw_data_info:
                raise DataError(f'data_prefix names {key!r}, which a sample of {self.ann_file} lacks: {raw_data_info}')
            raw_data_info[key] = join_path(prefix, raw_data_info[key])
        return raw_data_info

    def filter_data(self) -> list[dict]:
        """The samples that stay; derived classes look at `filter_cfg`."""
        return self.data_list

    def get_cat_ids(self, idx: int) -> list[int]:
        """Categories in a sample, for class-balanced sampling; derived classes provide it."""
        raise NotImplementedError(f'{type(self).__name__} does not provide get_cat_ids')

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        # One buffer has one reference count: reading it in a worker copies no page of memory.
        packed = [np.frombuffer(pickle.dumps(item, protocol=4), dtype=np.uint8) for item in self.data_list]
        ends = np.cumsum([len(p) for p in packed], dtype=np.int64)
        data = np.concatenate(packed) if packed else np.empty(0, np.uint8)
        self.data_list = []
        return data, ends

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """The dict of sample `idx`, a copy, with `sample_idx`."""
        length = len(self)
        if not -length <= idx < length:
            raise IndexError(f'sample {idx} is outside of the {length} samples of {type(self).__name__}')
        idx %= length
        if self.serialize_data:
            start = 0 if idx == 0 else int(self.data_address[idx - 1])
            info = pickle.loads(memoryview(self.data_bytes[start : int(self.data_address[idx])]))  # type: ignore[arg-type]
        else:
            info = copy.deepcopy(self.data_list[idx])
        info['sample_idx'] = idx
        return info

    @property
    def metainfo(self) -> dict:
        """A copy of what describes the whole dataset, such as classes and palette."""
        return copy.deepcopy(self._metainfo)

    @force_full_init
    def __len__(self) -> int:
        return len(self.data_address) if self.serialize_data else len(self.data_list)

    # ------------------------------------------------------------------ samples

    def __getitem__(self, idx: int) -> Any:
        if not self._fully_initialized:
            print_log(f'{type(self).__name__} is loaded in full by __getitem__', 'current', logging.WARNING)
            self.full_init()
        if self.test_mode:
            data = self.prepare_data(idx)
            if data is None:
                which = _sample(self.get_data_info(idx))
                raise DataError(f'the pipeline returned None in test mode, where each sample counts{which}')
            return data
        for _ in range(self.max_refetch + 1):
            data = self.prepare_data(idx)
            if data is not None:
                return data
            idx = self._rand_another()
        raise DataError(
            f'the pipeline of {type(self).__name__} returned None for {self.max_refetch + 1} samples in a row; '
            'max_refetch allows no more'
        )

    def prepare_data(self, idx: int) -> Any:
        """Sample `idx` through the pipeline; None if the pipeline drops it."""
        return self.pipeline(self.get_data_info(idx))

    def _rand_another(self) -> int:
        return int(np.random.randint(0, len(self)))

    # ------------------------------------------------------------------ subsets

    @force_full_init
    def get_subset_(self, indices: Sequence[int] | int) -> None:
        """Keep the first `indices` samples (the last ones if negative), or those of a list."""
        if self.serialize_data:
            self.data_bytes, self.data_address = self._get_serialized_subset(indices)
        else:
            self.data_list = self._get_unserialized_subset(indices)

    @force_full_init
    def get_subset(self, indices: Sequence[int] | int) -> BaseDataset:
        """A dataset of these samples; this one stays as it is."""
        other = self._copy_without_annotation()
        if self.serialize_data:
            other.data_bytes, other.data_address = self._get_serialized_subset(indices)
            other.data_list = []
        else:
            other.data_list = self._get_unserialized_subset(indices)
        return other

    @staticmethod
    def _positions(indices: Sequence[int] | int, length: int) -> list[int]:
        if isinstance(indices, int):
            everything = range(length)
            return list(everything[:indices] if indices >= 0 else everything[indices:])
        if isinstance(indices, (Sequence, np.ndarray)) and not isinstance(indices, str):
            return [int(i) for i in indices]
        raise TypeError(f'indices should be an int or a sequence of them, but got {type(indices).__name__}')

    def _get_serialized_subset(self, indices: Sequence[int] | int) -> tuple[np.ndarray, np.ndarray]:
        positions = self._positions(indices, len(self))
        starts = np.concatenate([[0], self.data_address[:-1]]) if len(self.data_address) else np.empty(0, np.int64)
        parts = [self.data_bytes[int(starts[i]) : int(self.data_address[i])] for i in positions]
        ends = np.cumsum([len(p) for p in parts], dtype=np.int64)
        return (np.concatenate(parts) if parts else np.empty(0, np.uint8)), ends

    def _get_unserialized_subset(self, indices: Sequence[int] | int) -> list:
        return [self.data_list[i] for i in self._positions(indices, len(self.data_list))]

    def _copy_without_annotation(self, memo: dict | None = None) -> BaseDataset:
        memo = {} if memo is None else memo
        other = type(self).__new__(type(self))
        memo[id(self)] = other
        for key, value in self.__dict__.items():
            if key not in ('data_list', 'data_address', 'data_bytes'):
                other.__dict__[key] = copy.deepcopy(value, memo)
        return other

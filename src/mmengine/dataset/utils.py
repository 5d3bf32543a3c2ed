"""Collating samples to batches, and preparing workers."""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data._utils.collate import default_collate as torch_default_collate

from mmengine.registry import FUNCTIONS
from mmengine.structures import BaseDataElement
from mmengine.utils.errors import DataError

COLLATE_FUNCTIONS = FUNCTIONS


def worker_init_fn(
    worker_id: int, num_workers: int, rank: int, seed: int, disable_subprocess_warning: bool = False
) -> None:
    """Seed the global generators of a worker; seeds of workers of all ranks differ."""
    worker_seed = (num_workers * rank + worker_id + seed) % 2**32
    random.seed(worker_seed)
    np.random.seed(worker_seed)
    torch.manual_seed(worker_seed)
    if disable_subprocess_warning and worker_id != 0:
        warnings.simplefilter('ignore')


@FUNCTIONS.register_module()
def pseudo_collate(data_batch: Sequence) -> Any:
    """Gather samples field by field into lists, without stacking.

    `[{'inputs': a, 'data_samples': x}, {'inputs': b, 'data_samples': y}]` becomes
    `{'inputs': [a, b], 'data_samples': [x, y]}`. Sequences within samples are transposed.
    """
    return _collate(data_batch, list)


@FUNCTIONS.register_module()
def default_collate(data_batch: Sequence) -> Any:
    """Gather samples field by field; tensors, arrays and numbers are stacked into a tensor."""
    return _collate(data_batch, _stack)


def _collate(batch: Sequence, leaf: Any) -> Any:
    first = batch[0]
    kind: Any = type(first)
    if isinstance(first, (str, bytes, BaseDataElement)):
        return list(batch)
    if isinstance(first, Mapping):
        return kind({key: _collate([sample[key] for sample in batch], leaf) for key in first})
    if isinstance(first, Sequence):
        lengths = sorted({len(sample) for sample in batch})
        if len(lengths) > 1:
            raise DataError(f'the samples of a batch hold sequences of different lengths {lengths}; none can be paired')
        columns = [_collate(column, leaf) for column in zip(*batch, strict=True)]
        if hasattr(first, '_fields'):
            return kind(*columns)
        if isinstance(first, tuple):
            return columns
        try:
            return kind(columns)
        except TypeError:  # e.g. a range cannot be made from a list
            return columns
    return leaf(batch)


def _stack(batch: Sequence) -> Any:
    try:
        return torch_default_collate(list(batch))
    except RuntimeError as error:
        shapes = [tuple(getattr(sample, 'shape', ())) for sample in batch]
        error.add_note(f'the samples of the batch have the shapes {shapes}; pseudo_collate keeps them in a list')
        raise


__all__ = ['COLLATE_FUNCTIONS', 'default_collate', 'pseudo_collate', 'worker_init_fn']

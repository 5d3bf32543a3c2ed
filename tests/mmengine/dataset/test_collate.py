from __future__ import annotations

import random
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from mmengine.dataset.utils import COLLATE_FUNCTIONS, default_collate, pseudo_collate, worker_init_fn
from mmengine.registry import FUNCTIONS
from mmengine.structures import BaseDataElement


class Pair(NamedTuple):
    image: Any
    label: Any


def test_pseudo_collate_gathers_without_stacking() -> None:
    samples = [{'inputs': torch.full((k,), k), 'data_samples': BaseDataElement(k=k), 'name': str(k)} for k in (1, 2)]
    batch = pseudo_collate(samples)
    assert [len(x) for x in batch['inputs']] == [1, 2] and [s.k for s in batch['data_samples']] == [1, 2]
    assert batch['name'] == ['1', '2']


def test_sequences_are_transposed() -> None:
    assert pseudo_collate([[1, 2], [3, 4]]) == [[1, 3], [2, 4]]
    assert pseudo_collate([(1, 'a'), (2, 'b')]) == [[1, 2], ['a', 'b']]
    assert pseudo_collate([Pair(1, 2), Pair(3, 4)]) == Pair([1, 3], [2, 4])
    assert pseudo_collate([range(2), range(2)]) == [[0, 0], [1, 1]]
    with pytest.raises(ValueError, match=r'\[1, 2\]'):
        pseudo_collate([[1], [1, 2]])


def test_default_collate_stacks() -> None:
    batch = default_collate([{'x': np.ones(2), 'y': k, 's': BaseDataElement(), 'n': 'a'} for k in (1, 2)])
    assert batch['x'].shape == (2, 2) and batch['y'].tolist() == [1, 2] and isinstance(batch['x'], torch.Tensor)
    assert isinstance(batch['s'], list) and batch['n'] == ['a', 'a']
    assert default_collate([Pair(torch.ones(1), 1), Pair(torch.ones(1), 2)]).label.tolist() == [1, 2]
    with pytest.raises(RuntimeError) as caught:
        default_collate([torch.ones(1), torch.ones(2)])
    assert '[(1,), (2,)]' in caught.value.__notes__[0]


def test_both_are_registered() -> None:
    assert (
        FUNCTIONS.get('pseudo_collate') is pseudo_collate
        and COLLATE_FUNCTIONS.get('default_collate') is default_collate
    )


def test_workers_are_seeded_apart() -> None:
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    drawn = set()
    for rank in range(2):
        for worker in range(2):
            worker_init_fn(worker, num_workers=2, rank=rank, seed=3)
            drawn.add((random.random(), float(np.random.rand()), float(torch.rand(1))))
    random.setstate(before[0])
    np.random.set_state(before[1])
    torch.set_rng_state(before[2])
    assert len(drawn) == 4 and all(len(set(column)) == 4 for column in zip(*drawn, strict=True))
    with warnings.catch_warnings():
        worker_init_fn(1, 2, 0, 0, disable_subprocess_warning=True)
        warnings.warn('not seen', stacklevel=1)
    random.setstate(before[0])
    np.random.set_state(before[1])
    torch.set_rng_state(before[2])

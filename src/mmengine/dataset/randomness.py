"""Randomness as a function of what it is for, instead of a stream that depends on who drew before.

`random`, `numpy.random` and torch's CPU generator are seeded from a key: (seed, epoch, index) for a sample,
(seed, rank, iteration) for a training step. Augmentation is then the same whatever the number of workers, the
prefetching or the iteration that a run was resumed at, and nothing about random states has to be saved.
"""

from __future__ import annotations

import _random
import hashlib
import random
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import torch

# The seeding itself of `random.seed`, whose wrapper costs as much again in checks of its argument.
_PYTHON = random.seed.__self__  # type: ignore[attr-defined]
_seed_python = _random.Random.seed
_hash, _pack, _unpack = hashlib.blake2b, struct.Struct('<4q').pack, struct.Struct('<QIQ').unpack


def _seeds(a: int, b: int, c: int, d: int) -> tuple[int, int, int]:
    """Seeds of torch, numpy and Python from a key."""
    return _unpack(_hash(_pack(a, b, c, d), digest_size=20).digest())


def _seed(for_torch: int, for_numpy: int, for_python: int) -> None:
    """Seed torch's CPU generator, numpy's and Python's."""
    _seed_python(_PYTHON, for_python)
    _PYTHON.gauss_next = None
    np.random.seed(for_numpy)  # of whatever bit generator is put in
    torch.default_generator.manual_seed(for_torch)


def _apart(start: tuple[int, int, int], offset: int) -> tuple[int, int, int]:
    """Seeds at `offset` from a hashed start. The generators' own initialisation keeps neighbours apart."""
    for_torch, for_numpy, for_python = start
    return (for_torch + offset) & 0xFFFFFFFFFFFFFFFF, (for_numpy + offset) & 0xFFFFFFFF, for_python + offset


class StepSeeder:
    """Seeds the global generators for training steps (dropout, stochastic depth, …) from (seed, rank, iteration).

    Args:
        device_module: `torch.cuda` or the like where the model runs on such a device.
    """

    def __init__(self, seed: int, rank: int, device_module: Any = None) -> None:
        self._start = _seeds(seed, -1, rank, 0)
        self._device_module = device_module

    def __call__(self, iteration: int) -> None:
        seeds = _apart(self._start, iteration)
        _seed(*seeds)
        if self._device_module is not None:
            self._device_module.manual_seed(seeds[0])


# numpy's global generator is re-seeded on a bit generator of our own, put in for the time of a batch: this costs a
# hundredth of reading and writing back the state of the one that it replaces.
_NUMPY_BITS = np.random.MT19937()

# Of the sample that is being made: the seed of its generators, and how often each name has asked for one.
_sample: int | None = None
_asked: Counter[str] = Counter()


@contextmanager
def sample_randomness() -> Iterator[None]:
    """While inside, `seed_sample` may be called; on leaving, the global generators are as they were before."""
    python_state, torch_state = random.getstate(), torch.default_generator.get_state()
    numpy_bits = np.random.mtrand.get_bit_generator()
    np.random.mtrand.set_bit_generator(_NUMPY_BITS)
    try:
        yield
    finally:
        _set_sample(None)
        np.random.mtrand.set_bit_generator(numpy_bits)
        torch.default_generator.set_state(torch_state)
        random.setstate(python_state)


def seed_sample(seed: int, epoch: int, index: int, draw: int = 0) -> None:
    """Seed the global generators for sample `index` of `epoch`; only inside of `sample_randomness`."""
    seeds = _apart(_sample_seeds(seed, epoch, draw), index)
    _seed(*seeds)
    _set_sample(seeds[0])


def _set_sample(seed: int | None) -> None:
    global _sample
    _sample = seed
    if _asked:
        _asked.clear()


def sample_generator(name: str = '') -> np.random.Generator:
    """A generator for the sample that is being made, for a transform that asks for one instead of drawing globally.

    It is a function of (seed, epoch, index), of `name` and of how often `name` has asked for this sample: what other
    transforms draw, or whether they are there, changes nothing. Outside of a data loader of the runner it is seeded by
    a draw from `numpy.random`.

    Args:
        name: keeps streams apart; by convention that of the class.
    """
    if _sample is None:
        return np.random.default_rng(np.random.randint(0, 2**32, 4, dtype=np.uint32))
    number = _asked[name]
    _asked[name] += 1
    return np.random.default_rng([_sample, number, *name.encode()])


@lru_cache(maxsize=16)
def _sample_seeds(seed: int, epoch: int, draw: int) -> tuple[int, int, int]:
    return _seeds(seed, epoch, 0, draw)

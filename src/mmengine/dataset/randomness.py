"""Randomness as a function of what it is for, instead of a stream that depends on who drew before.

`random`, `numpy.random` and torch's CPU generator are seeded from a key: (seed, epoch, index) for a sample,
(seed, rank, iteration) for a training step. Augmentation is then the same whatever the number of workers, the prefetching or the
iteration that a run was resumed at, and nothing about random states has to be saved.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch


class Seeds(NamedTuple):
    """Seeds of the three global generators."""

    torch: int
    numpy: int
    python: int


def seeds_for(*key: int) -> Seeds:
    """Three independent seeds for a key of integers; any change of the key changes all of them."""
    digest = hashlib.blake2b(struct.pack(f'<{len(key)}q', *key), digest_size=20).digest()
    return Seeds(*struct.unpack('<QIQ', digest))


def seed_step(seed: int, rank: int, iteration: int, device_module: Any = None) -> None:
    """Seed the global generators for one training step (dropout, stochastic depth, …).

    `device_module` is `torch.cuda` or the like where the model runs on such a device.
    """
    seeds = seeds_for(seed, -1, rank, iteration)
    random.seed(seeds.python)
    np.random.seed(seeds.numpy)
    torch.default_generator.manual_seed(seeds.torch)
    if device_module is not None:
        device_module.manual_seed(seeds.torch)


# numpy's global generator is re-seeded on a bit generator of our own, put in for the time of a batch: this costs a
# hundredth of reading and writing back the state of the one that it replaces.
_NUMPY_BITS = np.random.MT19937()


@contextmanager
def sample_randomness() -> Iterator[None]:
    """While inside, `seed_sample` may be called; on leaving, the global generators are as they were before."""
    python_state, torch_state = random.getstate(), torch.default_generator.get_state()
    numpy_bits = np.random.get_bit_generator()
    np.random.set_bit_generator(_NUMPY_BITS)
    try:
        yield
    finally:
        np.random.set_bit_generator(numpy_bits)
        torch.default_generator.set_state(torch_state)
        random.setstate(python_state)


def seed_sample(seed: int, epoch: int, index: int, draw: int = 0) -> None:
    """Seed the global generators for sample `index` of `epoch`."""
    seeds = seeds_for(seed, epoch, index, draw)
    random.seed(seeds.python)
    np.random.seed(seeds.numpy)
    torch.default_generator.manual_seed(seeds.torch)

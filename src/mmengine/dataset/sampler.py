"""Samplers whose sequence is a function of (seed, epoch) and that can start at any position in constant time.

The global sequence does not depend on the number of ranks: rank r of w takes the elements r, r + w, r + 2w, …
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized
from typing import Any

import torch
from torch.utils.data import Sampler

from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS


class SampleIndex(int):
    """The index of a sample that knows the epoch for which it was drawn; a plain int for everybody else.

    `draw` tells repeated draws of an index in one epoch apart; our samplers leave it 0.
    """

    epoch: int
    draw: int

    def __new__(cls, index: int, epoch: int, draw: int = 0) -> SampleIndex:
        self = super().__new__(cls, index)
        self.epoch, self.draw = epoch, draw
        return self

    def __reduce__(self) -> tuple:
        return SampleIndex, (int(self), self.epoch, self.draw)


def epoch_order(size: int, seed: int, epoch: int, shuffle: bool) -> list[int]:
    """The order of the samples 0..size-1 in an epoch."""
    if not shuffle:
        return list(range(size))
    return torch.randperm(size, generator=torch.Generator().manual_seed(seed + epoch)).tolist()


class _ShardedSampler(Sampler[int]):
    def __init__(self, dataset: Sized, shuffle: bool, seed: int | None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.shuffle = shuffle
        self.seed: int = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self._start = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def set_position(self, consumed: int) -> None:
        """Let the next iteration begin after `consumed` samples of this rank; the one after it begins at 0 again."""
        self._start = consumed

    def _take_start(self) -> int:
        start, self._start = self._start, 0
        return start


@DATA_SAMPLERS.register_module()
class DefaultSampler(_ShardedSampler):
    """One pass over the dataset.

    Args:
        dataset: anything with a length.
        shuffle: whether the order changes with the epoch.
        seed: the same on all ranks; None draws one and shares it.
        round_up: repeat samples from the beginning until all ranks have equally many.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = None, round_up: bool = True) -> None:
        super().__init__(dataset, shuffle, seed)
        self.round_up = round_up
        size = len(dataset)
        if round_up:
            self.num_samples = math.ceil(size / self.world_size)
            self.total_size = self.num_samples * self.world_size
        else:
            self.num_samples = math.ceil((size - self.rank) / self.world_size)
            self.total_size = size

    def __iter__(self) -> Iterator[int]:
        size, start, epoch = len(self.dataset), self._take_start(), self.epoch
        order = epoch_order(size, self.seed, epoch, self.shuffle)
        for position in range(self.rank + start * self.world_size, self.total_size, self.world_size):
            yield SampleIndex(order[position % size], epoch)

    def __len__(self) -> int:
        return self.num_samples


@DATA_SAMPLERS.register_module()
class InfiniteSampler(_ShardedSampler):
    """Passes over the dataset without end, each in an order of its own; for iteration-based training.

    The sequence is continuous over all ranks: a pass that does not divide evenly goes on in the next.
    """

    infinite = True

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = None) -> None:
        super().__init__(dataset, shuffle, seed)
        self.size = len(dataset)

    def __iter__(self) -> Iterator[int]:
        position = self.rank + self._take_start() * self.world_size
        current, order = -1, []
        while True:
            epoch, place = divmod(position, self.size)
            if epoch != current:
                current, order = epoch, epoch_order(self.size, self.seed, epoch, self.shuffle)
            yield SampleIndex(order[place], epoch)
            position += self.world_size

    def __len__(self) -> int:
        """The size of one pass over all ranks."""
        return self.size

    def set_epoch(self, epoch: int) -> None:
        """Does nothing: the sequence has no epochs to set."""


def is_infinite(sampler: Any) -> bool:
    """Whether `sampler` never ends by itself."""
    return bool(getattr(sampler, 'infinite', False))

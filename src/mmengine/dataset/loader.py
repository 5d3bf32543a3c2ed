"""A `torch.utils.data.DataLoader` whose samples are a function of (seed, epoch, index) and that can seek.

Third-party datasets, transforms and samplers need to know nothing of it: the global generators are seeded before each
`dataset[index]`, in whichever process that happens, and samplers without `set_position` are advanced by index alone.
A transform whose draws should not depend on what the others draw asks for a generator of its own:

    rng = mmengine.dataset.sample_generator(type(self).__name__)  # np.random.Generator, in each call
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, get_worker_info

from mmengine.dist import get_dist_info
from mmengine.utils.errors import MMError

from .bad_samples import BadSamples, describe_sample, sample_or_another
from .randomness import sample_randomness, seed_sample
from .sampler import SampleIndex, is_infinite


class _Message:
    """What a worker gives in place of a batch."""


class _Failure(_Message):
    """An `MMError` on its way from a worker; torch would keep no more of it than its text."""

    def __init__(self, error: MMError) -> None:
        self.error = error


class _Patched(_Message):
    """A batch in which samples stand for others that cannot be read."""

    def __init__(self, batch: Any, bad: dict[int, str]) -> None:
        self.batch = batch
        self.bad = bad


class _KeyedDataset(Dataset):
    """What the workers read: the user's dataset with the randomness of each sample set before it is made."""

    def __init__(self, dataset: Dataset, seed: int, skip: bool = False, workers: int = 0) -> None:
        self.dataset = dataset
        self.seed = seed
        self.skip = skip
        # Which sample each worker is at, for when it dies.
        self.at = torch.full((workers,), -1, dtype=torch.int64).share_memory_()

    def __getitems__(self, indices: list[int]) -> list:
        samples: list = []
        bad: dict[int, str] = {}
        worker = get_worker_info()
        with sample_randomness():
            for index in indices:
                seed_sample(self.seed, getattr(index, 'epoch', 0), int(index), getattr(index, 'draw', 0))
                if worker is not None and len(self.at):
                    self.at[worker.id] = int(index)
                try:
                    if self.skip:
                        samples.append(sample_or_another(self.dataset, int(index), bad))
                    else:
                        samples.append(self.dataset[int(index)])
                except MMError as error:
                    return [_Failure(error)]
        return [_Patched(samples, bad)] if bad else samples


class _Collate:
    """Lets a failure pass by the collate function that the user chose."""

    def __init__(self, collate_fn: Callable) -> None:
        self.collate_fn = collate_fn

    def __call__(self, samples: list) -> Any:
        if samples and isinstance(samples[0], _Message):
            if isinstance(samples[0], _Patched):
                return _Patched(self.collate_fn(samples[0].batch), samples[0].bad)
            return samples[0]
        return self.collate_fn(samples)


class _SeekableBatches:
    """The batches of indices; each index carries the epoch, and a start position can be set once."""

    def __init__(self, batches: Any) -> None:
        self.batches = batches
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str) -> Any:
        # Hooks reach for `loader.batch_sampler.sampler` and the like.
        if name == 'batches':
            raise AttributeError(name)
        return getattr(self.batches, name)

    def _skip(self, start: int) -> Iterator[list[int]]:
        sampler: Any = getattr(self.batches, 'sampler', None)
        if type(self.batches) is BatchSampler and hasattr(sampler, 'set_position'):
            sampler.set_position(start * self.batches.batch_size)
            return iter(self.batches)
        return itertools.islice(iter(self.batches), start, None)

    def __iter__(self) -> Iterator[list[int]]:
        start, self.start = self.start, 0
        rank, world_size = get_dist_info()
        for number, batch in enumerate(self._skip(start), start):
            if batch and not isinstance(batch[0], SampleIndex):
                # A foreign sampler may repeat an index within an epoch: its place in the sequence tells them apart.
                first = 1 + number * len(batch) * world_size + rank
                yield [SampleIndex(i, self.epoch, first + n * world_size) for n, i in enumerate(batch)]
            else:
                yield batch


class KeyedDataLoader(DataLoader):
    """Args are those of `DataLoader`, except that `sampler` or `batch_sampler` must be given, and `seed`, and:

    on_bad_sample: 'stop' at a sample that cannot be read (a `DataError` or `OSError`), or 'skip' it: another one,
        drawn from (seed, epoch, index), takes its place. For training only.

    Attributes:
        bad_samples: those that were skipped, by index.
        dataset: the user's dataset, unwrapped.
        epoch: the epoch that the next iteration is for.
    """

    def __init__(
        self,
        dataset: Any,
        *,
        seed: int,
        sampler: Any = None,
        batch_sampler: Any = None,
        batch_size: int = 1,
        drop_last: bool = False,
        collate_fn: Callable,
        on_bad_sample: str = 'stop',
        **kwargs: Any,
    ) -> None:
        self.bad_samples = BadSamples(dataset, on_bad_sample)
        batches = batch_sampler if batch_sampler is not None else BatchSampler(sampler, batch_size, drop_last)
        self._user_dataset = dataset
        self._serving = False
        # The iterator draws a base seed for its workers; from this generator it takes nothing from the global one.
        kwargs.setdefault('generator', torch.Generator().manual_seed(seed % 2**63))
        super().__init__(
            _KeyedDataset(dataset, seed, on_bad_sample == 'skip', kwargs.get('num_workers', 0)),
            batch_sampler=_SeekableBatches(batches),
            collate_fn=_Collate(collate_fn),
            **kwargs,
        )

    can_seek = True

    @property
    def dataset(self) -> Any:
        # torch reads this attribute when it starts an iterator; everybody else means the user's dataset.
        return self._keyed if self._serving else self._user_dataset

    @dataset.setter
    def dataset(self, value: Any) -> None:
        self._keyed: _KeyedDataset = value

    @property
    def seed(self) -> int:
        return self._keyed.seed

    def reseed(self, seed: int) -> None:
        """Use another seed from the next iterator on, for order and randomness alike."""
        self._keyed.seed = seed
        for sampler in (self.batch_sampler, getattr(self.batch_sampler, 'sampler', None)):
            if isinstance(getattr(sampler, 'seed', None), int):
                sampler.seed = seed  # type: ignore[union-attr]

    @property
    def epoch(self) -> int:
        return self._batches.epoch

    @property
    def _batches(self) -> _SeekableBatches:
        return self.batch_sampler  # type: ignore[return-value]

    def set_epoch(self, epoch: int) -> None:
        """Tell the samplers, and the randomness of samples from foreign samplers, which epoch comes next."""
        self._batches.epoch = epoch
        sampler = getattr(self._batches, 'sampler', None)
        for part in (self._batches.batches, sampler):
            if hasattr(part, 'set_epoch'):
                part.set_epoch(epoch)  # type: ignore[union-attr]

    def seek(self, batch: int) -> None:
        """Let the next iteration begin at batch number `batch` of this rank; later ones begin at 0."""
        self._batches.start = batch

    @property
    def infinite(self) -> bool:
        """Whether an iteration never ends by itself."""
        return is_infinite(self._batches.batches) or is_infinite(getattr(self._batches, 'sampler', None))

    @property
    def global_batch_size(self) -> int | None:
        """Samples of one iteration over all ranks, or None where the batch sampler does not tell."""
        size = getattr(self._batches.batches, 'batch_size', None)
        return size * get_dist_info()[1] if isinstance(size, int) else None

    def close(self) -> None:
        """End the workers that stay between iterations; the next one starts others.

        Left to the garbage collector, they would take 5 seconds each to end, at some later moment.
        """
        kept: Any = self._iterator
        self._iterator = None
        if hasattr(kept, '_shutdown_workers'):
            kept._shutdown_workers()
        self.bad_samples.report()

    def __iter__(self) -> Iterator:  # type: ignore[override]
        self._serving = True
        try:
            iterator = super().__iter__()
        finally:
            self._serving = False
        return self._checked(iterator)

    def _checked(self, iterator: Iterator) -> Iterator:
        batches = iter(iterator)
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except RuntimeError as error:
                if 'DataLoader worker' in str(error):
                    error.add_note(self._whereabouts())
                raise
            if isinstance(batch, _Message):
                if isinstance(batch, _Failure):
                    raise batch.error
                self.bad_samples.note(batch.bad)  # type: ignore[attr-defined]
                batch = batch.batch  # type: ignore[attr-defined]
            yield batch

    def _whereabouts(self) -> str:
        at = [(n, i) for n, i in enumerate(self._keyed.at.tolist()) if i >= 0]
        places = '; '.join(f'worker {n}: {describe_sample(self._user_dataset, i)}' for n, i in at)
        return (
            f'the last samples that the workers began to load: {places or "none"}. A worker that is killed often lacks '
            'memory (also of /dev/shm); num_workers=0 shows an error of the dataset itself'
        )

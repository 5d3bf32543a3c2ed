"""A sample is a function of (seed, epoch, index), whoever makes it."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
import torch
from helpers.toy import ToyDataset
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import BatchSampler, Sampler

from mmengine.dataset import DefaultSampler, InfiniteSampler, KeyedDataLoader, pseudo_collate, sample_generator
from mmengine.dataset import sampler as sampler_module
from mmengine.utils.errors import DataError


def loader(workers: int = 0, dataset: Any = None, sampler: Any = None, seed: int = 3, **kwargs: Any) -> KeyedDataLoader:
    dataset = dataset if dataset is not None else ToyDataset(10)
    sampler = sampler or InfiniteSampler(dataset, seed=seed)
    return KeyedDataLoader(
        dataset, seed=seed, sampler=sampler, batch_size=2, collate_fn=pseudo_collate, num_workers=workers, **kwargs
    )


def take(batches: Any, n: int) -> list:
    return [
        (torch.stack(b['data_samples']).tolist(), torch.stack(b['inputs']).tolist())
        for b in itertools.islice(batches, n)
    ]


def test_augmentation_does_not_depend_on_workers_or_on_what_was_drawn_before() -> None:
    reference = take(loader(0), 8)
    random.seed(99)
    np.random.seed(99)
    torch.manual_seed(99)
    assert take(loader(0), 8) == reference
    assert take(loader(2), 8) == reference
    assert take(loader(1, prefetch_factor=5), 8) == reference


def test_passes_over_the_data_are_augmented_differently() -> None:
    batches = take(loader(sampler=InfiniteSampler(range(10), shuffle=False, seed=3)), 10)
    assert batches[0][0] == batches[5][0]
    assert batches[0][1] != batches[5][1]


def test_other_seed_other_augmentation() -> None:
    sampler = InfiniteSampler(range(10), shuffle=False, seed=3)
    assert take(loader(seed=3, sampler=sampler), 1) != take(loader(seed=4, sampler=sampler), 1)


@pytest.mark.parametrize('workers', [0, 2])
def test_seek(workers: int) -> None:
    reference = take(loader(0), 12)
    seeking = loader(workers)
    seeking.seek(5)
    assert take(seeking, 7) == reference[5:]


@settings(deadline=None, max_examples=40)
@given(
    size=st.integers(1, 12),
    batch_size=st.integers(1, 5),
    drop_last=st.booleans(),
    kind=st.sampled_from([DefaultSampler, InfiniteSampler]),
    world_size=st.integers(1, 3),
    data=st.data(),
)
def test_seeking_anywhere_gives_the_rest(
    size: int, batch_size: int, drop_last: bool, kind: type, world_size: int, data: st.DataObject
) -> None:
    rank = data.draw(st.integers(0, world_size - 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler_module, 'get_dist_info', lambda: (rank, world_size))
        made = KeyedDataLoader(
            dataset := ToyDataset(size),
            seed=3,
            sampler=kind(dataset, seed=3),
            batch_size=batch_size,
            drop_last=drop_last,
            collate_fn=pseudo_collate,
        )
        made.set_epoch(2)
        whole = take(made, 18)
        start = data.draw(st.integers(0, min(9, len(whole))))
        made.seek(start)
        assert take(made, 9) == whole[start : start + 9]
        assert take(made, 18) == whole, 'a position is for one iteration'


class Asking(ToyDataset):
    """A transform that asks for generators, behind one of somebody else that may or may not draw."""

    def __init__(self, length: int, others: int) -> None:
        super().__init__(length)
        self.others = others

    def __getitem__(self, index: int) -> dict[str, Any]:
        np.random.rand(self.others)
        sample_generator('Other').random(self.others)
        draws = [sample_generator('Mine').random(), sample_generator('Mine').random()]
        return {'inputs': torch.tensor(draws), 'data_samples': torch.tensor(index)}


@pytest.mark.parametrize('workers', [0, 2])
def test_a_generator_that_is_asked_for_depends_on_the_sample_and_its_name_alone(workers: int) -> None:
    reference = take(loader(0, dataset=Asking(10, 0)), 8)
    assert take(loader(workers, dataset=Asking(10, 7)), 8) == reference
    assert take(loader(workers, dataset=Asking(10, 0), seed=4), 8) != reference
    numbers = [v for _, batch in reference for pair in batch for v in pair]
    assert len(set(numbers)) == len(numbers) == 32


def test_outside_of_a_loader_a_generator_follows_the_global_one() -> None:
    np.random.seed(1)
    first, second = sample_generator('Mine').random(), sample_generator('Mine').random()
    assert first != second
    np.random.seed(1)
    assert sample_generator('Mine').random() == first


def test_loading_in_this_process_leaves_the_global_generators_alone() -> None:
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    expected = random.random(), float(np.random.rand()), float(torch.rand(()))
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    take(loader(0), 3)
    assert (random.random(), float(np.random.rand()), float(torch.rand(()))) == expected


class ForeignSampler(Sampler):
    """Knows nothing of epochs or positions, and repeats indices."""

    def __iter__(self) -> Any:
        return iter([0, 0, 1, 1, 0, 0])

    def __len__(self) -> int:
        return 6


def test_foreign_samplers_are_keyed_by_place_and_can_be_entered_anywhere() -> None:
    reference = take(loader(sampler=ForeignSampler()), 3)
    values = [v for _, batch in reference for v in batch]
    assert len({tuple(v) for v in values}) == 6, 'each draw of an index has its own randomness'
    seeking = loader(2, sampler=ForeignSampler())
    seeking.seek(1)
    assert take(seeking, 2) == reference[1:]


def test_foreign_batch_samplers_pass_through() -> None:
    dataset = ToyDataset(10)
    batches = BatchSampler(DefaultSampler(dataset, shuffle=False, seed=0), 3, drop_last=False)
    made = KeyedDataLoader(dataset, seed=0, batch_sampler=batches, collate_fn=pseudo_collate)
    assert len(made) == 4
    assert made.batch_sampler.sampler is batches.sampler
    assert [i for i, _ in take(made, 9)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_the_dataset_of_the_loader_is_the_users() -> None:
    dataset = ToyDataset(10)
    made = loader(dataset=dataset)
    iterator = iter(made)
    next(iterator)
    assert made.dataset is dataset


class Broken(ToyDataset):
    def __getitem__(self, index: int) -> Any:
        if index == 3:
            error = DataError('cannot read a.png')
            error.add_note('sample 3')
            raise error
        return super().__getitem__(index)


@pytest.mark.parametrize('workers', [0, 2])
def test_an_error_of_a_sample_arrives_as_it_was_raised(workers: int) -> None:
    made = loader(workers, dataset=Broken(10))
    with pytest.raises(DataError) as info:
        take(made, 10)
    assert str(info.value) == 'cannot read a.png'
    assert info.value.__notes__ == ['sample 3']

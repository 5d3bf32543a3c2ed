"""The sequence of samples is a function of (seed, epoch) and does not depend on ranks or on where it is entered."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.dataset import sampler as module
from mmengine.dataset.sampler import DefaultSampler, InfiniteSampler


@pytest.fixture
def ranks(monkeypatch: pytest.MonkeyPatch):
    def set_rank(rank: int, world_size: int) -> None:
        monkeypatch.setattr(module, 'get_dist_info', lambda: (rank, world_size))

    return set_rank


@pytest.mark.parametrize('world_size', [1, 2, 3, 4])
def test_the_global_sequence_is_the_same_for_any_number_of_ranks(ranks, world_size: int) -> None:
    ranks(0, 1)
    alone = list(itertools.islice(InfiniteSampler(range(7), seed=3), 48))
    shares = []
    for rank in range(world_size):
        ranks(rank, world_size)
        shares.append(list(itertools.islice(InfiniteSampler(range(7), seed=3), 48 // world_size)))
    assert [i for group in zip(*shares, strict=True) for i in group] == alone


@pytest.mark.parametrize('round_up', [True, False])
def test_default_sampler_covers_all_samples(ranks, round_up: bool) -> None:
    drawn = []
    for rank in range(3):
        ranks(rank, 3)
        sampler = DefaultSampler(range(10), seed=1, round_up=round_up)
        share = list(sampler)
        assert len(share) == len(sampler)
        drawn += share
    assert set(drawn) == set(range(10))
    assert len(drawn) == (12 if round_up else 10)


def test_epochs_differ_and_repeat(ranks) -> None:
    ranks(0, 1)
    sampler = DefaultSampler(range(20), seed=1)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert all(i.epoch == 1 for i in sampler)


@settings(deadline=None, max_examples=60)
@given(size=st.integers(1, 20), start=st.integers(0, 60), world_size=st.integers(1, 4), data=st.data())
def test_entering_at_a_position_gives_the_rest_of_the_sequence(
    size: int, start: int, world_size: int, data: st.DataObject
) -> None:
    rank = data.draw(st.integers(0, world_size - 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, 'get_dist_info', lambda: (rank, world_size))
        infinite = InfiniteSampler(range(size), seed=5)
        whole = [(int(i), i.epoch) for i in itertools.islice(infinite, start + 10)]
        infinite.set_position(start)
        assert [(int(i), i.epoch) for i in itertools.islice(infinite, 10)] == whole[start:]

        finite = DefaultSampler(range(size), seed=5)
        everything = list(finite)
        finite.set_position(min(start, len(everything)))
        assert list(finite) == everything[start:]
        assert list(finite) == everything


def test_a_late_position_costs_no_more_than_an_early_one(ranks, monkeypatch: pytest.MonkeyPatch) -> None:
    ranks(0, 1)
    calls = []
    original = module.epoch_order
    monkeypatch.setattr(module, 'epoch_order', lambda *a: calls.append(a) or original(*a))
    sampler = InfiniteSampler(range(10), seed=1)
    sampler.set_position(10**9)
    next(iter(sampler))
    assert len(calls) == 1

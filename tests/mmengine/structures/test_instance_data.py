from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.structures import InstanceData


class Boxes:
    """A type of somebody else: length, indexing, cat."""

    def __init__(self, data: torch.Tensor) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, item: Any) -> Boxes:
        return Boxes(self.data[item])

    @staticmethod
    def cat(parts: list[Boxes]) -> Boxes:
        return Boxes(torch.cat([p.data for p in parts]))


def instances(n: int = 4) -> InstanceData:
    return InstanceData(
        metainfo={'path': 'a'},
        tensor=torch.arange(n) * 10,
        array=np.arange(n) * 10,
        numbers=[i * 10 for i in range(n)],
        pair=tuple(i * 10 for i in range(n)),
        text=''.join(chr(97 + i) for i in range(n)),
        boxes=Boxes(torch.arange(n) * 10),
    )


def check(part: InstanceData, places: list[int]) -> None:
    expected = [p * 10 for p in places]
    assert len(part) == len(places) and part.path == 'a'
    assert part.tensor.tolist() == part.array.tolist() == part.numbers == list(part.pair) == expected
    assert part.text == ''.join(chr(97 + p) for p in places)
    assert isinstance(part.boxes, Boxes) and part.boxes.data.tolist() == expected
    assert isinstance(part.pair, tuple) and isinstance(part.array, np.ndarray)


@pytest.mark.parametrize(
    ('index', 'places'),
    [
        (1, [1]),
        (-1, [3]),
        (np.int64(2), [2]),
        (slice(1, 3), [1, 2]),
        (slice(None, None, 2), [0, 2]),
        ([2, 0, 2], [2, 0, 2]),
        ([], []),
        ([True, False, False, True], [0, 3]),
        (np.array([3, 1]), [3, 1]),
        (np.array([False, True, False, False]), [1]),
        (torch.tensor([1, 1]), [1, 1]),
        (torch.tensor([-1], dtype=torch.int32), [3]),
        (torch.tensor([False, False, True, True]), [2, 3]),
    ],
)
def test_selecting(index: Any, places: list[int]) -> None:
    check(instances()[index], places)


@pytest.mark.parametrize(
    ('index', 'error'),
    [
        (4, IndexError),
        (-5, IndexError),
        ([0.5], TypeError),
        ({}, TypeError),
        (torch.zeros(2, 2).long(), ValueError),
        (torch.tensor([True]), IndexError),
    ],
)
def test_wrong_indices(index: Any, error: type) -> None:
    with pytest.raises(error):
        instances()[index]


def test_a_name_gives_the_field() -> None:
    assert instances()['numbers'] == [0, 10, 20, 30]


def test_lengths_must_agree() -> None:
    data = instances()
    with pytest.raises(ValueError, match='more has 3 entries, but the other fields have 4'):
        data.more = [1, 2, 3]
    with pytest.raises(TypeError, match='length'):
        data.more = 3
    assert len(InstanceData()) == 0
    only = InstanceData(a=[1])
    only.a = [1, 2]
    assert len(only) == 2


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 5), st.integers(0, 5))
def test_cat_joins_what_slicing_parts(first: int, second: int) -> None:
    whole = instances(first + second)
    check(InstanceData.cat([whole[:first], whole[first:]]), list(range(first + second)))


def test_cat_refuses_what_does_not_fit() -> None:
    one = instances()
    assert InstanceData.cat([one]) is one
    with pytest.raises(ValueError, match='non-empty'):
        InstanceData.cat([])
    with pytest.raises(ValueError, match='different fields'):
        InstanceData.cat([InstanceData(a=[1]), InstanceData(b=[1])])
    with pytest.raises(TypeError, match="'a' of type range"):
        InstanceData.cat([InstanceData(a=range(2)), InstanceData(a=range(2))])

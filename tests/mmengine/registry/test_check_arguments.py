"""What signatures and annotations say of the arguments of a config."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.registry.check_kinds import fits, shown
from mmengine.registry.check_signatures import arguments_of, needs, takes_anything


@pytest.mark.parametrize(
    ('value', 'annotation', 'right'),
    [
        (1, int, True),
        (1.0, int, True),  # as in max_iters=4e4
        (1.5, int, False),
        (True, int, False),
        ('1', int, False),
        (1, float, True),
        ('1e-3', float, False),
        (1, bool, False),
        (None, int | None, True),
        (None, int, False),
        ([1, 2], tuple, True),
        ((1, 2), list[int], True),
        ((1, 'a'), list[int], False),
        ((1, 2), tuple[int, int], True),
        ((1, 2, 3), tuple[int, int], False),
        ((1, 2, 3), tuple[int, ...], True),
        (3, Sequence[int], False),
        ('ab', Sequence[str], True),
        ({}, dict[str, Any], True),
        ([], dict, False),
        ('a', Literal['a', 'b'], True),
        ('c', Literal['a', 'b'], False),
        ('anything', Any, True),
        ({'type': 'ReLU'}, torch.nn.Module, True),
        ('0.1', float | torch.Tensor, False),
        ('f', Callable, True),
    ],
)
def test_fits(value: Any, annotation: Any, right: bool) -> None:
    assert fits(value, annotation) is right


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
ANNOTATIONS = st.sampled_from([int, float, str, bool, dict, list, tuple, list[int], tuple[int, str], Sequence[float]])


@settings(deadline=None)
@given(VALUES, ANNOTATIONS)
def test_an_optional_argument_takes_what_a_required_one_does_and_none(value: Any, annotation: Any) -> None:
    assert fits(value, annotation | None) is (fits(value, annotation) or value is None)
    assert fits(value, Any)
    assert shown(annotation | None).endswith('or None')


class Base:
    def __init__(self, width: int, depth: int = 3) -> None: ...


class Forwards(Base):
    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class Gives(Base):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(width=3, **kwargs)


class Positional(Base):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(3, **kwargs)


class Uses(Base):
    def __init__(self, **kwargs: Any) -> None:
        self.extra = kwargs.pop('extra', None)
        super().__init__(**kwargs)


class Swallows(Base):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(3)


def test_arguments_of_parents_count_where_they_are_handed_on() -> None:
    assert list(arguments_of(Forwards)) == ['name', 'width', 'depth']
    assert arguments_of(Forwards)['depth'].annotation is int
    assert needs(Forwards) == ['name', 'width']
    assert needs(Gives) == []
    assert needs(Positional) == []


@pytest.mark.parametrize(
    ('target', 'anything'),
    [(Base, False), (Forwards, False), (Gives, False), (Positional, False), (Uses, True), (Swallows, True)],
)
def test_nothing_is_said_of_arguments_that_a_class_uses_in_its_own_way(target: type, anything: bool) -> None:
    assert takes_anything(target) is anything


def test_functions() -> None:
    def plain(a: int, b: str = '') -> None: ...

    def free(**options: Any) -> None: ...

    assert needs(plain) == ['a'] and not takes_anything(plain)
    assert takes_anything(free)

"""The order of hooks: priorities, and what hooks say of one another."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.hooks import Hook
from mmengine.runner.hook_order import check_names, order_hooks
from mmengine.utils.errors import ArgumentError


def hook(name: str, priority: Any = 'NORMAL', bases: tuple = (Hook,), given: bool = False, **order: Any) -> Hook:
    """A hook of a class of that name; its priority is the class's, or `given` by a config."""
    made = type(name, bases, {'priority': priority, **order})()
    if given:
        made.priority = priority
    return made


def ordered(*hooks: Hook) -> str:
    return ' '.join(type(h).__name__ for h in order_hooks(hooks))


def test_priority_then_registration() -> None:
    assert ordered(hook('A'), hook('B', 'LOW'), hook('C', 45), hook('D'), hook('E', 0)) == 'E C A D B'


def test_a_constraint_that_holds_anyway_moves_nothing() -> None:
    assert ordered(hook('A', 'LOW', after='B'), hook('B'), hook('C', 'LOW')) == 'B A C'


def test_the_hook_that_says_so_moves_right_before_or_behind() -> None:
    others = [hook('V', 'VERY_HIGH'), hook('W', 'HIGH'), hook('X'), hook('Y', 'LOW'), hook('Z', 'VERY_LOW')]
    assert ordered(*others, hook('A', before='W')) == 'V A W X Y Z'
    assert ordered(*others, hook('A', after='Y')) == 'V W X Y A Z'
    assert ordered(*others, hook('A', after=['W', 'Y'])) == 'V W X Y A Z'
    assert ordered(*others, hook('A', before=['W', 'Y'])) == 'V A W X Y Z'
    assert ordered(*others, hook('A', 'LOWEST', after='V', before='Y')) == 'V W X A Y Z'


def test_among_equals() -> None:
    assert ordered(hook('A'), hook('B'), hook('C', before='A')) == 'C A B'
    assert ordered(hook('A', after='C'), hook('B'), hook('C')) == 'B C A'


def test_hooks_that_name_each_other() -> None:
    chain = [hook('A', before='B'), hook('B', before='C'), hook('C', 'HIGH')]
    for hooks in itertools.permutations(chain):
        assert ordered(*hooks) == 'A B C'
    for hooks in itertools.permutations([hook('A', before='B'), hook('B', 'VERY_HIGH', after='A'), hook('C', 'HIGH')]):
        assert [n for n in ordered(*hooks).split() if n != 'C'] == ['A', 'B']


def test_a_base_class_stands_for_what_derives_from_it() -> None:
    base = hook('Base')
    derived = hook('Derived', 'HIGH', bases=(type(base),))
    assert ordered(derived, hook('A', before='Base')) == 'A Derived'
    # One that derives from what it names does not mean itself.
    assert ordered(base, hook('Own', 'LOW', bases=(type(base),), before='Base')) == 'Own Base'


def test_a_name_that_no_hook_has_does_nothing() -> None:
    assert ordered(hook('A'), hook('B', before='Absent')) == 'A B'


@pytest.mark.parametrize(
    ('hooks', 'message'),
    [
        ([hook('A', before='B'), hook('B', before='A')], 'B should run before A and after it|A should run before B'),
        ([hook('X', 'HIGH'), hook('Y', 'LOW'), hook('A', before='X', after='Y')], 'A should run before X and after Y'),
        ([hook('X'), hook('A', before='X', after='X')], 'A should run before X and after it'),
        ([hook('X', 'HIGH'), hook('A', 'LOW', given=True, before='X')], 'A was given the priority LOW.*before X.*HIGH'),
        ([hook('X', 'LOW'), hook('A', 'HIGH', given=True, after='X')], 'A was given the priority HIGH.*after X.*LOW'),
    ],
    ids=range(5),
)
def test_contradictions_are_refused(hooks: list[Hook], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        order_hooks(hooks)


def test_a_given_priority_and_a_constraint_that_agree() -> None:
    assert ordered(hook('X', 'LOW'), hook('A', 'LOW', given=True, before='X')) == 'A X'


def test_attributes_of_that_name_for_something_else_do_not_matter() -> None:
    assert ordered(hook('A', before=3), hook('B', after=lambda: None), hook('C', before=[1])) == 'A B C'


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from([10, 50, 50, 70]), min_size=2, max_size=6),
    st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=3),
)
def test_what_hooks_say_holds_and_the_others_keep_their_order(priorities: list[int], says: list) -> None:
    plain = [hook(f'P{i}', p) for i, p in enumerate(priorities)]
    sayers = [
        hook(f'S{i}', 30, **{'before' if first else 'after': f'P{target % len(plain)}'})
        for i, (first, target) in enumerate(says)
    ]
    result = order_hooks([*plain, *sayers])
    assert [h for h in result if h in plain] == order_hooks(plain)
    assert order_hooks(result) == result  # registering one by one gives the same
    place = {type(h).__name__: i for i, h in enumerate(result)}
    for i, (first, target) in enumerate(says):
        assert (place[f'S{i}'] < place[f'P{target % len(plain)}']) == first


def test_misspelled_names_are_found() -> None:
    hooks = [hook('EMAHook'), hook('A', before='EMAHok')]
    with pytest.raises(ArgumentError, match=r"A should run before 'EMAHok'.*did you mean 'EMAHook'"):
        check_names(hooks, lambda name: False)
    check_names(hooks, lambda name: name == 'EMAHok')
    check_names([hook('EMAHook'), hook('A', before='EMAHook')], lambda name: False)

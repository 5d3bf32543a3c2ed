"""Plain functions as hooks, hooks from configs, and the time that hooks take."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest

from mmengine.config import ConfigDict
from mmengine.hooks import EMAHook, Hook, LoggerHook
from mmengine.registry import HOOKS
from mmengine.runner import Priority
from mmengine.runner.function_hook import FunctionHook
from mmengine.runner.hook_config import DEFAULT_HOOKS, build_hook, with_defaults
from mmengine.runner.hook_profile import HookProfile
from mmengine.runner.hook_table import HookTable
from mmengine.utils.errors import ArgumentError, ConfigError

ITER: dict[str, Any] = {'batch_idx': 3, 'data_batch': 'data', 'outputs': 'out'}


def test_a_function_gets_what_it_takes() -> None:
    seen: list[Any] = []

    def nothing(runner: Any) -> None:
        seen.append(runner)

    def some(r: Any, outputs: Any) -> None:
        seen.append((r, outputs))

    def everything(runner: Any, **kwargs: Any) -> None:
        seen.append((runner, kwargs))

    def default(runner: Any, *, batch_idx: int = -1, mine: int = 7) -> None:
        seen.append((batch_idx, mine))

    table = HookTable()
    for function in (nothing, some, everything, default, lambda runner, data_batch: seen.append(data_batch)):
        table.add(FunctionHook('after_train_iter', function))
    table.add(FunctionHook('after_train_iter', partial(some, outputs='bound')))
    table.call('after_train_iter', 'runner', **ITER)
    assert seen[:5] == ['runner', ('runner', 'out'), ('runner', ITER), (3, 7), 'data']


def test_the_order_and_the_stage() -> None:
    seen: list[str] = []
    table = HookTable()
    for name, priority in (('a', None), ('b', 'VERY_LOW'), ('c', 'HIGH')):
        table.add(FunctionHook('before_run', lambda runner, name=name: seen.append(name), priority))
    assert all(table.methods(stage) == [] for stage in Hook.stages if stage != 'before_run')
    assert table.hooks[0].get_triggered_stages() == ['before_run']
    table.call('before_run', None)
    assert seen == ['c', 'a', 'b']


def test_a_wrong_stage_or_signature_is_refused() -> None:
    with pytest.raises(ArgumentError, match="'after_train_itr'.*'after_train_iter'"):
        FunctionHook('after_train_itr', lambda runner: None)
    with pytest.raises(ArgumentError, match=r'cannot be called at before_run.*\(runner\).*outputs'):
        FunctionHook('before_run', lambda runner, outputs: None)
    with pytest.raises(ArgumentError, match='before_train_iter'):
        FunctionHook('before_train_iter', lambda: None)


# ------------------------------------------------------------------ hook_config


def test_defaults_are_changed_replaced_or_removed() -> None:
    own = Hook()
    given = {'timer': None, 'logger': {'interval': 3}, 'checkpoint': {'type': 'EMAHook'}, 'mine': own}
    hooks = with_defaults(given)
    assert {'type': 'LoggerHook', 'interval': 3} in hooks and {'type': 'EMAHook'} in hooks and own in hooks
    assert not any(isinstance(h, dict) and h['type'] in ('IterTimerHook', 'CheckpointHook') for h in hooks)
    assert with_defaults(None) == list(DEFAULT_HOOKS.values())
    assert given['logger'] == {'interval': 3}  # what users hand in stays


def test_a_config_says_its_place() -> None:
    cfg = ConfigDict(type='EMAHook', priority=Priority.HIGH, before='LoggerHook', after=['CheckpointHook'])
    hook, _ = build_hook(cfg)
    assert isinstance(hook, EMAHook)
    assert (hook.priority, hook.before, list(hook.after)) == ('HIGH', 'LoggerHook', ['CheckpointHook'])
    assert cfg.before == 'LoggerHook'
    assert build_hook({'type': 'EMAHook', 'priority': 'LOW'}, 'HIGH')[0].priority == 'HIGH'
    assert build_hook({'type': 'EMAHook', 'priority': None})[0].priority == 'NORMAL'
    assert build_hook(LoggerHook(), 3)[0].priority == 3


def test_a_class_may_take_before_itself() -> None:
    @HOOKS.register_module()
    class TakesBefore(Hook):
        def __init__(self, before: int) -> None:
            self.mine = before

    try:
        assert build_hook({'type': 'TakesBefore', 'before': 4})[0].mine == 4  # type: ignore[attr-defined]
    finally:
        del HOOKS._module_dict['TakesBefore']


def test_wrong_places_are_refused() -> None:
    with pytest.raises(ConfigError, match='`before` of EMAHook.*but got 3'):
        build_hook({'type': 'EMAHook', 'before': 3})
    with pytest.raises(TypeError, match='but got int'):
        build_hook(3)  # type: ignore[arg-type]


# ------------------------------------------------------------------ hook_profile


def test_the_time_of_each_hook_at_each_stage() -> None:
    profile = HookProfile()

    class Slow(Hook):
        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            time.sleep(0.01)
            inner(runner, {})

    class Inner(Hook):
        def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
            time.sleep(0.02)

    slow, other = Slow(), Inner()
    inner = profile.wrap(other, 'before_save_checkpoint', other.before_save_checkpoint)
    outer = profile.wrap(slow, 'after_train_iter', slow.after_train_iter)
    assert outer.__self__ is slow  # type: ignore[attr-defined]
    for index in range(2):
        outer(None, index)
    calls, seconds = profile.times['Slow', 'after_train_iter']
    assert calls == 2 and 0.02 <= seconds < 0.04
    assert profile.times['Inner', 'before_save_checkpoint'][1] >= 0.04
    lines = profile.report().splitlines()
    assert lines[0].split()[0] == 'hook' and lines[1].startswith('Inner') and lines[2].startswith('Slow')
    assert lines[-1].startswith('all hooks: 0.0')


def test_an_exception_is_timed_and_passes() -> None:
    profile = HookProfile()

    def fail(runner: Any) -> None:
        raise KeyError('mine')

    hook = Hook()
    with pytest.raises(KeyError, match='mine'):
        profile.wrap(hook, 'before_run', fail)(None)
    profile.wrap(hook, 'before_run', lambda runner: None)(None)
    assert profile.times['Hook', 'before_run'][0] == 2

"""Order, dispatch and errors of hooks."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from helpers.toy import toy_runner

import mmengine.hooks.hook as hook_module
from mmengine.hooks import Hook
from mmengine.hooks.hook import STAGE_ARGUMENTS
from mmengine.runner.hook_table import HookTable
from mmengine.utils.errors import ArgumentError, ConfigError


class Recorder(Hook):
    """Notes the stages that it is called at."""

    def __init__(self, log: list | None = None, name: str = '') -> None:
        self.log = [] if log is None else log
        self.name = name


def _record(stage: str) -> Any:
    def method(self: Recorder, runner: Any, **kwargs: Any) -> None:
        self.log.append(stage)

    return method


for _stage in STAGE_ARGUMENTS:
    setattr(Recorder, _stage, _record(_stage))


def test_the_docstring_names_all_stages_in_the_order_of_the_loop() -> None:
    text = hook_module.__doc__ or ''
    loop_stages = [s for s in STAGE_ARGUMENTS if '_test' not in s]
    for stage in loop_stages:
        assert stage in text, stage
    assert set(Hook.stages) == set(STAGE_ARGUMENTS)
    assert all(callable(getattr(Hook, s)) for s in STAGE_ARGUMENTS)


def test_stages_of_an_iteration_based_run(tmp_path: Path) -> None:
    recorder = Recorder()
    toy_runner(
        tmp_path, iters=2, custom_hooks=[recorder], train_cfg={'by_epoch': False, 'max_iters': 2, 'val_interval': 2}
    ).train()
    step = ['before_train_iter', 'after_train_iter']
    val = ['before_val', 'before_val_epoch', *['before_val_iter', 'after_val_iter'] * 2, 'after_val_epoch', 'after_val']
    expected = ['before_run', 'before_train', 'before_train_epoch', *step, 'before_save_checkpoint', *step]
    expected += ['before_save_checkpoint', *val, 'after_train_epoch', 'after_train', 'after_run']
    assert recorder.log == expected


def test_stages_of_an_epoch_based_run(tmp_path: Path) -> None:
    recorder = Recorder()
    hooks = {'checkpoint': None}
    toy_runner(tmp_path, by_epoch=True, length=4, iters=5, custom_hooks=[recorder], default_hooks=hooks).train()
    val = ['before_val', 'before_val_epoch', *['before_val_iter', 'after_val_iter'] * 2, 'after_val_epoch', 'after_val']
    epoch = ['before_train_epoch', *['before_train_iter', 'after_train_iter'] * 2, 'after_train_epoch']
    assert recorder.log == ['before_run', 'before_train', *epoch, *val, 'after_train', 'after_run']


def test_priority_then_registration_decides() -> None:
    log: list[str] = []

    class Named(Hook):
        def __init__(self, name: str, priority: Any) -> None:
            self.name, self.priority = name, priority

        def before_run(self, runner: Any) -> None:
            log.append(self.name)

    table = HookTable()
    for name, priority in [('a', 'NORMAL'), ('b', 'LOW'), ('c', 45), ('d', 'NORMAL'), ('e', 'VERY_HIGH'), ('f', 100)]:
        table.add(Named(name, priority))
    table.call('before_run', None)
    assert log == ['e', 'c', 'a', 'd', 'b', 'f']


def test_generic_methods_serve_all_modes() -> None:
    seen: list[str] = []

    class Generic(Hook):
        def _after_iter(
            self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None, mode: str = 'train'
        ) -> None:
            seen.append(mode)

    table = HookTable()
    table.add(Generic())
    for mode in ('train', 'val', 'test'):
        table.call(f'after_{mode}_iter', None, batch_idx=0, data_batch=None, outputs=None)
    assert seen == ['train', 'val', 'test']
    assert Generic().get_triggered_stages() == ['after_train_iter', 'after_val_iter', 'after_test_iter']


def test_a_hook_without_a_stage_is_not_called_for_it() -> None:
    table = HookTable()
    table.add(Hook())
    assert all(table.methods(stage) == [] for stage in STAGE_ARGUMENTS)


def test_a_wrong_signature_is_found_at_registration() -> None:
    class Wrong(Hook):
        def after_train_iter(self, runner: Any, batch: int) -> None:  # type: ignore[override]
            raise AssertionError('never called')

    with pytest.raises(ArgumentError, match=r'Wrong\.after_train_iter takes \(runner.*batch_idx, data_batch, outputs'):
        HookTable().add(Wrong())


def test_an_exception_keeps_its_traceback_and_says_where_it_was(tmp_path: Path) -> None:
    class Failing(Hook):
        priority = 'HIGH'

        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            if runner.iter == 3:
                raise KeyError('mine')

    with pytest.raises(KeyError, match='mine') as info:
        toy_runner(tmp_path, custom_hooks=[Failing()]).train()
    assert any('Failing at stage after_train_iter, priority HIGH, iteration 3' in n for n in info.value.__notes__)
    assert "raise KeyError('mine')" in ''.join(traceback.format_tb(info.value.__traceback__))


@pytest.mark.parametrize('priority', ['SOON', 101, -1])
def test_unknown_priorities_are_refused(priority: Any) -> None:
    hook = Hook()
    hook.priority = priority
    with pytest.raises(ConfigError, match='priority should be'):
        HookTable().add(hook)


def test_custom_stages_reach_hooks_that_have_them() -> None:
    class Custom(Hook):
        called = 0

        def before_my_stage(self, runner: Any, value: int) -> None:
            Custom.called = value

    table = HookTable()
    table.add(Custom())
    table.call('before_my_stage', None, value=5)
    assert Custom.called == 5


def test_default_hooks_are_replaced_or_removed_by_key(tmp_path: Path) -> None:
    runner = toy_runner(tmp_path, default_hooks={'timer': None, 'logger': {'interval': 5}, 'checkpoint': None})
    kinds = {type(h).__name__: h for h in runner.hooks}
    assert 'IterTimerHook' not in kinds and 'CheckpointHook' not in kinds
    assert kinds['LoggerHook'].interval == 5

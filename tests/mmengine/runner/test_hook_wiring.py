"""What the runner offers around hooks: functions, order, the list, the profile."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from helpers.toy import assert_same, final_state, toy_runner

from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from mmengine.runner.hook_table import HookTable, table_of_config
from mmengine.utils.errors import ArgumentError


def test_functions_run_at_their_stage(tmp_path: Path) -> None:
    runner = toy_runner(tmp_path, iters=3)
    seen: list[Any] = []
    runner.on('before_train', lambda r: seen.append('begin'))

    @runner.on('after_train_iter', priority='VERY_LOW')
    def note(runner: Any, outputs: dict) -> None:
        seen.append((runner.iter, set(outputs)))

    runner.train()
    assert seen == ['begin', *((i, {'loss'}) for i in range(3))]
    assert 'test_functions_run_at_their_stage.note' in runner.get_hooks_info()
    assert note.__name__ == 'note'


def test_an_error_names_the_function(tmp_path: Path) -> None:
    runner = toy_runner(tmp_path)
    runner.on('before_run', lambda r: 1 / 0)
    with pytest.raises(ZeroDivisionError) as info:
        runner.train()
    assert any('<lambda> at stage before_run' in note for note in info.value.__notes__)


def test_a_config_orders_its_hooks(tmp_path: Path) -> None:
    hooks = [{'type': 'EMAHook', 'before': 'IterTimerHook'}, {'type': 'EmptyCacheHook', 'after': ['CheckpointHook']}]
    runner = toy_runner(tmp_path, custom_hooks=hooks)
    names = [type(h).__name__ for h in runner.hooks]
    assert names == [
        'RuntimeInfoHook',
        'EMAHook',
        'IterTimerHook',
        'DistSamplerSeedHook',
        'LoggerHook',
        'ParamSchedulerHook',
        'CheckpointHook',
        'EmptyCacheHook',
    ]
    runner.on('after_train_iter', len, before='EMAHook')  # len(runner) is never called
    assert [getattr(h, 'display_name', None) for h in runner.hooks][1] == 'len'


@pytest.mark.parametrize(
    ('hook', 'message'),
    [
        ({'type': 'EMAHook', 'before': 'LogerHook'}, "did you mean 'LoggerHook'"),
        ({'type': 'EMAHook', 'priority': 'LOWEST', 'before': 'LoggerHook'}, 'was given the priority LOWEST'),
        ({'type': 'EMAHook', 'before': 'RuntimeInfoHook', 'after': 'LoggerHook'}, 'contradict'),
    ],
)
def test_contradictions_are_found_before_anything_runs(tmp_path: Path, hook: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        toy_runner(tmp_path, custom_hooks=[hook])


def test_a_hook_that_exists_but_is_not_in_the_run_may_be_named(tmp_path: Path) -> None:
    toy_runner(tmp_path, custom_hooks=[{'type': 'EmptyCacheHook', 'before': 'EMAHook'}])


CONFIG = """
default_scope = 'mmengine'
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=7), timer=None,
    checkpoint=dict(interval=2),
)
custom_hooks = [
    dict(type='EMAHook', after='LoggerHook'),
]
"""


def test_the_list_says_what_runs_where_and_which_line_asked_for_it(tmp_path: Path) -> None:
    path = tmp_path / 'config.py'
    path.write_text(CONFIG)
    table = table_of_config(Config.fromfile(path))
    lines = table.describe().splitlines()
    stage = lines[lines.index('after_train_iter:') + 1 :][:5]
    assert [line.split(')')[1].split()[0] for line in stage] == [
        'RuntimeInfoHook',
        'LoggerHook',
        'EMAHook',
        'ParamSchedulerHook',
        'CheckpointHook',
    ]
    assert f'{path}:4' in stage[1] and 'default_hooks.logger' in stage[1]
    assert f'{path}:8' in stage[2] and f'{path}:5' in stage[4]
    assert stage[0].startswith('(VERY_HIGH   ) RuntimeInfoHook') and ':' not in stage[0]


def test_contradictions_say_the_line_of_the_config(tmp_path: Path) -> None:
    path = tmp_path / 'config.py'
    path.write_text(CONFIG.replace("after='LoggerHook'", "after='LoggerHook', before='RuntimeInfoHook'"))
    with pytest.raises(ArgumentError) as info:
        table_of_config(Config.fromfile(path))
    assert any(f'{path}:8' in note for note in info.value.__notes__)


def test_the_profile_ends_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Hook):
        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            outputs['loss'].item()

    plain = toy_runner(tmp_path / 'a', custom_hooks=[Slow()])
    plain.train()
    runner = toy_runner(tmp_path / 'b', custom_hooks=[Slow()], cfg={'profile_hooks': True}, log_level='INFO')
    runner.logger.addHandler(caplog.handler)
    runner.train()
    report = next(r.message for r in caplog.records if r.levelno == logging.INFO and 'Time of the hooks' in r.message)
    rows = {tuple(line.split()[:3]) for line in report.splitlines()[2:]}
    assert ('Slow', 'after_train_iter', '12') in rows
    assert ('CheckpointHook', 'before_save_checkpoint', '12') in rows
    assert_same(final_state(runner)['model'], final_state(plain)['model'])


def test_resuming_by_hand_is_told_to_hooks(tmp_path: Path) -> None:
    hooks = [{'type': 'EMAHook', 'momentum': 0.2}]
    whole = toy_runner(tmp_path / 'a', custom_hooks=hooks)
    whole.train()
    runner = toy_runner(tmp_path / 'b', custom_hooks=hooks)
    runner.on('before_train', lambda r: r.resume(str(tmp_path / 'a' / 'iter_5.pth')), priority='HIGHEST')
    runner.train()
    assert_same(final_state(runner)['model'], final_state(whole)['model'])
    averages = [next(h for h in r.hooks if isinstance(h, EMAHook)).ema_model.state_dict() for r in (runner, whole)]
    assert_same(dict(averages[0]), dict(averages[1]))


def test_a_table_by_itself_keeps_priority_and_registration() -> None:
    table = HookTable()
    hooks = [Hook() for _ in range(3)]
    for hook, priority in zip(hooks, ('LOW', 'HIGH', 'LOW'), strict=True):
        hook.priority = priority
        table.add(hook)
    assert table.hooks == [hooks[1], hooks[0], hooks[2]]

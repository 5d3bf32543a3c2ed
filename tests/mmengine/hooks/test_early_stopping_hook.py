"""When a training ends that does not get better."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.toy import ToyMetric, toy_runner

from mmengine.hooks import EarlyStoppingHook, Hook
from mmengine.utils.errors import ConfigError

NAN, INF = float('nan'), float('inf')


def follow(scores: list[float], **options: Any) -> list[tuple[bool, int, float]]:
    """(stopped, validations without gain, best score) after each validation."""
    hook = EarlyStoppingHook(**options)
    runner: Any = SimpleNamespace(train_loop=SimpleNamespace(stop_training=False), logger=logging.getLogger('test'))
    hook.before_run(runner)
    result = []
    for score in scores:
        hook.after_val_epoch(runner, {options['monitor']: score})
        result.append((runner.train_loop.stop_training, hook.wait_count, hook.best_score))
    return result


def test_a_gain_of_min_delta_counts() -> None:
    """The figures are those of the published package."""
    assert follow([0, 0.25, 0.5, 0.625], monitor='acc', min_delta=0.25) == [
        (False, 0, 0),
        (False, 0, 0.25),
        (False, 0, 0.5),
        (False, 1, 0.5),
    ]
    assert follow([1, 0.75, 0.5, 0.375], monitor='loss', min_delta=0.25)[-1] == (False, 1, 0.5)
    assert follow([0.1, 0.2, 0.25, 0.26, 0.27], monitor='acc', patience=3)[-1] == (True, 3, 0.2)
    assert follow([1, 0.95, 0.9, 0.85, 0.84, 0.83], monitor='loss', patience=3, min_delta=0.05)[-1] == (False, 2, 0.85)


@pytest.mark.parametrize('bad', [NAN, INF, -INF])
def test_a_score_that_is_not_finite(bad: float) -> None:
    assert follow([1, bad], monitor='loss')[-1][0]
    assert not follow([1, NAN], monitor='loss', check_finite=False)[-1][0]
    assert follow([1, NAN, NAN], monitor='loss', check_finite=False, patience=2)[-1] == (True, 2, 1)


def test_the_threshold() -> None:
    assert [s[0] for s in follow([0, 0.5, 0.75], monitor='acc', stopping_threshold=0.5)] == [False, False, True]
    assert [s[0] for s in follow([1, 0.5, 0.25], monitor='loss', stopping_threshold=0.5)] == [False, False, True]


def test_a_missing_metric_is_a_warning_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    runner: Any = SimpleNamespace(train_loop=SimpleNamespace(stop_training=False), logger=logging.getLogger('test'))
    EarlyStoppingHook('acc').after_val_epoch(runner, {'mIoU': 1})
    assert "'acc'" in caplog.text and 'mIoU' in caplog.text
    with pytest.raises(RuntimeError, match=r"'acc'.*mIoU"):
        EarlyStoppingHook('acc', strict=True).after_val_epoch(runner, {'mIoU': 1})


@pytest.mark.parametrize('options', [{'monitor': 'iou'}, {'monitor': 'acc', 'rule': 'more'}])
def test_the_rule_must_be_known(options: dict) -> None:
    with pytest.raises(ConfigError, match='greater'):
        EarlyStoppingHook(**options)


class Falling(ToyMetric):
    def compute_metrics(self, results: list) -> dict[str, float]:
        return {'acc': -float(len(self.calls))} if not self.calls.append(1) else {}  # type: ignore[func-returns-value]

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []


class Kill(Hook):
    priority = 'LOWEST'

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if runner.iter + 1 == 9:
            raise ZeroDivisionError('killed')


def test_a_run_ends_and_patience_outlives_a_resume(tmp_path: Path) -> None:
    hook = {'type': 'EarlyStoppingHook', 'monitor': 'acc', 'patience': 3}
    runner = toy_runner(tmp_path / 'a', iters=100, custom_hooks=[hook], val_evaluator=Falling())
    runner.train()
    assert runner.iter == 16  # the validation after 4 iterations was the best, those after 8, 12 and 16 were not
    with pytest.raises(ZeroDivisionError):
        toy_runner(tmp_path / 'b', iters=100, custom_hooks=[hook, Kill()], val_evaluator=Falling()).train()
    resumed = toy_runner(tmp_path / 'b', iters=100, custom_hooks=[hook], val_evaluator=Falling(), resume=True)
    hook_now = next(h for h in resumed.hooks if isinstance(h, EarlyStoppingHook))
    resumed.train()
    assert hook_now.best_score == -1 and resumed.iter == 16

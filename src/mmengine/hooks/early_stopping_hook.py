"""Ends a training that does not get better."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from mmengine.registry import HOOKS
from mmengine.utils.errors import ConfigError

from .hook import Hook
from .metric_rules import GREATER_KEYS, LESS_KEYS, RULES, WORST, rule_of

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class EarlyStoppingHook(Hook):
    """Looks at a metric after each validation.

    Args:
        monitor: name of the metric.
        rule: whether 'greater' or 'less' is better; by default it follows from the name.
        min_delta: how much better than the best a score must at least be to count.
        strict: a validation without that metric is an error, not a warning.
        check_finite: stop at once where the metric is NaN or infinite.
        patience: validations in a row that are not better, after which training ends.
        stopping_threshold: stop at once where the metric is better than this.
    """

    priority = 'LOWEST'
    rule_map = RULES

    def __init__(
        self,
        monitor: str,
        rule: str | None = None,
        min_delta: float = 0.1,
        strict: bool = False,
        check_finite: bool = True,
        patience: int = 5,
        stopping_threshold: float | None = None,
    ) -> None:
        if rule is None:
            rule = rule_of(monitor, GREATER_KEYS, LESS_KEYS, 'monitor of EarlyStoppingHook')
        elif rule not in RULES:
            raise ConfigError(f"rule should be 'greater' or 'less', but got {rule!r}")
        self.monitor = monitor
        self.rule = rule
        self.min_delta = abs(min_delta) if rule == 'greater' else -abs(min_delta)
        self.strict = strict
        self.check_finite = check_finite
        self.patience = patience
        self.stopping_threshold = stopping_threshold
        self.wait_count = 0
        self.best_score = WORST[rule]

    def state_dict(self) -> dict:
        return {'wait_count': self.wait_count, 'best_score': self.best_score}

    def load_state_dict(self, state: dict) -> None:
        self.wait_count, self.best_score = state['wait_count'], state['best_score']

    def before_run(self, runner: Runner) -> None:
        loop = runner.train_loop
        if loop is not None and not hasattr(loop, 'stop_training'):
            raise ConfigError(
                f'EarlyStoppingHook ends a training by `stop_training` of its loop, which {type(loop).__name__} has not'
            )

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        if runner.train_loop is None:
            return  # a validation by itself
        metrics = metrics or {}
        if self.monitor not in metrics:
            message = f'EarlyStoppingHook watches {self.monitor!r}; this validation has {", ".join(metrics) or "none"}'
            if self.strict:
                raise RuntimeError(message)
            runner.logger.warning(message)
            return
        stop, reason = self._check_stop_condition(float(metrics[self.monitor]))
        if stop:
            runner.train_loop.stop_training = True  # type: ignore[attr-defined]
        if reason:
            runner.logger.log(logging.INFO, reason)

    def _check_stop_condition(self, current_score: float) -> tuple[bool, str]:
        """Whether to stop, and why."""
        better = RULES[self.rule]
        name = f'{self.monitor} = {current_score:g}'
        if self.check_finite and not math.isfinite(current_score):
            return True, f'Training ends: {name} is not finite; the best was {self.best_score:g}.'
        if self.stopping_threshold is not None and better(current_score, self.stopping_threshold):
            self.best_score = current_score
            self.wait_count = 0
            return True, f'Training ends: {name} has passed the threshold of {self.stopping_threshold:g}.'
        gain = current_score - self.best_score
        # A gain of exactly `min_delta` counts; NaN (without `check_finite`) does not.
        if not (gain >= self.min_delta if self.rule == 'greater' else gain <= self.min_delta):
            self.wait_count += 1
            if self.wait_count >= self.patience:
                return True, (
                    f'Training ends: {name}; {self.wait_count} validations in a row were not better than '
                    f'{self.best_score:g} by {abs(self.min_delta):g}.'
                )
            return False, ''
        self.best_score, self.wait_count = current_score, 0
        return False, ''

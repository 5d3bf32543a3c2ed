"""Checks of units and lengths: the training loop against schedulers, hooks and intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

from mmengine.config import ConfigDict
from mmengine.config.checking import ERROR, WARNING, CheckContext, Finding, rule
from mmengine.registry.check_types import Part, parts_at

# Schedulers that spread one change over their length.
SPREAD = (
    'PolyParamScheduler',
    'CosineAnnealingParamScheduler',
    'CosineRestartParamScheduler',
    'OneCycleParamScheduler',
)


@dataclass(frozen=True, slots=True)
class Training:
    """The training loop in numbers."""

    node: ConfigDict
    by_epoch: bool
    length: float  # in epochs or iterations; inf where it is not known

    @property
    def unit(self) -> str:
        return 'epochs' if self.by_epoch else 'iterations'

    @property
    def key(self) -> str:
        return 'max_epochs' if self.by_epoch else 'max_iters'


def training(ctx: CheckContext) -> Training | None:
    """None where there is no training, or a loop of an unknown kind."""
    for part in parts_at(ctx, 'train_cfg'):
        for by_epoch, name in ((True, 'EpochBasedTrainLoop'), (False, 'IterBasedTrainLoop')):
            if part.is_a(name):
                return Training(part.node, by_epoch, _number(part.node.get('max_epochs' if by_epoch else 'max_iters')))
    return None


def _number(value: Any, otherwise: float = inf) -> float:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else otherwise


@rule('train-loop')
def loop_is_said_once(ctx: CheckContext) -> Iterator[Finding]:
    """`train_cfg` says neither or both of `type` and `by_epoch`."""
    node = ctx.root.get('train_cfg')
    if isinstance(node, ConfigDict) and 'by_epoch' in node and 'type' in node:
        yield ctx.at(
            node, 'by_epoch', f'by_epoch stands beside type={node["type"]!r}, which decides already', 'remove it'
        )
    elif isinstance(node, ConfigDict) and 'by_epoch' not in node and 'type' not in node:
        yield ctx.at(node, None, 'train_cfg needs `type`', "type='IterBasedTrainLoop' or type='EpochBasedTrainLoop'")


@rule('val-interval', WARNING)
def val_interval_fits(ctx: CheckContext) -> Iterator[Finding]:
    """Validation comes once at the end, or after every few iterations: an interval in the other unit."""
    run = ctx.fact(training)
    if run is None or ctx.root.get('val_cfg') is None:
        return
    default = 1 if run.by_epoch else 1000
    interval = _number(run.node.get('val_interval', default), 0)
    key = 'val_interval' if 'val_interval' in run.node else None
    if interval > run.length:
        message = f'val_interval={interval} is longer than the training of {run.length} {run.unit}'
        yield ctx.at(run.node, key, message, f'val_interval counts {run.unit}')
    elif not run.by_epoch and 0 < interval <= 10 and run.length >= 1000 and run.length < inf:
        message = f'val_interval={interval} validates after every {interval} of {run.length} iterations'
        yield ctx.at(run.node, key, message, 'val_interval counts iterations')
    if _number(run.node.get('val_begin'), 0) > run.length:
        message = f'val_begin is behind the end of the training of {run.length} {run.unit}: it is never validated'
        yield ctx.at(run.node, 'val_begin', message, severity=ERROR)


# ---------------------------------------------------------------------------------------------------------- schedulers


def _schedulers(ctx: CheckContext) -> list[Part]:
    return [p for p in parts_at(ctx, 'param_scheduler') if p.target is not None]


def _span(part: Part, run: Training) -> tuple[float, float, float]:
    """Begin, end and length of the training in the unit of a scheduler; inf where the units differ."""
    by_epoch = part.get('by_epoch', True)
    length = run.length if by_epoch == run.by_epoch else inf
    end = part.node.get('end')
    if end is None and by_epoch:
        end = length
    return _number(part.node.get('begin'), 0), _number(end), length


@rule('scheduler-unit')
def scheduler_steps_in_the_unit_of_the_loop(ctx: CheckContext) -> Iterator[Finding]:
    """A scheduler counts epochs, but the training has none; or its iterations look like epochs."""
    run = ctx.fact(training)
    for part in _schedulers(ctx) if run is not None else ():
        assert run is not None
        by_epoch = part.get('by_epoch', True)
        if by_epoch and not run.by_epoch:
            key = 'by_epoch' if 'by_epoch' in part.node else None
            message = f'{part.name} steps after each epoch, but a training by iteration is one long epoch'
            yield ctx.at(part.node, key, message, 'by_epoch=False')
        elif not by_epoch and run.by_epoch and part.node.get('end') == run.length:
            message = f'{part.name} ends after {run.length} iterations, while the training has {run.length} epochs'
            yield ctx.at(part.node, 'end', message, 'by_epoch=True, or convert_to_iter_based=True as well', WARNING)


@rule('scheduler-span', WARNING)
def scheduler_fits_the_training(ctx: CheckContext) -> Iterator[Finding]:
    """A scheduler goes on behind the end of the training, so that it never arrives, or stops short of it."""
    run = ctx.fact(training)
    if run is None or run.length == inf:
        return
    last: dict[bool, tuple[float, Part]] = {}  # of learning rates and of momenta: the last end, and whose it is
    for part in _schedulers(ctx):
        begin, end, length = _span(part, run)
        if length == inf:
            return  # of two units; their spans cannot be compared without the data
        if begin >= length:
            message = f'{part.name} begins at {begin}, behind the end of the training at {run.key}={length}'
            yield ctx.at(part.node, 'begin', message)
            continue
        if length < end < inf:
            message = f'{part.name} ends at {end}, behind the end of the training at {run.key}={length}'
            yield ctx.at(part.node, 'end', message, f'end={length}')
        yield from _times(ctx, part, begin, length, run)
        momentum = 'Momentum' in part.name
        # A warm-up alone, or steps, may well leave the value where it is.
        if part.is_a(*SPREAD) and end >= last.get(momentum, (0, part))[0]:
            last[momentum] = end, part
    for end, part in last.values():
        if end < 0.95 * run.length:  # the last few percent at the smallest value may be meant
            message = f'{part.name} ends at {end}; the value stays as it is from there to {run.key}={run.length}'
            yield ctx.at(part.node, 'end', message, f'end={run.length}')


def _times(ctx: CheckContext, part: Part, begin: float, length: float, run: Training) -> Iterator[Finding]:
    for name in getattr(part.target, 'time_args', ()):
        value = part.node.get(name)
        for number in value if isinstance(value, (list, tuple)) else [value]:
            if begin + _number(number, 0) >= length and not (
                begin + _number(number, 0) == length and name != 'milestones'
            ):
                message = f'{name} of {part.name} has {number}, but the training ends at {run.key}={length}'
                yield ctx.at(part.node, name, message, 'it is counted from `begin`' if begin else '')
                break


@rule('endless-scheduler', WARNING)
def scheduler_has_an_end(ctx: CheckContext) -> Iterator[Finding]:
    """A scheduler by iteration that spreads one change over its length has no end: it hardly changes anything."""
    for part in _schedulers(ctx):
        spread = part.is_a(*SPREAD[:2], 'LinearParamScheduler')
        ends = part.node.get('end') is not None or part.get('by_epoch', True)
        if spread and not ends and part.node.get('T_max') is None and part.node.get('total_iters') is None:
            run = ctx.fact(training)
            hint = f'end={run.length}' if run is not None and not run.by_epoch and run.length < inf else 'set end'
            yield ctx.at(part.node, None, f'{part.name} by iteration has no `end`', hint)


# --------------------------------------------------------------------------------------------------------------- hooks


def hooks(ctx: CheckContext) -> list[Part]:
    """The hooks that the config describes."""
    return [p for p in parts_at(ctx, 'default_hooks', 'custom_hooks') if p.target is not None]


@rule('hook-unit')
def hooks_count_in_the_unit_of_the_loop(ctx: CheckContext) -> Iterator[Finding]:
    """A hook counts epochs in a training by iteration, where the only epoch ends with the training."""
    run = ctx.fact(training)
    for part in hooks(ctx) if run is not None else ():
        assert run is not None
        if part.is_a('CheckpointHook') and _number(part.get('interval'), -1) > 0:
            interval, by_epoch = part.get('interval'), part.get('by_epoch')
            key = 'by_epoch' if 'by_epoch' in part.node else 'interval'
            if by_epoch and not run.by_epoch:
                message = f'CheckpointHook saves every {interval} epochs, but a training by iteration is one long epoch'
                yield ctx.at(part.node, key, message, 'by_epoch=False')
            elif not by_epoch and run.by_epoch and interval <= run.length and run.length < inf:
                message = f'CheckpointHook saves every {interval} iterations of a training of {run.length} epochs'
                yield ctx.at(part.node, key, message, 'by_epoch=True', WARNING)
        if part.is_a('LoggerHook') and part.get('log_metric_by_epoch') and not run.by_epoch:
            present = 'log_metric_by_epoch' if 'log_metric_by_epoch' in part.node else None
            message = 'metrics are logged against the epoch, which stays 0 in a training by iteration'
            yield ctx.at(part.node, present, message, 'log_metric_by_epoch=False', WARNING)


@rule('log-unit', WARNING)
def log_processor_counts_in_the_unit_of_the_loop(ctx: CheckContext) -> Iterator[Finding]:
    """The lines of the log count in another unit than the training."""
    run = ctx.fact(training)
    for part in parts_at(ctx, 'log_processor') if run is not None else ():
        assert run is not None
        by_epoch = part.get('by_epoch')
        if part.target is not None and isinstance(by_epoch, bool) and by_epoch != run.by_epoch:
            key = 'by_epoch' if 'by_epoch' in part.node else None
            message = f'the log counts {"epochs" if by_epoch else "iterations"}, but the training {run.unit}'
            yield ctx.at(part.node, key, message, f'by_epoch={run.by_epoch}')


@rule('checkpoint-interval', WARNING)
def checkpoint_interval_fits(ctx: CheckContext) -> Iterator[Finding]:
    """The interval or beginning of checkpoints is longer than the training: only the last one is saved."""
    run = ctx.fact(training)
    for part in hooks(ctx) if run is not None else ():
        assert run is not None
        if not part.is_a('CheckpointHook') or part.get('by_epoch') != run.by_epoch:
            continue
        for key in ('interval', 'save_begin'):
            if _number(part.get(key), 0) > run.length:
                message = f'{key}={part.get(key)} is longer than the training of {run.length} {run.unit}'
                yield ctx.at(part.node, key, message)


@rule('endless-epoch')
def epochs_end(ctx: CheckContext) -> Iterator[Finding]:
    """The sampler never ends where the loop waits for its end."""
    run = ctx.fact(training)
    for part in parts_at(ctx, 'train_dataloader', 'val_dataloader', 'test_dataloader'):
        ends = part.node._path.startswith(('val', 'test')) or (run is not None and run.by_epoch)
        if ends and part.is_a('InfiniteSampler'):
            message = 'InfiniteSampler gives samples without end, but the loop goes on when the data ends'
            yield ctx.at(part.node, 'type', message, 'DefaultSampler')

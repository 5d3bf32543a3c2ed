"""Show what the learning rate and the momentum will be at each step of the training."""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mmengine.config import Config
from mmengine.optim import BaseOptimWrapper, OptimWrapper
from mmengine.registry import DATASETS, OPTIMIZERS, TRANSFORMS
from mmengine.runner.build import build_schedulers
from mmengine.utils.errors import ConfigError, MMError

from .show_load import add_config_arguments, load_config, pyplot
from .show_params import explain

POINTS = 2000  # of a curve


@dataclass(slots=True)
class Schedule:
    """The values of each distinct parameter group over the training.

    Attributes:
        iterations: of the whole training.
        epoch_length: iterations of an epoch; None in a training by iteration where it is not known.
        groups: what each group is called.
        values: for 'lr' and 'momentum', by iteration a value for each group; only iterations of interest are kept.
        marks: iterations at which something begins or ends, with names.
        left_out: schedulers that go by what a validation will say.
    """

    iterations: int
    epoch_length: int | None
    groups: list[str]
    values: dict[str, dict[int, list[float]]] = field(default_factory=lambda: {'lr': {}, 'momentum': {}})
    marks: dict[int, list[str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg show schedule`."""
    add_config_arguments(parser)
    parser.add_argument('--epoch-length', type=int, metavar='N', help='iterations of an epoch; counted where data is')
    parser.add_argument('--out', metavar='FILE.png', help='draw the curves')


def run(args: argparse.Namespace) -> None:
    """Print the values at the points that matter; draw all with `--out`."""
    cfg = load_config(args)
    plt = pyplot(args.out) if args.out else None
    schedule = simulate(cfg, args.epoch_length)
    print(summary(schedule))
    if plt is not None:
        draw(schedule, plt, args.out)
        print(args.out)


def simulate(cfg: Config, epoch_length: int | None = None) -> Schedule:
    """Step the schedulers of the config through its training.

    Raises:
        ConfigError: what is needed is not in the config, or the length of an epoch is neither given nor countable.
    """
    loop = cfg.get('train_cfg')
    if not isinstance(loop, dict):
        raise ConfigError('the config has no train_cfg')
    by_epoch = 'max_epochs' in loop
    length = loop.get('max_epochs') if by_epoch else loop.get('max_iters')
    if not isinstance(length, int) or length < 1:
        raise ConfigError('train_cfg should have max_epochs or max_iters, a positive number')
    if epoch_length is not None and epoch_length < 1:
        raise ConfigError(f'--epoch-length should be positive, but got {epoch_length}')
    if by_epoch and epoch_length is None:
        epoch_length = count_epoch(cfg)
    iterations = length * epoch_length if by_epoch and epoch_length else length
    groups = distinct_groups(cfg)
    optimizer = dummy_optimizer(cfg, groups)
    wrapper: Any = OptimWrapper(optimizer)
    schedule = Schedule(iterations, epoch_length, list(groups))
    configs = cfg.get('param_scheduler') or []
    with OPTIMIZERS.switch_scope_and_registry(cfg.get('default_scope')):
        built: Any = build_schedulers(configs, wrapper, epoch_length, length if by_epoch else 1)
    schedule.left_out = [type(s).__name__ for s in built if s.need_val_args]
    _step(schedule, wrapper, [s for s in built if not s.need_val_args], by_epoch)
    return schedule


def _step(schedule: Schedule, wrapper: BaseOptimWrapper, schedulers: list, by_epoch: bool) -> None:
    unit = schedule.epoch_length if by_epoch and schedule.epoch_length else 1
    for each in schedulers:
        factor = unit if each.by_epoch else 1
        name = f'{type(each).__name__} of {each.param_name}'
        marks = [(each.begin, f'{name} begins'), (each.end, f'{name} ends')]
        marks += [(each.begin + m, f'milestone of {name}') for m in getattr(each, 'milestones', ())]
        for time, what in marks:
            if time * factor < schedule.iterations:
                schedule.marks.setdefault(time * factor, []).append(what)
    schedule.marks.setdefault(0, [])
    schedule.marks.setdefault(schedule.iterations - 1, []).append('last step')
    quarters = {schedule.iterations * n // 4: [] for n in (1, 2, 3)}  # type: ignore[var-annotated]
    schedule.marks = dict(sorted({**quarters, **schedule.marks}.items()))
    wanted = {*schedule.marks, *range(0, schedule.iterations, math.ceil(schedule.iterations / POINTS))}
    groups = wrapper.param_groups[: len(schedule.groups)]  # the wrapper adds one for the settings of the optimizer
    by_iteration = [s for s in schedulers if not s.by_epoch]
    after_epochs = [s for s in schedulers if s.by_epoch] if by_epoch else []
    for iteration in range(schedule.iterations):
        if iteration in wanted:
            schedule.values['lr'][iteration] = [g['lr'] for g in groups]
            schedule.values['momentum'][iteration] = [_momentum(g) for g in groups]
        for scheduler in by_iteration:
            scheduler.step()
        if (iteration + 1) % unit == 0:
            for scheduler in after_epochs:
                scheduler.step()


def _momentum(group: dict) -> float:
    betas = group.get('betas')
    return betas[0] if betas else group.get('momentum', math.nan)


def distinct_groups(cfg: Config) -> dict[str, dict[str, float]]:
    """The learning rates that occur, under a name that says of how many parameters and by which rules."""
    options = cfg.get('optim_wrapper')
    if not isinstance(options, dict) or not isinstance(options.get('optimizer'), dict):
        raise ConfigError('the config has no optim_wrapper with an optimizer')
    if not options.get('paramwise_cfg') and 'constructor' not in options:
        return {'all parameters': {}}
    found: dict[float | None, list[str]] = {}
    for row in explain(cfg):
        if row.group is not None:
            found.setdefault(row.lr, []).append(row.rule)
    groups: dict[str, dict[str, float]] = {}
    for lr, rules in found.items():
        shown = ', '.join(list(dict.fromkeys(rules))[:3]) + (', ...' if len(set(rules)) > 3 else '')
        groups[f'{len(rules)} parameters ({shown})'] = {} if lr is None else {'lr': lr}
    return groups


def dummy_optimizer(cfg: Config, groups: dict[str, dict[str, float]]) -> torch.optim.Optimizer:
    """The optimizer of the config with one number in each group."""
    params = [{'params': [torch.nn.Parameter(torch.zeros(1))], **options} for options in groups.values()]
    with OPTIMIZERS.switch_scope_and_registry(cfg.get('default_scope')):
        return OPTIMIZERS.build(cfg.optim_wrapper.optimizer, default_args={'params': params})


def count_epoch(cfg: Config) -> int:
    """Iterations of an epoch of one process, counted in the training data.

    Raises:
        ConfigError: the data is not there.
    """
    loader = cfg.get('train_dataloader')
    if not isinstance(loader, dict) or 'dataset' not in loader:
        raise ConfigError('the length of an epoch is not known; give --epoch-length N')
    dataset = copy.copy(loader['dataset'])
    dataset.pop('pipeline')  # nothing is read
    try:
        with TRANSFORMS.switch_scope_and_registry(cfg.get('default_scope')):
            number = len(DATASETS.build(dataset))
    except (MMError, OSError, ValueError) as error:
        raise ConfigError(
            f'the length of an epoch cannot be counted, give --epoch-length N: {type(error).__name__}: {error}'
        ) from error
    batch = loader.get('batch_size', 1)
    drop = loader.get('drop_last', False)
    return max(number // batch if drop else -(-number // batch), 1)


def summary(schedule: Schedule) -> str:
    """A table of the points that matter, for each distinct group."""
    per = f', {schedule.epoch_length} an epoch' if schedule.epoch_length else ''
    lines = [f'{schedule.iterations} iterations{per}']
    lines += [f'{name} goes by the results of validation, and is left out' for name in schedule.left_out]
    for number, group in enumerate(schedule.groups):
        lines.append(f'\n{group}\n{"iteration":>10}  {"lr":>10}  {"momentum":>10}')
        for iteration, what in schedule.marks.items():
            lr, momentum = (schedule.values[name][iteration][number] for name in ('lr', 'momentum'))
            lines.append(f'{iteration:>10}  {lr:>10.4g}  {momentum:>10.4g}  {"; ".join(what)}'.rstrip())
    return '\n'.join(lines)


def draw(schedule: Schedule, plt: Any, out: str | Path) -> None:
    """A curve for each distinct group."""
    figure, axes = plt.subplots(2, 1, sharex=True, figsize=(10, 7), layout='constrained')
    for axis, (name, values) in zip(axes, schedule.values.items(), strict=True):
        times = sorted(values)
        curves: Sequence[Sequence[float]] = list(zip(*(values[t] for t in times), strict=True))
        for group, curve in zip(schedule.groups, curves, strict=True):
            axis.plot(times, curve, label=group)
        axis.set_ylabel(name)
    axes[1].set_xlabel('iteration')
    axes[0].legend(fontsize='small')
    figure.savefig(out, dpi=120)
    plt.close(figure)

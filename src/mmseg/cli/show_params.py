"""Show for each parameter its group, learning rate, weight decay, and the rule that decided them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from mmengine.config import Config
from mmengine.config.checking import CheckContext
from mmengine.optim.optimizer.param_rules import ParamRule, format_rules, summarize
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.runner.check_model import build_on_meta
from mmengine.utils.errors import ConfigError

from .show_load import add_config_arguments, load_config, pyplot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg show params`."""
    add_config_arguments(parser)
    parser.add_argument('--out', metavar='FILE.png', help='draw learning rate and weight decay by parameter')


def run(args: argparse.Namespace) -> None:
    """Print the table, or draw it."""
    cfg = load_config(args)
    plt = pyplot(args.out) if args.out else None
    rows = explain(cfg)
    if plt is not None:
        draw(rows, plt, args.out)
        print(f'{summarize(rows)}\n{args.out}')
    else:
        print(f'{format_rules(rows)}\n{summarize(rows)}')


def explain(cfg: Config) -> list[ParamRule]:
    """What the constructor of the optimizer decides for each parameter. The model gets no memory.

    Raises:
        ConfigError: there is no model or no `optim_wrapper`, or the constructor does not explain itself.
    """
    wrapper = cfg.get('optim_wrapper')
    if not isinstance(wrapper, dict):
        raise ConfigError('the config has no optim_wrapper')
    built = build_on_meta(CheckContext(cfg))
    if built.error is not None:
        raise built.error
    if built.model is None:
        raise ConfigError('the config has no model')
    built.model.train()
    options = wrapper.copy()
    kind = options.pop('constructor', 'DefaultOptimWrapperConstructor')
    paramwise = options.pop('paramwise_cfg', None)
    with OPTIM_WRAPPER_CONSTRUCTORS.switch_scope_and_registry(cfg.get('default_scope')):
        constructor: Any = OPTIM_WRAPPER_CONSTRUCTORS.build(
            {'type': kind, 'optim_wrapper_cfg': options, 'paramwise_cfg': paramwise}
        )
        if not hasattr(constructor, 'explain'):
            raise ConfigError(f'{type(constructor).__name__} has no method `explain` that would tell its groups')
        return constructor.explain(built.model)


def draw(rows: Sequence[ParamRule], plt: Any, out: str) -> None:
    """A point a parameter, in the order of the model."""
    figure, axes = plt.subplots(2, 1, sharex=True, figsize=(12, 7), layout='constrained')
    rules = list(dict.fromkeys(row.rule for row in rows))
    for axis, name in zip(axes, ('lr', 'weight_decay'), strict=True):
        for rule in rules:
            points = [(i, getattr(r, name)) for i, r in enumerate(rows) if r.rule == rule]
            known = [(i, v) for i, v in points if v is not None]
            if known:
                axis.plot(*zip(*known, strict=True), '.', label=rule)
        axis.set_ylabel(name.replace('_', ' '))
        values = [v for r in rows if (v := getattr(r, name))]
        if values and min(values) > 0 and max(values) > 20 * min(values):
            axis.set_yscale('log' if all(getattr(r, name) for r in rows) else 'symlog', **_linear_below(rows, name))
    axes[1].set_xlabel('parameter, in the order of the model')
    axes[0].legend(fontsize='small')
    figure.savefig(out, dpi=120)
    plt.close(figure)


def _linear_below(rows: Sequence[ParamRule], name: str) -> dict[str, float]:
    values = [v for r in rows if (v := getattr(r, name))]
    return {} if len(values) == len(rows) else {'linthresh': min(values)}

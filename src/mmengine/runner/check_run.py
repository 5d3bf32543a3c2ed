"""Checks of how the parts of a run go together: phases, hooks, metrics, checkpoints, keys."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config.checking import ERROR, IGNORE_KEY, WARNING, CheckContext, Finding, nearest, rule
from mmengine.hooks.metric_rules import GREATER_KEYS, LESS_KEYS, rule_of
from mmengine.registry.check_types import Part, parts_at
from mmengine.utils.errors import ConfigError

from .check_schedule import hooks
from .hook_config import DEFAULT_HOOKS
from .priority import Priority, get_priority
from .runner import PHASES, Runner

# Keys of a config that the runner takes from it beside its own arguments.
OTHER_KEYS = {'compile', 'model_wrapper_cfg', 'runner_type', 'trust_checkpoint', 'custom_imports', 'tta_model'}
OTHER_KEYS |= {'tta_pipeline', IGNORE_KEY}


def known_keys() -> set[str]:
    """The keys of a config that are read."""
    return {*inspect.signature(Runner.__init__).parameters, *OTHER_KEYS} - {'self', 'cfg'}


@rule('phase')
def phases_are_whole(ctx: CheckContext) -> Iterator[Finding]:
    """Data loader, loop and evaluator (optimizer) of a phase belong together, but some are absent."""
    for phase, names in PHASES.items():
        given = [n for n in names if ctx.root.get(n) is not None]
        missing = [n for n in names if n not in given]
        if given and missing and given != ['optim_wrapper']:
            near = [k for k in ctx.root if k not in known_keys() and any(nearest(m, [k], False) for m in missing)]
            hint = f'did you mean {missing[0]} instead of {near[0]}?' if near else 'give all of them or none'
            text = f'to run {phase}, {", ".join(names)} belong together, but {", ".join(missing)} '
            yield ctx.at(ctx.root, given[0], text + ('is missing' if len(missing) == 1 else 'are missing'), hint)
    if ctx.root.get('param_scheduler') and ctx.root.get('optim_wrapper') is None:
        yield ctx.at(ctx.root, 'param_scheduler', 'there is no optim_wrapper: nothing is to be scheduled')


@rule('no-model')
def there_is_a_model(ctx: CheckContext) -> Iterator[Finding]:
    """The config has no `model`."""
    if ctx.root.get('model') is None:
        yield ctx.at(ctx.root, None, 'the config has no `model`', nearest('model', ctx.root, fallback=False))


@rule('unknown-key', WARNING)
def keys_are_used(ctx: CheckContext) -> Iterator[Finding]:
    """A top-level key that nothing reads is spelt almost like one that the runner does."""
    known = known_keys()
    for key, value in ctx.root.items():
        if key in known:
            continue
        near = [k for k in known if _alike(key, k)]
        if near and not _occurs(value, [v for k, v in ctx.root.items() if k != key]):
            yield ctx.at(ctx.root, key, f'nothing reads {key!r}', f'did you mean {near[0]}?')


def _alike(one: str, other: str) -> bool:
    from difflib import SequenceMatcher

    if one.endswith('_pipeline'):
        return False  # variables that many configs have, and that not all use
    if one.lower() == other or one.rstrip('s') == other.rstrip('s'):
        return True
    # `test_cfg` and `test_cfgs` are alike; `data_preprocessor1`, `val_pipeline` and `train_pipeline` are not.
    return len(one) > 4 and SequenceMatcher(None, one.lower(), other).ratio() >= 0.87


def _occurs(value: Any, within: Any) -> bool:
    """Whether a value, for which a variable may stand, is part of another."""
    if isinstance(within, dict):
        within = list(within.values())
    if isinstance(within, (list, tuple)):
        return any(value == item or _occurs(value, item) for item in within)
    return False


# --------------------------------------------------------------------------------------------------------------- hooks


@rule('hook-twice', WARNING)
def hooks_run_once(ctx: CheckContext) -> Iterator[Finding]:
    """The same hook is registered twice, e.g. as a default and as a custom one: what it does happens twice."""
    seen: dict[str, str] = {hook['type']: f'default_hooks.{key}' for key, hook in DEFAULT_HOOKS.items()}
    defaults = ctx.node('default_hooks')
    for key in DEFAULT_HOOKS:
        if key in defaults and (ctx.node(f'default_hooks.{key}').get('type') != DEFAULT_HOOKS[key]['type']):
            seen.pop(DEFAULT_HOOKS[key]['type'], None)
    for part in hooks(ctx):
        path = part.node._path
        before = seen.setdefault(part.name, path)
        if before == path:
            continue
        harmful = part.is_a('ParamSchedulerHook')  # the learning rate would move twice as fast
        same = _same_hook(ctx, before, part)
        if harmful or same or part.name in {h['type'] for h in DEFAULT_HOOKS.values()}:
            hint = f'change {before}' if path.startswith('custom_hooks') else f'the key of this hook is {before}'
            message = f'{part.name} is there already, as {before}'
            yield ctx.at(part.node, 'type' if 'type' in part.node else None, message, hint, ERROR if harmful else '')


def _same_hook(ctx: CheckContext, path: str, part: Part) -> bool:
    return any(p.node._path == path and p.node.to_dict() == part.node.to_dict() for p in hooks(ctx))


@rule('priority')
def priorities_exist(ctx: CheckContext) -> Iterator[Finding]:
    """The priority of a hook is none of the names and no integer in 0..100."""
    for part in hooks(ctx):
        if part.node.get('priority') is None:
            continue
        try:
            get_priority(part.node['priority'])
        except (ConfigError, TypeError) as error:
            hint = nearest(str(part.node['priority']).upper(), Priority.__members__)
            yield ctx.at(part.node, 'priority', str(error), hint)


# ------------------------------------------------------------------------------------------------------------- metrics


def metric_names(ctx: CheckContext) -> list[str] | None:
    """What the validation evaluators yield; None where one of them does not tell."""
    names: list[str] = []
    for part in parts_at(ctx, 'val_evaluator'):
        if part.is_a('Evaluator'):
            continue
        own = yields(part)
        if own is None:
            return None
        prefix = part.get('prefix') or getattr(part.target, 'default_prefix', None)
        names += [f'{prefix}/{name}' if prefix else name for name in own]
    return names or None


YIELDS: dict[str, Any] = {'DumpResults': lambda part: []}  # by the name of a class: from its part to its metrics


def yields(part: Part) -> list[str] | None:
    """The metrics of one evaluator, without its prefix.

    A class says so by a class method `metric_names(**config)`; those of these packages by `YIELDS`.
    """
    if part.target is None:
        return None
    said = getattr(part.target, 'metric_names', None)
    if inspect.ismethod(said):
        return list(said(**{k: v for k, v in part.node.items() if k != 'type'}))
    known = YIELDS.get(part.name)
    return None if known is None or not part.target.__module__.startswith(('mmengine.', 'mmseg.')) else known(part)


def _asked(ctx: CheckContext) -> Iterator[tuple[Part, str, Any]]:
    """Who asks for metrics, under which key, and for which."""
    for part in hooks(ctx):
        key = 'save_best' if part.is_a('CheckpointHook') else 'monitor' if part.is_a('EarlyStoppingHook') else ''
        if key and part.node.get(key) is not None:
            yield part, key, part.node[key]
    for part in parts_at(ctx, 'param_scheduler'):
        if part.is_a('ReduceOnPlateauParamScheduler') and part.get('monitor') is not None:
            yield part, 'monitor', part.get('monitor')


@rule('unknown-metric')
def metrics_are_yielded(ctx: CheckContext) -> Iterator[Finding]:
    """`save_best`, or the `monitor` of early stopping, names a metric that no evaluator yields."""
    known = ctx.fact(metric_names)
    validated = ctx.root.get('val_cfg') is not None
    for part, key, names in _asked(ctx):
        if not validated:
            yield ctx.at(part.node, key, f'{key} of {part.name} needs validation, and there is no val_cfg')
            continue
        for name in names if isinstance(names, (list, tuple)) else [names]:
            if known is None or name == 'auto' or name in known:
                continue
            logged = str(name).startswith('val/')  # how the log calls it
            if logged or 'loss' not in str(name):
                bare = str(name).removeprefix('val/')
                hint = bare if logged and 'loss' in bare else nearest(bare, known)
                yield ctx.at(part.node, key, f'no evaluator yields {name!r}', hint)


@rule('metric-order')
def better_is_known(ctx: CheckContext) -> Iterator[Finding]:
    """Whether more or less of the metric of `save_best` is better is not known from its name, and `rule` is not set."""
    for part, key, names in _asked(ctx):
        if key != 'save_best':
            continue
        given = part.node.get('rule')
        for each in [given] if isinstance(given, str) else given or ():
            if each not in (None, 'greater', 'less'):
                yield ctx.at(part.node, 'rule', f'rule should be greater or less, but is {each!r}')
        if given is not None:
            continue
        greater = part.node.get('greater_keys') or GREATER_KEYS
        less = part.node.get('less_keys') or LESS_KEYS
        yielded = ctx.fact(metric_names)
        for name in names if isinstance(names, (list, tuple)) else [names]:
            if yielded is not None and name not in yielded:
                continue  # there is no such metric
            try:
                _ = name == 'auto' or rule_of(str(name), greater, less, 'save_best')
            except ConfigError:
                yield ctx.at(part.node, key, f'whether more or less {name!r} is better is not known', "rule='greater'")


# --------------------------------------------------------------------------------------------------------- checkpoints


@rule('load-from')
def checkpoint_exists(ctx: CheckContext) -> Iterator[Finding]:
    """The local file of `load_from`, or a path given as `resume`, does not exist."""
    resume = ctx.root.get('resume', False)
    if isinstance(resume, str):
        message = 'resume should be True or False'
        yield ctx.at(ctx.root, 'resume', message, f'load_from={resume!r}, resume=True')
    elif not isinstance(resume, (bool, type(None))):
        yield ctx.at(ctx.root, 'resume', f'resume should be True or False, but is {resume!r}')
    file = ctx.root.get('load_from')
    if not isinstance(file, str) or '://' in file or not file:
        return
    path = Path(file).expanduser()
    if not path.exists():
        beside = [p.name for p in path.parent.glob('*.pth')] if path.parent.is_dir() else []
        hint = nearest(path.name, beside) or ('' if path.parent.is_dir() else f'there is no folder {path.parent}')
        yield ctx.at(ctx.root, 'load_from', f'there is no file {file}', hint)

"""Checks of `type`s and of their arguments, from signatures alone.

`PLACES` says which registry builds what stands at a place of a config, and what the builder itself gives. Floors above
fill it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from inspect import Parameter, isfunction
from typing import Any

from mmengine.config import ConfigDict
from mmengine.config.checking import WARNING, CheckContext, Finding, nearest, rule
from mmengine.config.open_values import has_open
from mmengine.utils.errors import UnknownTypeError

from .check_kinds import cast, fits, shown
from .check_signatures import arguments_of, needs, takes_anything
from .registry import Registry
from .root import MODELS

OWN = ('mmengine', 'mmcv', 'mmseg', 'torch')  # packages whose annotations can be relied on
RESERVED = ('_scope_', '_delete_', 'type')


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at a place of a config: a dict, or a list of dicts.

    Attributes:
        registry: builds it, or one of `also`.
        given: arguments that the builder adds.
        extra: keys that the builder takes out.
        default: the `type` where the config has none, or a function of the dict that says it.
        below: places by key; other keys of a place that is `open` hold parts of the same registry.
        complete: whether all arguments stand in the config; otherwise the class around it may give some.
        named: a dict without `type` gives names to several of them.
        free_if: a key that gives the dict another meaning, so that its arguments cannot be told.
    """

    registry: Registry
    also: tuple[Registry, ...] = ()
    given: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    default: Any = None
    below: dict[str, Place] = field(default_factory=dict)
    open: bool = False
    complete: bool = True
    named: bool = False
    free_if: str = ''


@dataclass(frozen=True, slots=True)
class Part:
    """A dict of a config that becomes an object."""

    node: ConfigDict
    place: Place
    kind: Any  # the `type` as it is written
    target: Any  # the class or function; None if there is none of that name
    error: UnknownTypeError | None
    root: str  # the key at the root of the config

    @property
    def name(self) -> str:
        return getattr(self.target, '__name__', str(self.kind))

    def get(self, argument: str, default: Any = None) -> Any:
        """The value of an argument: that of the config, else that of the signature."""
        if argument in self.node:
            return self.node[argument]
        found = arguments_of(self.target).get(argument) if self.target is not None else None
        return default if found is None or found.default is Parameter.empty else found.default

    def is_a(self, *names: str) -> bool:
        """Whether the class, or one that it derives from, has one of the names."""
        return any(c.__name__ in names for c in getattr(self.target, '__mro__', ()))


PLACES: dict[str, Place] = {}  # by the key at the root of a config
FOREIGN: set[tuple[str, str]] = set()  # classes and arguments of theirs whose `type`s are none of a registry
# By such a key: whether what stands there could be built. Then all types and arguments in it are right, whatever
# signatures say.
CONFIRMED: dict[str, Callable[[CheckContext], bool]] = {}


def parts(ctx: CheckContext) -> list[Part]:
    """Everything in the config that a registry builds, outer before inner."""
    return [part for key, place in PLACES.items() for part in _parts_of(ctx, ctx.root.get(key), place, key)]


def parts_at(ctx: CheckContext, *paths: str) -> list[Part]:
    """The parts at or below dotted key paths, outer before inner."""
    return [p for p in ctx.fact(parts) if any(f'{p.node._path}.'.startswith(f'{path}.') for path in paths)]


def _parts_of(ctx: CheckContext, value: Any, place: Place, root: str) -> Iterator[Part]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _parts_of(ctx, item, place, root)
    if not isinstance(value, ConfigDict):
        return
    if place.named and 'type' not in value:
        for item in value.values():
            yield from _parts_of(ctx, item, replace(place, named=False), root)
        return
    kind = _kind(value, place)
    if kind is not None and not has_open(kind):
        target, error = _resolve(ctx, place, kind, value)
        if target is not None or not ctx.incomplete:
            yield Part(value, place, kind, target, error, root)
    kind = repr(kind) if has_open(kind) else str(kind).rpartition('.')[2]
    for key, item in value.items():
        inner = place.below.get(key)
        if inner is None and place.open:
            inner = replace(place, complete=False)
        if inner is not None and key not in RESERVED and (kind, key) not in FOREIGN:
            yield from _parts_of(ctx, item, inner, root)


def _kind(node: ConfigDict, place: Place) -> Any:
    kind = node.get('type')
    return kind if has_open(kind) else kind or (place.default(node) if isfunction(place.default) else place.default)


def _resolve(ctx: CheckContext, place: Place, kind: Any, node: ConfigDict) -> tuple[Any, UnknownTypeError | None]:
    if not isinstance(kind, str):
        return (kind if callable(kind) else None), None
    first = None
    for registry in (place.registry, *place.also):
        with registry.switch_scope_and_registry(node.get('_scope_') or ctx.scope):
            try:
                return registry.resolve(kind, node), None
            except UnknownTypeError as error:
                first = first or error
    return None, first


# ---------------------------------------------------------------------------------------------------------------- rules


def _judged(ctx: CheckContext) -> Iterator[Part]:
    """The parts whose type and arguments signatures decide."""
    for part in ctx.fact(parts):
        if part.root not in CONFIRMED or not ctx.fact(CONFIRMED[part.root]):
            yield part


def _arguments_known(part: Part) -> bool:
    return part.target is not None and part.place.complete and part.place.free_if not in part.node


@rule('default-scope')
def scope_exists(ctx: CheckContext) -> Iterator[Finding]:
    """`default_scope` is the name of no package that has registries, so that hardly a type is found."""
    scope = ctx.root.get('default_scope')
    if scope is None or (isinstance(scope, str) and MODELS._registry_of(scope) is not None):
        return
    yield ctx.at(ctx.root, 'default_scope', f'there is no scope {scope!r}', nearest(str(scope), MODELS.root.children))


@rule('unknown-type')
def unknown_type(ctx: CheckContext) -> Iterator[Finding]:
    """No registry has the `type`: it is misspelt, or its module is not imported (`custom_imports`)."""
    for part in _judged(ctx):
        if part.target is not None:
            continue
        if part.error is None:
            message = f'`type` should be a name, a class or a function, but is {reprlib.repr(part.kind)}'
            yield ctx.at(part.node, 'type', message)
            continue
        first, *rest = str(part.error).splitlines()
        lines = [line.strip() for line in rest]
        near = [s for s in lines if s.startswith('did you mean') or ' is registered elsewhere' in s]
        failed = [s for s in lines if s.startswith(('could not import', 'there is no registry', 'no default scope'))]
        yield ctx.at(part.node, 'type', '\n'.join([first, *failed]), (near or [lines[-1] if lines else ''])[0])


@rule('missing-type')
def missing_type(ctx: CheckContext) -> Iterator[Finding]:
    """A part of a run is described without `type`, where there is no default, or by something that is no dict."""
    for key, place in PLACES.items():
        for holder, name, node in _described(ctx, key, place):
            if isinstance(node, (str, int, float)):
                yield ctx.at(holder, name, f'a {place.registry.name} is described by a dict, but this is {node!r}')
            elif isinstance(node, ConfigDict) and node and _kind(node, place) is None and key != 'train_cfg':
                near = next((k for k in node if nearest(str(k), ['type'], fallback=False)), None)
                hint = f'did you mean type instead of {near}?' if near else ''
                there = ', '.join(map(str, node))
                yield ctx.at(node, None, f'a {place.registry.name} needs `type`; there are {there}', hint)


def _described(ctx: CheckContext, key: str, place: Place) -> Iterator[tuple[ConfigDict, Any, Any]]:
    """What stands at a key of the root, each with the dict and the key that hold it."""
    value = ctx.root.get(key)
    if place.named and isinstance(value, ConfigDict):
        if 'type' not in value:
            yield from ((value, name, item) for name, item in value.items() if not isinstance(item, ConfigDict))
        return
    for item in value if isinstance(value, (list, tuple)) else [value]:
        yield ctx.root, key, item


@rule('unknown-argument')
def unknown_argument(ctx: CheckContext) -> Iterator[Finding]:
    """The class or function that `type` names does not take the argument."""
    for part in _judged(ctx):
        if not _arguments_known(part) or takes_anything(part.target):
            continue
        known = [n for n in arguments_of(part.target) if n not in part.place.given]
        for key in part.node:
            if key not in known and key not in part.place.extra and key not in RESERVED and key not in part.place.given:
                value = reprlib.repr(part.node[key])
                hint = nearest(str(key), [*known, *part.place.extra])
                yield ctx.at(part.node, key, f'{part.name} takes no argument {key}={value}', hint)


@rule('missing-argument')
def missing_argument(ctx: CheckContext) -> Iterator[Finding]:
    """The class or function that `type` names needs an argument that the config does not give."""
    for part in _judged(ctx):
        if not _arguments_known(part) or (part.root in CONFIRMED and has_open(ctx.root.get(part.root))):
            continue  # a class may give to its parent what it does not take itself; only building would tell
        for name in needs(part.target):
            if name not in part.node and name not in part.place.given:
                unknown = [k for k in part.node if k not in arguments_of(part.target)]
                if nearest(name, unknown, False, 0.8):
                    continue  # it is misspelt, which `unknown-argument` says
                near = next((k for k in unknown if nearest(name, [k], False)), None)
                hint = f'did you mean {name} instead of {near}?' if near else ''
                yield ctx.at(part.node, None, f'{part.name} needs the argument {name!r}', hint)


@rule('argument-kind')
def argument_kind(ctx: CheckContext) -> Iterator[Finding]:
    """The value is of another kind than the annotation of the argument says."""
    for part in ctx.fact(parts):
        if part.target is None:
            continue
        package = getattr(part.target, '__module__', '').partition('.')[0]
        for name, parameter in arguments_of(part.target).items():
            if name not in part.node or name in part.place.extra:
                continue
            value = part.node[name]
            if value is parameter.default or fits(value, parameter.annotation):
                continue
            message = f'{name} of {part.name} should be {shown(parameter.annotation)}, but is {reprlib.repr(value)}'
            yield ctx.at(part.node, name, message, cast(value, parameter.annotation), '' if package in OWN else WARNING)

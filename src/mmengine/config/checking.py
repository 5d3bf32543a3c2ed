"""Look for mistakes in a config before anything is built.

A rule is a generator over findings. This floor knows the config alone; what a `type` takes, what a hook does or how
many classes a dataset has is known further up. So each floor declares its rules where the knowledge lives, in modules
that the entry point group `mmengine.check_rules` names, and `check` imports these.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
import reprlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from mmengine.logging import print_log
from mmengine.utils.errors import ConfigError

from .config import Config, CustomImportError
from .config_dict import ConfigDict, clone
from .lazy import Lazy, LazyImportError
from .open_values import MARK, OpenValueError, has_open, settle
from .origin import Origin, origin_of
from .static import Stop, load_static

ERROR, WARNING, NOTE = SEVERITIES = ('error', 'warning', 'note')
IGNORE_KEY = 'check_ignore'
_ADDRESS = re.compile(r'((?:[A-Za-z]:)?[^\s:()\'"]+\.(?:py|json|ya?ml|toml)):(\d+)')
T = TypeVar('T')


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake.

    Attributes:
        rule: name of the rule, to be ignored by.
        severity: 'error': the run would fail or do something else than asked; 'warning': it is likely not meant;
            'note': it could not be looked into.
        file, line: where the value was set; '' and 0 where that is not known, or the option of the command line.
        key: dotted path from the root of the config.
        value: short repr of the value.
        hint: the nearest right thing.
    """

    rule: str
    severity: str
    message: str
    file: str = ''
    line: int = 0
    key: str = ''
    value: str = ''
    hint: str = ''

    @property
    def address(self) -> str:
        """Key path and place, as in `model.decode_head.num_classes (configs/a.py:12)`."""
        place = str(Origin(self.file, self.line)) if self.file else ''
        return f'{self.key} ({place})' if self.key and place else self.key or place

    def __str__(self) -> str:
        lines = [f'{self.severity}[{self.rule}] {self.address}', *self.message.splitlines()]
        return '\n  '.join([*lines, *([f'hint: {self.hint}'] if self.hint else [])])


class CheckContext:
    """The config that is checked, and what the rules found out about it so far.

    Attributes:
        stops: for a config that was read without running it, where reading had to stop; else None.
        incomplete: whether types may exist that are not registered here.
    """

    def __init__(self, cfg: Config, stops: list[Stop] | None = None) -> None:
        self.stops = stops
        self.cfg = cfg = _imported(cfg, stops is not None)
        self.root = cfg._cfg_dict
        scope = cfg.get('default_scope')
        self.incomplete = stops is not None and ('custom_imports' in cfg or has_open(scope))
        self.scope: str = scope if isinstance(scope, str) and scope else 'mmengine'
        self._facts: dict[Callable, Any] = {}

    def fact(self, function: Callable[[CheckContext], T]) -> T:
        """What `function` says of this config; asked once."""
        if function not in self._facts:
            self._facts[function] = function(self)
        return self._facts[function]

    def node(self, path: str) -> Any:
        """The dict at a dotted path from the root, or an empty one."""
        node: Any = self.root
        for part in path.split('.'):
            node = node.get(part) if isinstance(node, ConfigDict) else None
        return node if isinstance(node, ConfigDict) else ConfigDict()

    def at(self, node: Any, key: Any, message: str, hint: str = '', severity: str = '') -> Finding:
        """A finding about `node[key]`, or about `node` itself if `key` is None."""
        origin = origin_of(node, key)
        path = getattr(node, '_path', '')
        if key is not None:
            path = f'{path}.{key}' if path else str(key)
        present = key is not None and isinstance(node, ConfigDict) and key in node
        return Finding(
            rule='',
            severity=severity,
            message=message,
            file=origin.file if origin else self.cfg.filename or '',
            line=origin.line if origin else 0,
            key=path,
            value=reprlib.repr(dict.get(node, key)) if present else '',
            hint=hint,
        )


def _imported(cfg: Config, static: bool) -> Config:
    """A copy with what the config names by import; what cannot be imported becomes its path, an unknown type."""
    cfg = cfg.copy()
    cfg._set('_cfg_dict', (settle if static else _settled)(clone(cfg._cfg_dict)))
    return cfg


def _settled(value: Any) -> Any:
    if isinstance(value, Lazy):
        try:
            return value.build()
        except LazyImportError:
            return value.dotted_path
    if isinstance(value, ConfigDict):
        for key, item in dict.items(value):
            dict.__setitem__(value, key, _settled(item))
    elif type(value) in (list, tuple):
        return type(value)(_settled(item) for item in value)
    return value


@dataclass(frozen=True, slots=True)
class Rule:
    """A check and what the documentation says of it.

    Attributes:
        find: yields findings; their rule is filled in, and their severity where they leave it open.
        slow: not asked where a check must end within a second.
    """

    name: str
    find: Callable[[CheckContext], Iterable[Finding]]
    severity: str
    slow: bool = False

    @property
    def text(self) -> str:
        return inspect.getdoc(self.find) or ''


RULES: dict[str, Rule] = {}


def rule(name: str, severity: str = ERROR, slow: bool = False) -> Callable[[Callable], Callable]:
    """Declare the decorated function as a rule; its docstring says what is wrong with what it finds."""

    def declare(function: Callable[[CheckContext], Iterable[Finding]]) -> Callable:
        if name in RULES and RULES[name].find.__module__ != function.__module__:
            raise KeyError(f'there is a rule {name!r} already, in {RULES[name].find.__module__}')
        RULES[name] = Rule(name, function, severity, slow)
        return function

    return declare


@cache
def load_rules() -> dict[str, Rule]:
    """All rules by name; imports the modules of the entry point group `mmengine.check_rules`."""
    for module in sorted({entry.value for entry in entry_points(group='mmengine.check_rules')}):
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001 - said, and the other rules go on
            print_log(f'the rules of {module} cannot be imported: {type(error).__name__}: {error}', 'current', 30)
    return RULES


def check(
    cfg: Config | str | Path,
    rules: Collection[str] | None = None,
    ignore: Collection[str] = (),
    slow: bool = True,
    options: dict[str, Any] | None = None,
    static: bool = False,
) -> list[Finding]:
    """What is wrong with a config, errors first.

    Neither data nor weights are read and nothing is changed, but what `custom_imports` names is imported.

    Args:
        cfg: a config, or a file; what makes a file unreadable is a finding.
        rules: names of the rules to apply, all by default.
        ignore: names of rules not to apply, beside those that the config has in `check_ignore`.
        slow: whether to apply rules that take more than a moment.
        options: values that override those of a file, as `--cfg-options` does.
        static: read a file without running it, as `load_static` does, nor what it imports. Rules skip what is not known
            then, and each place where reading had to stop is a finding `not-evaluated`.
    """
    stops: list[Stop] | None = None
    if static and isinstance(cfg, Config):
        raise TypeError('static=True reads a file; a Config is loaded, and was run')
    if not isinstance(cfg, Config):
        try:
            if static:
                values, stops = load_static(cfg)
                cfg = Config(values, filename=cfg)
            else:
                cfg = Config.fromfile(cfg)
            cfg.merge_from_dict(options or {})
        except ConfigError as error:
            return [_unreadable(error, str(cfg.filename if isinstance(cfg, Config) else cfg))]
    known = load_rules()
    context = CheckContext(cfg, stops)
    context.root.set_path('')
    own = cfg.get(IGNORE_KEY, [])
    left_out = {*ignore, *([own] if isinstance(own, str) else own)}
    findings: dict[tuple, Finding] = {}
    for name, each in known.items():
        if (rules is not None and name not in rules) or name in left_out or (each.slow and not slow):
            continue
        for found in _apply(each, context):
            # A list that stands once may be used for training, validation and test.
            identity = (found.rule, found.message, found.file, found.line or found.key)
            findings.setdefault(identity, found)
    return sorted(findings.values(), key=lambda f: SEVERITIES.index(f.severity))


def _apply(each: Rule, context: CheckContext) -> Iterator[Finding]:
    try:
        for found in each.find(context):
            if context.stops is None or each.name == 'not-evaluated' or MARK not in f'{found.message} {found.value}':
                yield replace(found, rule=each.name, severity=found.severity or each.severity)
    except OpenValueError:
        return
    except Exception as error:  # noqa: BLE001 - said as a finding; a config can have any shape
        text = f'this rule could not be applied: {type(error).__name__}: {error}'
        yield Finding(each.name, WARNING, text, file=context.cfg.filename or '')


def _unreadable(error: ConfigError, file: str) -> Finding:
    """The finding that an error while loading is."""
    message, _, rest = str(error).partition('\n')
    place = _ADDRESS.search(rest) or _ADDRESS.search(message)
    kind, key, hint = 'config-error', '', ''
    if isinstance(error, CustomImportError):
        kind, key, hint = 'custom-imports', 'custom_imports.imports', rest.strip()
    elif isinstance(error, FileNotFoundError) and rest:
        kind, key = 'base-missing', '_base_'
        message, _, hint = message.partition('; ')
    elif 'circle' in message:
        kind, key, hint = 'base-cycle', '_base_', 'a base should not ask for the file that asks for it'
        place = _base_line(Path(file))
    if place and message.startswith(f'{place[0]}: '):
        message = message.removeprefix(f'{place[0]}: ')
    where, line = (place[1], int(place[2])) if place else (file, 0)
    return Finding(kind, ERROR, message, str(Path(where).absolute()), line, key, hint=hint)


def _base_line(file: Path) -> Any:
    lines = file.read_text(encoding='utf-8').splitlines() if file.is_file() else []
    number = next((n for n, line in enumerate(lines, 1) if line.startswith('_base_')), 0)
    return _ADDRESS.search(f'{file}:{number}')


@rule('unknown-rule')
def _ignored_rules_exist(ctx: CheckContext) -> Iterator[Finding]:
    """`check_ignore` names a rule that does not exist."""
    own = ctx.root.get(IGNORE_KEY, [])
    for name in [own] if isinstance(own, str) else own:
        if name not in RULES and name not in LOADING_RULES:
            yield ctx.at(ctx.root, IGNORE_KEY, f'there is no rule {name!r}', nearest(str(name), RULES))


@rule('not-evaluated', NOTE)
def _reading_stopped(ctx: CheckContext) -> Iterator[Finding]:
    """With `--static`: what would have to be run, so that nothing is said of it."""
    for file, line, what in ctx.stops or ():
        yield Finding('', '', what, file, line)


LOADING_RULES = {
    'config-error': 'The file is absent or cannot be read: syntax, an exception, two bases that set the same key.',
    'base-missing': 'A base does not exist.',
    'base-cycle': 'A file is among its own bases.',
    'custom-imports': 'A module of `custom_imports` cannot be imported.',
}


def nearest(name: str, known: Iterable[str], fallback: bool = True, cutoff: float = 0.6) -> str:
    """'did you mean …?', or all that is known."""
    names = sorted(str(k) for k in known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=cutoff)
    if close:
        return f'did you mean {", ".join(close)}?'
    return f'there are {", ".join(names)}' if fallback and names else ''

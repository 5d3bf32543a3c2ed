"""From a file and its bases to one tree of values."""

from __future__ import annotations

import ast
import copy
import difflib
import importlib.util
import json
import os
import platform
import re
import tomllib
import uuid
from pathlib import Path
from typing import Any

import yaml

from mmengine.utils.errors import ConfigError

from .config_dict import ConfigDict, to_config
from .merge import merge
from .origin import Origin, origin_of
from .python_source import Lines, assigned_lines, run

BASE_KEY = '_base_'
SUFFIXES = ('.py', '.json', '.yaml', '.yml', '.toml')
ENVIRONMENT = re.compile(r'\{\{[\'"]?\s*\$(\w+)\s*:\s*(.*?)\s*[\'"]?\}\}')
BASE_VARIABLE = re.compile(r'\{\{\s*_base_\.([\w.]+)\s*\}\}')
LAZY = re.compile(r'^\s*with\s+read_base\(\)\s*:', re.MULTILINE)


class Loader:
    """Loads one config with all its bases. Holds nothing beyond that.

    Attributes:
        environment: the environment variables that the files referred to, with the values used.
        texts: path and text of each file read, bases first.
    """

    def __init__(self, use_predefined_variables: bool = True, use_environment_variables: bool = True) -> None:
        self.use_predefined = use_predefined_variables
        self.use_environment = use_environment_variables
        self.environment: dict[str, str] = {}
        self.texts: list[tuple[str, str]] = []

    def load(self, path: str | Path, stack: tuple[str, ...] = (), asked: str = '') -> ConfigDict:
        """The merged values of the file and its bases.

        Raises:
            ConfigError: the file is absent, of an unknown kind, broken, or its bases form a circle. An absent file is a
                FileNotFoundError as well.
        """
        file = str(Path(path).expanduser().resolve())
        if file in stack:
            circle = ' -> '.join([*stack[stack.index(file) :], file])
            raise ConfigError(f'the bases of {stack[0]} form a circle: {circle}')
        _check_file(Path(file), asked)
        text = Path(file).read_text(encoding='utf-8')
        self._count_text(file, text)
        text = self._substitute(text, Path(file))
        placeholders: dict[str, str] = {}
        text = BASE_VARIABLE.sub(lambda m: _placeholder(m[1], placeholders, file), text)
        if file.endswith('.py'):
            values, bases = self._python(text, file, stack)
        else:
            values, bases = self._data(text, file, stack)
        base = self._join(bases, file)
        if placeholders:
            values = _fill(values, {k: _variable(base, v, file) for k, v in placeholders.items()})
        values.pop(BASE_KEY, None)
        return merge(values, base) if bases else values

    def _count_text(self, file: str, text: str) -> None:
        self.texts = [(f, t) for f, t in self.texts if f != file] + [(file, text)]

    # ------------------------------------------------------------------ variables in the text

    def _substitute(self, text: str, path: Path) -> str:
        if self.use_predefined:
            known = {
                'fileDirname': str(path.parent),
                'fileBasename': path.name,
                'fileBasenameNoExtension': path.stem,
                'fileExtname': path.suffix,
            }
            for name, value in known.items():
                if platform.system() == 'Windows':
                    value = value.replace('\\', '/')
                text = re.sub(r'\{\{\s*' + name + r'\s*\}\}', lambda _, v=value: v, text)  # type: ignore[misc]
        if self.use_environment:
            text = ENVIRONMENT.sub(self._environment_variable, text)
        return text

    def _environment_variable(self, match: re.Match) -> str:
        name, default = match[1], match[2].strip('\'"')
        value = self.environment[name] = os.environ.get(name, default)
        if not value:
            raise ConfigError(
                f'the environment variable {name} is not set and its place in the config gives no default'
            )
        quoted = match[0].startswith(("{{'", '{{"')) or match[0].endswith(("'}}", '"}}'))
        return repr(value) if quoted else value

    # ------------------------------------------------------------------ kinds of files

    def _python(self, text: str, file: str, stack: tuple[str, ...]) -> tuple[ConfigDict, list[ConfigDict]]:
        if LAZY.search(text):
            raise ConfigError(
                f'{file} uses read_base(): configs of this style are not supported yet; use _base_ = [...] instead'
            )
        try:
            tree = ast.parse(text, file)
        except SyntaxError as error:
            raise ConfigError(
                f'{Origin(file, error.lineno or 0)}: {error.msg}: {(error.text or "").strip()}'
            ) from error
        names, lines = self._bases_of(tree, file)
        bases = [
            self.load(self._resolve(n, file, o), (*stack, file), asked=f'{n!r} at {o}')
            for n, o in zip(names, lines, strict=True)
        ]
        tree.body = [s for s in tree.body if not _is_base_assignment(s)]
        joined = self._join(bases, file)
        try:
            values = run(tree, file, copy.deepcopy(joined))
        except ConfigError:
            raise
        except Exception as error:
            raise ConfigError(f'{_line_in(error, file)}: {type(error).__name__}: {error}') from error
        return Lines(tree, file).apply(values, assigned_lines(tree)), bases

    def _data(self, text: str, file: str, stack: tuple[str, ...]) -> tuple[ConfigDict, list[ConfigDict]]:
        try:
            if file.endswith('.json'):
                values = json.loads(text)
            elif file.endswith('.toml'):
                values = tomllib.loads(text)
            else:
                values = yaml.safe_load(text)
        except (ValueError, yaml.YAMLError) as error:
            raise ConfigError(f'{Origin(file, 0)} cannot be read: {error}') from error
        if not isinstance(values, dict):
            raise ConfigError(f'{Origin(file, 0)} should hold a mapping, but holds a {type(values).__name__}')
        names = values.pop(BASE_KEY, [])
        origin = Origin(file, _line_of(text, BASE_KEY))
        names = [names] if isinstance(names, str) else names
        bases = [self.load(self._resolve(n, file, origin), (*stack, file), asked=f'{n!r} at {origin}') for n in names]
        return _with_lines(to_config(values), text, file), bases

    @staticmethod
    def _bases_of(tree: ast.Module, file: str) -> tuple[list[str], list[Origin]]:
        for statement in tree.body:
            if _is_base_assignment(statement):
                value = statement.value  # type: ignore[attr-defined]
                nodes = value.elts if isinstance(value, (ast.List, ast.Tuple)) else [value]
                try:
                    return [ast.literal_eval(n) for n in nodes], [Origin(file, n.lineno) for n in nodes]
                except ValueError as error:
                    # A computed list of bases is evaluated by itself.
                    computed = eval(compile(ast.Expression(value), file, 'eval'), {})
                    names = [computed] if isinstance(computed, str) else list(computed)
                    if not all(isinstance(n, str) for n in names):
                        raise ConfigError(
                            f'{Origin(file, value.lineno)}: _base_ should be file names, but got {names!r}'
                        ) from error
                    return names, [Origin(file, value.lineno)] * len(names)
        return [], []

    @staticmethod
    def _resolve(name: str, file: str, origin: Origin) -> Path:
        if '::' in name:
            return package_config(name, str(origin))
        return Path(file).parent / Path(name).expanduser()

    @staticmethod
    def _join(bases: list[ConfigDict], file: str) -> ConfigDict:
        joined = ConfigDict()
        for base in bases:
            for key in base:
                if key in joined:
                    raise ConfigError(
                        f'two bases of {Origin(file, 0)} both set {key!r}: '
                        f'{origin_of(joined, key)} and {origin_of(base, key)}; keep it in one of them'
                    )
            joined.update(base)
        return joined


def package_config(name: str, asked: str = '') -> Path:
    """The file of `package::path`: below the package's `.mim/configs` or `configs`, or a checkout's `configs`."""
    package, _, relative = name.partition('::')
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f'{name}: the package {package!r} is not installed' + (f'\n  asked for by {asked}' if asked else '')
        )
    root = Path(next(iter(spec.submodule_search_locations)))
    relative = relative.removeprefix('configs/')
    places = [root / '.mim' / 'configs', root / 'configs', root / '.mim', root, root.parent.parent / 'configs']
    for place in places:
        if (place / relative).is_file():
            return place / relative
    return places[0] / relative


def _check_file(path: Path, asked: str) -> None:
    where_asked = f'\n  asked for by {asked}' if asked else ''
    if not path.is_file():
        near = difflib.get_close_matches(
            path.name, [p.name for p in path.parent.glob('*')] if path.parent.is_dir() else [], n=3
        )
        hint = f'; near it there are {", ".join(near)}' if near else ''
        raise ConfigFileNotFoundError(f'no such config: {path}{hint}{where_asked}')
    if path.suffix not in SUFFIXES:
        raise ConfigError(f'a config should end in one of {", ".join(SUFFIXES)}, but got {path}{where_asked}')


class ConfigFileNotFoundError(ConfigError, FileNotFoundError):
    """A config file, or a base of one, is absent."""


def _is_base_assignment(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Assign)
        and len(statement.targets) == 1
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id == BASE_KEY
    )


def _line_in(error: BaseException, file: str) -> Origin:
    """The last line of `file` on the traceback."""
    line, frame = 0, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == file:
            line = frame.tb_lineno
        frame = frame.tb_next
    return Origin(file, line)


def _placeholder(path: str, placeholders: dict[str, str], file: str) -> str:
    name = f'_{path.replace(".", "_")}_{uuid.uuid4().hex}'
    placeholders[name] = path
    return f'"{name}"' if file.endswith('.py') else name


def _variable(base: ConfigDict, path: str, file: str) -> Any:
    value: Any = base
    for key in path.split('.'):
        try:
            value = value[int(key)] if isinstance(value, (list, tuple)) else value[key]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ConfigError(f'{file}: {{{{_base_.{path}}}}} is not set by any base: {error}') from error
    return value


def _fill(value: Any, known: dict[str, Any]) -> Any:
    """`value` with placeholders replaced, alone or inside of longer strings."""
    if isinstance(value, str):
        for name, replacement in known.items():
            if value == name:
                return copy.deepcopy(replacement)
            if name in value:
                value = value.replace(name, str(replacement))
        return value
    if isinstance(value, ConfigDict):
        for key in list(value):
            dict.__setitem__(value, key, _fill(value[key], known))
        return value
    if type(value) in (list, tuple):
        return type(value)(_fill(v, known) for v in value)
    return value


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(rf'(^|[\s\'"{{,]){re.escape(str(key))}[\'"]?\s*[:=]', line):
            return number
    return 0


def _with_lines(node: Any, text: str, file: str) -> Any:
    """Lines in json, yaml and toml: the first one where the key stands, which is right for keys used once."""
    if isinstance(node, ConfigDict):
        origins = {key: Origin(file, _line_of(text, key)) for key in node}
        node.set_origin(Origin(file, 1), origins)
        for value in node.values():
            _with_lines(value, text, file)
    elif isinstance(node, (list, tuple)):
        for value in node:
            _with_lines(value, text, file)
    return node

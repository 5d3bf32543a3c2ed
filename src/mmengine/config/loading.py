"""From a file and its bases to one tree of values."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import os
import re
import uuid
from pathlib import Path
from typing import Any

from mmengine.utils.errors import ConfigError

from .config_dict import ConfigDict, HandedOn, clone, to_config
from .data_source import read_data, with_lines
from .lazy import Lazy, LazyImportError, from_reference
from .lazy_source import LazyImports, is_lazy
from .merge import merge
from .origin import Origin, origin_of
from .python_source import run

BASE_KEY = '_base_'
SUFFIXES = ('.py', '.json', '.yaml', '.yml', '.toml')
Names = list[tuple[str, Origin]]  # bases, and where they are asked for
ENVIRONMENT = re.compile(r'\{\{[\'"]?\s*\$(\w+)\s*:\s*(.*?)\s*[\'"]?\}\}')
BASE_VARIABLE = re.compile(r'\{\{\s*_base_\.([\w.]+)\s*\}\}')
LAZY_KEY = '_imported_'  # in dumped configs: which of their texts stand for something to be imported


class Loader:
    """Loads one config with all its bases. Holds nothing beyond that.

    Attributes:
        environment: the environment variables that the files referred to, with the values used.
        texts: path and text of each file read, bases first.
        imported: for each file of the lazy style the names that it imports, which are no values of it.
    """

    def __init__(
        self,
        use_predefined_variables: bool = True,
        use_environment_variables: bool = True,
        lazy_import: bool | None = None,
    ) -> None:
        self.use_predefined = use_predefined_variables
        self.use_environment = use_environment_variables
        self.lazy_import = lazy_import
        self.imported: dict[str, dict[str, Any]] = {}
        self._lazy = False  # whether there was something lazy so far
        self.environment: dict[str, str] = {}
        self.texts: list[tuple[str, str]] = []

    def load(self, path: str | Path, stack: tuple[str, ...] = (), asked: str = '') -> ConfigDict:
        """The merged values of the file and its bases.

        Raises:
            ConfigError: the file is absent, of an unknown kind, broken, or its bases form a circle. An absent file is a
                FileNotFoundError as well.
        """
        file = os.path.abspath(os.path.expanduser(path))  # of a link itself, whose bases lie beside it
        if file in stack:
            circle = ' -> '.join(str(Origin(f, 0)) for f in [*stack[stack.index(file) :], file])
            raise ConfigError(f'the bases of {Origin(stack[0], 0)} form a circle: {circle}')
        _check_file(file, asked)
        with open(file, encoding='utf-8') as stream:
            return self.load_text(stream.read(), file, stack)

    def load_text(self, text: str, file: str, stack: tuple[str, ...] = ()) -> ConfigDict:
        """As `load`, for text that stands, or could stand, in `file`."""
        self.texts = [(f, t) for f, t in self.texts if f != file]
        own = (file, text)
        text = self._substitute(text, file)
        placeholders: dict[str, str] = {}
        text = BASE_VARIABLE.sub(lambda m: _placeholder(m[1], placeholders), text)
        tree = values = None
        if file.endswith('.py'):
            tree = _parse(text, file)
            names = _bases_of(tree, file)
        else:
            values = read_data(text, file)
            names = _bases_in(values, text, file)
        paths = [os.path.abspath(_resolve(name, file, at)) for name, at in names]
        bases = [
            self.load(path, (*stack, file), f'{name!r} at {at}') for path, (name, at) in zip(paths, names, strict=True)
        ]
        self.imported[file] = {k: v for path in paths for k, v in self.imported[path].items()}
        base = _join(bases, file)
        if self._lazy:
            base = clone(base, HandedOn)
        known = _variables(placeholders, base, file, values if tree is None else tree)
        if tree is not None:
            node = self._run(tree, file, base, known, stack)
        else:
            node = with_lines(to_config(values), text, file)
        self.texts.append(own)
        base = clone(base) if self._lazy else base
        self._lazy |= LAZY_KEY in node
        node = _restore_lazy(_fill(node, known), file)
        try:
            return merge(node, base) if bases else node
        except ConfigError:
            node.set_path('')  # takes long, and is only needed for messages
            return merge(node, base)

    def _run(
        self, tree: ast.Module, file: str, base: ConfigDict, known: dict[str, Any], stack: tuple[str, ...]
    ) -> ConfigDict:
        def load(name: str, asked: str) -> tuple[ConfigDict, dict[str, Any]]:
            path = os.path.abspath(_resolve(name, file, asked))
            return self.load(path, (*stack, file), asked), self.imported.get(path, {})

        lazy = is_lazy(tree)
        imports = LazyImports(file, load, lazy if self.lazy_import is None else self.lazy_import)
        tree = _without_base(tree)
        if lazy or self.lazy_import:
            imports.visit(tree)
        self._lazy |= any(isinstance(v, Lazy) for v in imports.imported.values())
        try:
            node = run(tree, file, base, known, imports)
        except LazyImportError as error:
            raise LazyImportError(f'{_line_in(error, file)}: {error}') from error
        except ConfigError:
            raise
        except Exception as error:
            raise ConfigError(f'{_line_in(error, file)}: {type(error).__name__}: {error}') from error
        self.imported[file] |= imports.imported
        return node

    def _substitute(self, text: str, file: str) -> str:
        if '{{' not in text:
            return text
        path = Path(file)
        if self.use_predefined:
            known = {
                'fileDirname': path.parent.as_posix(),
                'fileBasename': path.name,
                'fileBasenameNoExtension': path.stem,
                'fileExtname': path.suffix,
            }
            for name, value in known.items():
                text = re.sub(r'\{\{\s*' + name + r'\s*\}\}', lambda _, v=value: v, text)  # type: ignore[misc]
        if self.use_environment:
            text = ENVIRONMENT.sub(lambda match: self._environment_variable(match, file), text)
        return text

    def _environment_variable(self, match: re.Match, file: str) -> str:
        name, default = match[1], match[2].strip('\'"')
        value = self.environment[name] = os.environ.get(name, default)
        if not value:
            line = match.string.count('\n', 0, match.start()) + 1
            raise ConfigError(
                f'the environment variable {name} is not set, and {Origin(file, line)} gives it no default; '
                f'set it or write {{{{${name}:default}}}}'
            )
        quoted = match[0].startswith(("{{'", '{{"')) or match[0].endswith(("'}}", '"}}'))
        return repr(value) if quoted else value


# Bases are shared by many configs. Only files whose tree nothing rewrites are kept: those that do nothing but assign.
_PARSED: dict[tuple[str, str], ast.Module] = {}


def _parse(text: str, file: str) -> ast.Module:
    known = _PARSED.get((file, text))
    if known is not None:
        return known
    try:
        tree = ast.parse(text, file)
    except SyntaxError as error:
        raise ConfigError(f'{Origin(file, error.lineno or 0)}: {error.msg}: {(error.text or "").strip()}') from error
    if all(isinstance(statement, ast.Assign) for statement in tree.body):
        if len(_PARSED) >= 256:
            _PARSED.clear()
        _PARSED[file, text] = tree
    return tree


def _without_base(tree: ast.Module) -> ast.Module:
    """The tree without the assignment of `_base_`; always the same one of a tree, so that it is compiled once."""
    if not hasattr(tree, 'own'):
        own = [s for s in tree.body if not _is_base_assignment(s)]
        tree.own = ast.Module(own, tree.type_ignores)  # type: ignore[attr-defined]
    return tree.own  # type: ignore[attr-defined]


def _bases_of(tree: ast.Module, file: str) -> Names:
    for statement in tree.body:
        if not _is_base_assignment(statement):
            continue
        value: ast.expr = statement.value  # type: ignore[attr-defined]
        try:
            # By itself: it may compute names, but not from names of the file, which runs after its bases are loaded.
            computed = eval(compile(ast.Expression(value), file, 'eval'), {})
        except Exception as error:
            raise ConfigError(
                f'{Origin(file, value.lineno)}: _base_ cannot be evaluated by itself: {type(error).__name__}: {error}'
            ) from error
        nodes = value.elts if isinstance(value, (ast.List, ast.Tuple)) else []
        names = _names(computed, Origin(file, value.lineno))
        lines = [n.lineno for n in nodes] if len(nodes) == len(names) else [value.lineno] * len(names)
        return [(name, Origin(file, line)) for name, line in zip(names, lines, strict=True)]
    return []


def _bases_in(values: dict, text: str, file: str) -> Names:
    if BASE_KEY not in values:
        return []
    origin = with_lines(ConfigDict(values), text, file)._origins[BASE_KEY]
    return [(name, origin) for name in _names(values.pop(BASE_KEY), origin)]


def _names(value: Any, origin: Origin) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise ConfigError(f'{origin}: {BASE_KEY} should be a file name or a list of them, but got {value!r}')
    return list(names)


def _resolve(name: str, file: str, origin: Origin | str) -> str | Path:
    if '::' in name:
        return package_config(name, str(origin))
    return os.path.join(os.path.dirname(file), os.path.expanduser(name))


def _join(bases: list[ConfigDict], file: str) -> ConfigDict:
    joined = ConfigDict()
    for base in bases:
        for key in base:
            if key in joined:
                raise ConfigError(
                    f'two bases of {Origin(file, 0)} both set {key!r}: '
                    f'{origin_of(joined, key)} and {origin_of(base, key)}; keep it in one of them'
                )
            joined.put(key, dict.get(base, key), base._origins.get(key))
    joined.set_origin(Origin(file, 0))
    return joined


def package_config(name: str, asked: str = '') -> Path:
    """The file of `package::path`: below the package's `.mim/configs`, `.mim`, `configs`, or its checkout's `configs`.

    Raises:
        ConfigError: the package is not installed.
    """
    package, _, relative = name.partition('::')
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f'{name}: the package {package!r} is not installed' + (f'\n  asked for by {asked}' if asked else '')
        )
    root = Path(next(iter(spec.submodule_search_locations)))
    relative = relative.removeprefix('configs/')
    places = [root / '.mim' / 'configs', root / '.mim', root / 'configs', root.parent.parent / 'configs', root]
    found = [place / relative for place in places if (place / relative).is_file()]
    folders = [place / relative for place in places if (place / relative).parent.is_dir()]
    return (found or folders or [places[0] / relative])[0]


def _check_file(file: str, asked: str) -> None:
    where_asked = f'\n  asked for by {asked}' if asked else ''
    if not os.path.isfile(file):
        path = Path(file)
        near = difflib.get_close_matches(
            path.name, [p.name for p in path.parent.glob('*')] if path.parent.is_dir() else [], n=3
        )
        hint = f'; near it there are {", ".join(near)}' if near else ''
        raise ConfigFileNotFoundError(f'no such config: {path}{hint}{where_asked}')
    if not file.endswith(SUFFIXES):
        raise ConfigError(f'a config should end in one of {", ".join(SUFFIXES)}, but got {file}{where_asked}')


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


def _placeholder(path: str, placeholders: dict[str, str]) -> str:
    """A name that stands for a variable of a base: as it is in code, and as a part of strings."""
    name = f'_base_variable_{uuid.uuid4().hex}'
    placeholders[name] = path
    return name


def _variables(placeholders: dict[str, str], base: ConfigDict, file: str, content: Any) -> dict[str, Any]:
    """The values that placeholders stand for; those that stand in a comment alone need none."""
    known = {}
    for name, path in placeholders.items():
        try:
            known[name] = _variable(base, path, file)
        except ConfigError:
            if occurs(name, content):
                raise
    return known


def occurs(name: str, content: Any) -> bool:
    """Whether a placeholder stands in code or data, rather than in a comment."""
    return name in (ast.dump(content) if isinstance(content, ast.AST) else repr(content))


def _variable(base: ConfigDict, path: str, file: str) -> Any:
    value: Any = base
    for key in path.split('.'):
        try:
            value = value[int(key)] if isinstance(value, (list, tuple)) else dict.__getitem__(value, key)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ConfigError(f'{Origin(file, 0)}: {{{{_base_.{path}}}}} is not set by any base: {error}') from error
    return value


def _fill(value: Any, known: dict[str, Any]) -> Any:
    """`value` with placeholders in strings replaced, alone or inside of longer ones."""
    if not known:
        return value
    if isinstance(value, str):
        for name, replacement in known.items():
            if value == name:
                return clone(replacement)
            if name in value:
                value = value.replace(name, str(replacement))
        return value
    if isinstance(value, ConfigDict):
        for key, item in list(dict.items(value)):
            dict.__setitem__(value, key, _fill(item, known))
        return value
    if type(value) in (list, tuple):
        return type(value)(_fill(v, known) for v in value)
    return value


def _restore_lazy(root: ConfigDict, file: str) -> ConfigDict:
    """What a dumped config says of its texts: these are paths of something to be imported."""
    references = dict.pop(root, LAZY_KEY, None)
    if not isinstance(references, list):
        return root
    known = {lazy.dotted_path: lazy for lazy in (from_reference(str(r), Origin(file, 0)) for r in references)}

    def restored(value: Any) -> Any:
        if isinstance(value, ConfigDict):
            items = [(key, restored(key), restored(item)) for key, item in dict.items(value)]
            dict.clear(value)
            for text, key, item in items:
                dict.__setitem__(value, key, item)
                if text in value._origins:
                    value._origins[key] = value._origins.pop(text)
            return value
        if type(value) in (list, tuple):
            return type(value)(restored(v) for v in value)
        return known.get(value, value) if isinstance(value, str) else value

    return restored(root)


def references_in(value: Any) -> set[str]:
    """What is to be imported in a value, as `_restore_lazy` reads it."""
    if isinstance(value, dict):
        return set().union(*map(references_in, (*value, *dict.values(value))))
    if type(value) in (list, tuple):
        return set().union(*map(references_in, value))
    return {value.reference()} if isinstance(value, Lazy) else set()

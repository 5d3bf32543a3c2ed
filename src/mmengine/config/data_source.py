"""Config files that hold data: json, yaml and toml, with the lines of their keys."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from mmengine.utils.errors import ConfigError

from .config_dict import ConfigDict
from .origin import Origin

if TYPE_CHECKING:
    import yaml  # at use: most configs are Python

TUPLE_TAG = 'tag:yaml.org,2002:python/tuple'
Marks = dict[tuple, int]  # path of keys and indices -> line


def _tuple(loader: Any, node: Any) -> tuple:
    return tuple(loader.construct_sequence(node, deep=True))


@cache
def yaml_forms() -> tuple[Any, Any]:
    """The safe loader and the safe dumper, both with tuples; the dumper writes out repeated values."""
    import yaml

    class YamlLoader(yaml.SafeLoader):
        pass

    class YamlDumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    YamlLoader.add_constructor(TUPLE_TAG, _tuple)
    YamlDumper.add_representer(tuple, lambda dumper, value: dumper.represent_sequence(TUPLE_TAG, value))
    return YamlLoader, YamlDumper


def read_data(text: str, file: str) -> dict[str, Any]:
    """The mapping in a json, yaml or toml file.

    Raises:
        ConfigError: it cannot be read, or is no mapping.
    """
    import yaml

    try:
        if file.endswith('.json'):
            values = json.loads(text)
        elif file.endswith('.toml'):
            import tomllib

            values = tomllib.loads(text)
        else:
            values = yaml.load(text, yaml_forms()[0])
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(f'{Origin(file, line)} cannot be read: {error.problem}') from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f'{Origin(file, 0)} cannot be read: {error}') from error
    except ValueError as error:
        raise ConfigError(f'{Origin(file, getattr(error, "lineno", 0))} cannot be read: {error}') from error
    if not isinstance(values, dict):
        raise ConfigError(f'{Origin(file, 0)} should hold a mapping, but holds a {type(values).__name__}')
    return values


def with_lines(root: ConfigDict, text: str, file: str) -> ConfigDict:
    """`root` with the lines of its keys: exact in yaml and json, in toml the first one where the key stands."""
    import yaml

    marks: Marks = {}
    if not file.endswith('.toml'):
        try:
            _mark(yaml.compose(text, yaml.SafeLoader), (), marks)
        except yaml.YAMLError:
            marks = {}  # json that is no yaml
    _set_lines(root, (), marks, text, file)
    return root


def _mark(node: yaml.Node | None, path: tuple, marks: Marks) -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                marks[(*path, key.value)] = key.start_mark.line + 1
                _mark(value, (*path, key.value), marks)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _mark(item, (*path, number), marks)


def _set_lines(value: Any, path: tuple, marks: Marks, text: str, file: str) -> None:
    if isinstance(value, ConfigDict):
        lines = {key: marks.get((*path, str(key))) or _search(text, key) for key in value}
        own = marks.get(path) or min(lines.values(), default=1)
        value.set_origin(Origin(file, own), {key: Origin(file, line) for key, line in lines.items()})
        for key, item in value.items():
            _set_lines(item, (*path, str(key)), marks, text, file)
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            _set_lines(item, (*path, number), marks, text, file)


def _search(text: str, key: Any) -> int:
    pattern = re.compile(rf'(^|[\s\'"{{,.\[]){re.escape(str(key))}[\'"]?\s*[:=.\]]')
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)), 0)

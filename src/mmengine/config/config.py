"""The config of a run."""

from __future__ import annotations

import argparse
import copy
import difflib
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.fileio.atomic import atomic_write
from mmengine.logging import print_log
from mmengine.utils import import_modules_from_strings
from mmengine.utils.errors import ConfigError

from .action import DictAction
from .config_dict import ConfigDict, clone, set_origin, to_config
from .data_source import yaml_forms
from .lazy import Lazy
from .loading import LAZY_KEY, SUFFIXES, Loader, references_in
from .merge import DELETE_KEY, merge
from .origin import CONFIG, Origin, origin_of, where
from .pretty import format_config
from .stand_ins import stand_in_of

RESERVED_KEYS = ['filename', 'text', 'pretty_text', 'env_variables']
COMMAND_LINE = '--cfg-options'


class Config:
    """A tree of `ConfigDict`s with the file and line of each value.

    Attributes and items are those of the tree; `filename`, `text` and `env_variables` belong to the config itself.
    """

    _filename: str | None
    _text: str
    _env_variables: dict[str, str]
    _cfg_dict: ConfigDict
    _imported: dict[str, str]  # names that the file imports lazily, with their paths

    def __init__(
        self,
        cfg_dict: dict | None = None,
        cfg_text: str | None = None,
        filename: str | Path | None = None,
        env_variables: dict | None = None,
        format_python_code: bool = True,
    ) -> None:
        cfg_dict = {} if cfg_dict is None else cfg_dict
        if not isinstance(cfg_dict, dict):
            raise TypeError(f'cfg_dict should be a dict, but got {type(cfg_dict).__name__}')
        for key in cfg_dict:
            if key in RESERVED_KEYS:
                raise ReservedKeyError(
                    f'{key} is an attribute of every config and cannot be a key of it'
                    + (f': {where(cfg_dict, key)}' if where(cfg_dict, key) else '')
                )
        node = cfg_dict if isinstance(cfg_dict, ConfigDict) else ConfigDict(cfg_dict)
        if not node._path:  # a part of another config keeps its address
            node.set_path('')
        self._set('_cfg_dict', node)
        self._set('_filename', None if filename is None else str(filename))
        self._set('_env_variables', dict(env_variables or {}))
        self._set('_text', cfg_text if cfg_text is not None else '')
        self._set('_imported', {})

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    # ------------------------------------------------------------------ loading

    @staticmethod
    def fromfile(
        filename: str | Path,
        use_predefined_variables: bool = True,
        import_custom_modules: bool = True,
        use_environment_variables: bool = True,
        lazy_import: bool | None = None,
        format_python_code: bool = True,
    ) -> Config:
        """Load a .py, .json, .yaml or .toml file with its bases.

        Args:
            use_predefined_variables: replace `{{ fileDirname }}` and its siblings.
            import_custom_modules: import what `custom_imports` names.
            use_environment_variables: replace `{{$NAME:default}}`.
            lazy_import: whether what Python configs import is imported when it is taken out of the config; False
                imports at once, None asks each file: those with `read_base()`, and those that name no `_base_` but
                import something, are lazy.

        Raises:
            ConfigError: with file and line of what is wrong.
        """
        loader = Loader(use_predefined_variables, use_environment_variables, lazy_import)
        values = loader.load(filename)
        text = ''.join(f'{path}\n{text}\n' for path, text in loader.texts)
        cfg = Config(values, cfg_text=text, filename=filename, env_variables=loader.environment)
        cfg._imported.update(_paths(loader.imported.get(os.path.abspath(Path(filename).expanduser()), {})))
        if import_custom_modules:
            import_custom(cfg._cfg_dict, Path(filename).expanduser().absolute().parent)
        return cfg

    @staticmethod
    def fromstring(cfg_str: str, file_format: str) -> Config:
        """Load text of a format given by its suffix, e.g. '.py'. Its bases are sought from the working directory."""
        if file_format not in SUFFIXES:
            raise OSError(f'file_format should be one of {", ".join(SUFFIXES)}, but got {file_format!r}')
        if file_format != '.py' and 'dict(' in cfg_str:
            print_log(f'the text looks like Python, not {file_format}', 'current', logging.WARNING)
        loader = Loader()
        values = loader.load_text(cfg_str, os.path.abspath(f'<string>{file_format}'))
        cfg = Config(values, cfg_text=cfg_str, env_variables=loader.environment)
        import_custom(cfg._cfg_dict, Path.cwd())
        return cfg

    @staticmethod
    def auto_argparser(description: str | None = None) -> tuple[argparse.ArgumentParser, Config]:
        """A parser with an option for each value of the config that the command line names first."""
        first = argparse.ArgumentParser(description=description, add_help=False)
        first.add_argument('config', help='config file path')
        known, _ = first.parse_known_args()
        cfg = Config.fromfile(known.config)
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument('config', help='config file path')
        _add_options(parser, cfg._cfg_dict)
        return parser, cfg

    # ------------------------------------------------------------------ the config itself

    @property
    def filename(self) -> str | None:
        return self._filename

    @property
    def text(self) -> str:
        """The texts of the file and its bases, one after the other."""
        return self._text

    @property
    def env_variables(self) -> dict[str, str]:
        """Environment variables that the files referred to, with the values used."""
        return self._env_variables

    @property
    def pretty_text(self) -> str:
        """The merged values as Python that loads again."""
        return format_config(self._dumped())

    def _dumped(self) -> dict:
        references = sorted(references_in(self._cfg_dict))
        return self.to_dict() | ({LAZY_KEY: references} if references else {})

    def to_dict(self, keep_imported: bool = False) -> dict:
        """Plain dicts all the way down; the full paths of what the config imports lazily.

        Args:
            keep_imported: begin with the names that the file imports lazily.
        """
        return {**self._imported, **self._cfg_dict.to_dict()} if keep_imported else self._cfg_dict.to_dict()

    def _to_lazy_dict(self) -> dict:
        return self._cfg_dict._to_lazy_dict()

    def origin(self, key: str) -> Origin | None:
        """File and line that set `key` (dotted), and through `overrides` what they replaced.

        Raises:
            KeyError: there is no such key.
        """
        node: Any = self._cfg_dict
        nearest, parts = origin_of(node), key.split('.')
        while parts:
            # Keys may hold dots themselves, such as the `backbone.norm` of `custom_keys`: the longest one counts.
            lengths = range(len(parts), 1, -1) if isinstance(node, dict) else ()
            length = next((n for n in lengths if '.'.join(parts[:n]) in node), 1)
            part, parts = '.'.join(parts[:length]), parts[length:]
            nearest = origin_of(node, part) or nearest
            node = node[int(part)] if isinstance(node, (list, tuple)) else dict.__getitem__(node, part)
        return nearest

    def dump(self, file: str | Path | None = None) -> str | None:
        """The config as text that loads to the same values; written to `file` if given, in the format of its suffix.

        JSON has lists where there were tuples.

        Raises:
            ConfigError: `file` ends in something else than .py, .json, .yaml or .yml.
        """
        suffix = Path(str(file if file is not None else self.filename or '.py')).suffix or '.py'
        if suffix == '.json':
            text = json.dumps(self._dumped(), indent=2)
        elif suffix in ('.yaml', '.yml'):
            import yaml  # at use: most configs are Python

            text = yaml.dump(self._dumped(), Dumper=yaml_forms()[1], sort_keys=False)
        elif suffix == '.py' or file is None:
            text = self.pretty_text
        else:
            raise ConfigError(f'a config can be written as .py, .json, .yaml or .yml, but got {str(file)!r}')
        if file is None:
            return text
        with atomic_write(str(file), 'w') as stream:
            stream.write(text)
        return None

    def merge_from_dict(self, options: dict, allow_list_keys: bool = True) -> None:
        """Change values by dotted keys, as `--cfg-options` does; digits index lists.

        Args:
            options: e.g. `{'optim_wrapper.optimizer.lr': 0.1, 'train_pipeline.1.scale': (512, 256)}`.
        """
        nested = ConfigDict()
        origin = Origin(COMMAND_LINE, 0)
        for full_key, value in options.items():
            node = nested
            *parents, last = full_key.split('.')
            for part in parents:
                if not isinstance(node.get(part), ConfigDict):
                    node.put(part, {}, origin)
                node = node[part]
            node.put(last, clone(to_config(value)), origin)
        nested.set_origin(None)
        set_origin(nested, origin)
        nested.set_path('')
        merged = merge(nested, self._cfg_dict, allow_list_keys=allow_list_keys)
        merged.set_path('')
        self._set('_cfg_dict', merged)

    @staticmethod
    def _merge_a_into_b(a: dict, b: dict, allow_list_keys: bool = False) -> dict:
        return merge(to_config(a), to_config(b), allow_list_keys)

    @staticmethod
    def diff(cfg1: str | Path | Config, cfg2: str | Path | Config) -> str:
        """The lines that differ, as `difflib.unified_diff` marks them."""
        one, two = (c if isinstance(c, Config) else Config.fromfile(c) for c in (cfg1, cfg2))
        lines = difflib.unified_diff(one.pretty_text.splitlines(), two.pretty_text.splitlines(), lineterm='')
        return '\n'.join(lines)

    # ------------------------------------------------------------------ as a mapping

    def __repr__(self) -> str:
        return f'Config (path: {self.filename}): {self._cfg_dict!r}'

    def __len__(self) -> int:
        return len(self._cfg_dict)

    def __iter__(self) -> Iterator:
        return iter(self._cfg_dict)

    def __contains__(self, key: Any) -> bool:
        return key in self._cfg_dict

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__') or name == '_cfg_dict':
            raise AttributeError(name)
        return getattr(self._cfg_dict, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in RESERVED_KEYS:
            raise AttributeError(f'{name} cannot be set')
        setattr(self._cfg_dict, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._cfg_dict, name)

    def __getitem__(self, name: Any) -> Any:
        return self._cfg_dict[name]

    def __setitem__(self, name: Any, value: Any) -> None:
        self._cfg_dict[name] = value

    def __delitem__(self, name: Any) -> None:
        del self._cfg_dict[name]

    def __copy__(self) -> Config:
        return self._clone(copy.copy(self._cfg_dict))

    copy = __copy__

    def __deepcopy__(self, memo: dict) -> Config:
        other = self._clone(copy.deepcopy(self._cfg_dict, memo))
        memo[id(self)] = other
        return other

    def _clone(self, values: ConfigDict) -> Config:
        return _rebuild(values, self._text, self._filename, self._env_variables, self._imported)

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return _rebuild, (self._cfg_dict, self._text, self._filename, self._env_variables, self._imported)


def _rebuild(
    values: ConfigDict, text: str, filename: str | None, env_variables: dict, imported: dict[str, str]
) -> Config:
    cfg = Config(values, cfg_text=text, filename=filename, env_variables=env_variables)
    cfg._imported.update(imported)
    return cfg


def _paths(imported: dict[str, Any]) -> dict[str, str]:
    """Names that a config imports, with the full path of each."""
    paths = {}
    for name, value in imported.items():
        module = getattr(value, '__module__', '')
        if module == CONFIG:
            continue  # a function of the config
        own = getattr(value, '__qualname__', None) or getattr(value, '__name__', None) or repr(value)
        paths[name] = value.dotted_path if isinstance(value, Lazy) else f'{module}.{own}' if module else own
    return paths


class ReservedKeyError(ConfigError, KeyError):
    """A config sets a key that would hide an attribute of `Config`."""


class CustomImportError(ConfigError, ImportError):
    """A module of `custom_imports` cannot be imported."""


def import_custom(values: ConfigDict, folder: Path) -> None:
    """Import the modules of `custom_imports`; `folder`, that of the config, is importable from then on.

    Raises:
        CustomImportError: a module is absent or raises; the message begins with the root cause.
    """
    wanted = values.get('custom_imports')
    if wanted is None:
        return
    if not isinstance(wanted, dict) or 'imports' not in wanted:
        raise ConfigError(
            f"custom_imports should be dict(imports=['package.module'], allow_failed_imports=False), but got {wanted!r}"
            f'\n  at {origin_of(values, "custom_imports")}'
        )
    if str(folder) not in sys.path:
        # Behind installed packages. It stays: worker processes and late imports of the user's code need it as well.
        sys.path.append(str(folder))
    imports = [wanted['imports']] if isinstance(wanted['imports'], str) else wanted['imports']
    for name in imports:
        try:
            import_modules_from_strings([stand_in_of(name.partition('.')[0]) or name])
        except Exception as error:
            root: BaseException = error
            while root.__cause__ is not None or root.__context__ is not None:
                root = root.__cause__ or root.__context__  # type: ignore[assignment]
            place = where(wanted, 'imports')
            text = f'{type(root).__name__}: {root}\n  while importing {name!r} for custom_imports at {place}'
            if wanted.get('allow_failed_imports', False):
                print_log(text, 'current', logging.WARNING)
                continue
            if isinstance(root, ModuleNotFoundError):
                text += f'\n  importable are installed packages and what lies in {folder}'
            raise CustomImportError(text) from error


def _add_options(parser: argparse.ArgumentParser, values: ConfigDict, prefix: str = '') -> None:
    for key, value in values.items():
        name = f'--{prefix}{key}'
        if isinstance(value, bool):
            parser.add_argument(name, action='store_true')
        elif isinstance(value, (str, int, float)):
            parser.add_argument(name, type=type(value))
        elif isinstance(value, dict):
            _add_options(parser, value, f'{prefix}{key}.')  # type: ignore[arg-type]
        elif isinstance(value, Sequence) and all(isinstance(v, (str, int, float)) for v in value):
            parser.add_argument(name, type=type(value[0]) if value else str, nargs='+')


__all__ = ['DELETE_KEY', 'RESERVED_KEYS', 'Config', 'ConfigDict', 'DictAction']

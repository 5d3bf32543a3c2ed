"""Checks and conversions of plain Python values, and decorators for deprecated interfaces."""

import collections.abc
import functools
import importlib
import itertools
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeVar

from mmengine.utils.package_utils import is_installed

_F = TypeVar('_F', bound=Callable[..., Any])


def to_ntuple(n: int) -> Callable[[Any], Any]:
    """A function that repeats a scalar `n` times; strings and other iterables pass unchanged."""

    def parse(x: Any) -> Any:
        return x if isinstance(x, collections.abc.Iterable) else tuple(itertools.repeat(x, n))

    return parse


to_1tuple = to_ntuple(1)
to_2tuple = to_ntuple(2)
to_3tuple = to_ntuple(3)
to_4tuple = to_ntuple(4)


def is_str(x: Any) -> bool:
    return isinstance(x, str)


def is_seq_of(seq: Any, expected_type: type | tuple[type, ...], seq_type: Any = None) -> bool:
    """Whether `seq` is a `seq_type` (any sequence by default) whose items are all `expected_type`."""
    if not isinstance(seq, collections.abc.Sequence if seq_type is None else seq_type):
        return False
    return all(isinstance(item, expected_type) for item in seq)


def is_list_of(seq: Any, expected_type: type | tuple[type, ...]) -> bool:
    return is_seq_of(seq, expected_type, seq_type=list)


def is_tuple_of(seq: Any, expected_type: type | tuple[type, ...]) -> bool:
    return is_seq_of(seq, expected_type, seq_type=tuple)


def iter_cast(inputs: Iterable[Any], dst_type: Callable[[Any], Any], return_type: Any = None) -> Any:
    """Map `dst_type` over `inputs`; a lazy iterator unless `return_type` (`list`, `tuple`, ...) is given."""
    if not isinstance(inputs, collections.abc.Iterable):
        raise TypeError(f'inputs should be iterable, but got {type(inputs).__name__}: {inputs!r}')
    if not isinstance(dst_type, type):
        raise TypeError(f'dst_type should be a type, but got {dst_type!r}')
    items = map(dst_type, inputs)
    return items if return_type is None else return_type(items)


def list_cast(inputs: Iterable[Any], dst_type: Callable[[Any], Any]) -> list[Any]:
    return iter_cast(inputs, dst_type, return_type=list)


def tuple_cast(inputs: Iterable[Any], dst_type: Callable[[Any], Any]) -> tuple[Any, ...]:
    return iter_cast(inputs, dst_type, return_type=tuple)


def slice_list(in_list: list[Any], lens: int | list[int]) -> list[list[Any]]:
    """Cut a list into consecutive parts of the given lengths; an int cuts parts of equal length.

    Raises:
        ValueError: the lengths do not add up to the length of the list.
    """
    if isinstance(lens, int):
        if lens <= 0 or len(in_list) % lens:
            raise ValueError(f'a list of {len(in_list)} items cannot be cut into parts of {lens}')
        lens = [lens] * (len(in_list) // lens)
    if not isinstance(lens, list):
        raise TypeError(f'lens should be an int or a list of ints, but got {lens!r}')
    if sum(lens) != len(in_list):
        raise ValueError(f'lens add up to {sum(lens)}, but the list has {len(in_list)} items')
    items = iter(in_list)
    return [list(itertools.islice(items, n)) for n in lens]


def concat_list(in_list: Iterable[Iterable[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(in_list))


def apply_to(data: Any, expr: Callable[[Any], bool], apply_func: Callable[[Any], Any]) -> Any:
    """Rebuild nested mappings, lists and (named) tuples with `apply_func` on what satisfies `expr`."""
    if expr(data):
        return apply_func(data)
    if isinstance(data, Mapping):
        rebuilt: Any = type(data)()
        for key, value in data.items():
            rebuilt[key] = apply_to(value, expr, apply_func)
        return rebuilt
    if isinstance(data, tuple) and hasattr(data, '_fields'):
        return type(data)(*(apply_to(item, expr, apply_func) for item in data))
    if isinstance(data, tuple | list):
        return type(data)(apply_to(item, expr, apply_func) for item in data)
    return data


def import_modules_from_strings(
    imports: str | Sequence[str] | None, allow_failed_imports: bool = False
) -> ModuleType | list[ModuleType | None] | None:
    """Import modules by dotted name, as `custom_imports` of a config asks for.

    Returns:
        The module for a string, a list for a list (`None` where a failure was allowed), `None` for nothing.

    Raises:
        ImportError: a module, or something it imports, cannot be found; the message says which.
    """
    if not imports:
        return None
    if isinstance(imports, str):
        return _import_module(imports, allow_failed_imports)
    if not isinstance(imports, list | tuple):
        raise TypeError(f'custom_imports should be a list of module names, but got {imports!r}')
    return [_import_module(name, allow_failed_imports) for name in imports]


def _import_module(name: Any, allow_failure: bool) -> ModuleType | None:
    if not isinstance(name, str):
        raise TypeError(f'custom_imports should name modules by strings, but got {name!r}')
    try:
        return importlib.import_module(name)
    except ImportError as e:
        missing = getattr(e, 'name', None)
        if missing and (name == missing or name.startswith(f'{missing}.')):
            message = f'Failed to import {name}: no module {missing!r} on sys.path; is its folder in PYTHONPATH?'
        else:
            message = f'Failed to import {name}: it was found, but importing it failed with "{e}"'
        if not allow_failure:
            raise ImportError(message, name=missing) from e
        warnings.warn(f'{message} (ignored: allow_failed_imports)', stacklevel=3)
        return None


def get_object_from_string(obj_name: str) -> Any:
    """The object at a dotted path such as `package.module.Class.method`, or `None` when there is none."""
    parts = iter(obj_name.split('.'))
    module_name = next(parts)
    try:
        obj: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as e:
        if e.name != module_name:
            raise
        return None
    for part in parts:
        module_name = f'{module_name}.{part}'
        if hasattr(obj, part):
            obj = getattr(obj, part)
            continue
        try:
            obj = importlib.import_module(module_name)
        except ModuleNotFoundError as e:
            if e.name != module_name:
                raise
            return None
    return obj


def is_method_overridden(method: str, base_class: type, derived_class: Any) -> bool:
    """Whether a class (or the class of an instance) brings its own version of a method of `base_class`."""
    if not isinstance(base_class, type):
        raise TypeError(f'base_class should be a class, but got the instance {base_class!r}')
    derived = derived_class if isinstance(derived_class, type) else type(derived_class)
    return getattr(derived, method) != getattr(base_class, method)


def has_method(obj: object, method: str) -> bool:
    return callable(getattr(obj, method, None))


def check_prerequisites(
    prerequisites: str | Sequence[str],
    checker: Callable[[str], bool],
    msg_tmpl: str = '"{}" is required by "{}" but not found, please install it first.',
) -> Callable[[_F], _F]:
    """Decorator: the function raises `RuntimeError` when `checker` fails for one of the prerequisites."""
    names = [prerequisites] if isinstance(prerequisites, str) else list(prerequisites)

    def wrap(func: _F) -> _F:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            missing = [name for name in names if not checker(name)]
            if missing:
                raise RuntimeError(msg_tmpl.format(', '.join(missing), func.__name__))
            return func(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    return wrap


def requires_package(prerequisites: str | Sequence[str]) -> Callable[[_F], _F]:
    """Decorator: the function raises `RuntimeError` unless these Python packages can be imported."""
    return check_prerequisites(prerequisites, is_installed)


def requires_executable(prerequisites: str | Sequence[str]) -> Callable[[_F], _F]:
    """Decorator: the function raises `RuntimeError` unless these commands are on the `PATH`."""
    return check_prerequisites(prerequisites, lambda name: shutil.which(name) is not None)


def deprecated_api_warning(name_dict: dict[str, str], cls_name: str | None = None) -> Callable[[_F], _F]:
    """Decorator: pass old argument names on under their new names, with a `DeprecationWarning`.

    Raises:
        TypeError: on call, when an argument is given under both names.
    """

    def wrap(func: _F) -> _F:
        shown = f'{cls_name}.{func.__name__}' if cls_name else func.__name__

        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            for old, new in name_dict.items():
                if old not in kwargs:
                    continue
                if new in kwargs:
                    raise TypeError(f'{shown}: {old!r} is the deprecated name of {new!r}; give only {new!r}')
                warnings.warn(f'{old!r} of {shown} is now named {new!r}', DeprecationWarning, stacklevel=2)
                kwargs[new] = kwargs.pop(old)
            return func(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    return wrap


def deprecated_function(since: str, removed_in: str, instructions: str) -> Callable[[_F], _F]:
    """Decorator: a `DeprecationWarning` on call, and a note in front of the docstring."""

    def wrap(func: _F) -> _F:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            warnings.warn(
                f'{func.__module__}.{func.__name__} is deprecated since version {since} and will be '
                f'removed in version {removed_in}. Please {instructions}.',
                DeprecationWarning,
                stacklevel=2,
            )
            return func(*args, **kwargs)

        wrapped.__doc__ = (
            f'.. deprecated:: {since}\n    Will be removed in version {removed_in}.\n'
            f'    Please {instructions}.\n\n{func.__doc__ or ""}'
        )
        return wrapped  # type: ignore[return-value]

    return wrap

"""Which backend serves a name or the prefix of a URI."""

import difflib
from collections.abc import Callable, Sequence

from mmengine.fileio.backends.base import BaseStorageBackend
from mmengine.fileio.backends.fsspec_backend import FsspecBackend
from mmengine.fileio.backends.http_backend import HTTPBackend
from mmengine.fileio.backends.lmdb_backend import LmdbBackend
from mmengine.fileio.backends.local_backend import LocalBackend
from mmengine.fileio.backends.memcached_backend import MemcachedBackend
from mmengine.fileio.backends.petrel_backend import PetrelBackend

_Backend = type[BaseStorageBackend]

backends: dict[str, _Backend] = {}
prefix_to_backends: dict[str, _Backend] = {}


def register_backend(
    name: str,
    backend: _Backend | None = None,
    force: bool = False,
    prefixes: str | Sequence[str] | None = None,
) -> Callable[[_Backend], _Backend] | None:
    """Register a class under a name and prefixes (`'s3'` for `s3://`); a decorator without a class.

    Raises:
        ValueError: the name or a prefix is taken, and `force` is not set.
    """
    if backend is not None:
        _register_backend(name, backend, force, prefixes)
        return None

    def decorator(cls: _Backend) -> _Backend:
        _register_backend(name, cls, force, prefixes)
        return cls

    return decorator


def _register_backend(name: str, backend: _Backend, force: bool, prefixes: str | Sequence[str] | None) -> None:
    if not isinstance(name, str):
        raise TypeError(f'the name of a backend should be a str, but got {name!r}')
    if not (isinstance(backend, type) and issubclass(backend, BaseStorageBackend)):
        raise TypeError(f'a backend should be a subclass of BaseStorageBackend, but got {backend!r}')
    prefixes = [prefixes] if isinstance(prefixes, str) else list(prefixes or ())
    for kind, key, table in (
        ('name', name, backends),
        *(('prefix', p, prefix_to_backends) for p in prefixes),
    ):
        if key in table and not force:
            raise ValueError(f'the {kind} {key!r} belongs to {table[key].__name__}; set force=True to take it over')
    backends[name] = backend
    prefix_to_backends.update(dict.fromkeys(prefixes, backend))


def find_backend(name: str) -> _Backend:
    """The backend registered under a name."""
    if name not in backends:
        near = difflib.get_close_matches(name, backends, n=1)
        hint = f'; did you mean {near[0]!r}?' if near else ''
        raise ValueError(f'no storage backend is named {name!r}; there are {list(backends)}{hint}')
    return backends[name]


def find_backend_of_prefix(prefix: str) -> _Backend:
    """The backend registered for a prefix, else fsspec if it knows that protocol."""
    found = prefix_to_backends.get(prefix)
    if found is not None:
        return found
    import fsspec

    protocols = fsspec.available_protocols()
    if prefix in protocols:
        return FsspecBackend
    near = difflib.get_close_matches(prefix, [*prefix_to_backends, *protocols], n=1)
    hint = f'; did you mean {near[0]}://?' if near else ''
    raise ValueError(f'no storage backend reads {prefix}:// and fsspec knows no such protocol{hint}')


register_backend('local', LocalBackend, prefixes='')
register_backend('fsspec', FsspecBackend)
register_backend('http', HTTPBackend, prefixes=['http', 'https'])
register_backend('lmdb', LmdbBackend)
register_backend('memcached', MemcachedBackend)
register_backend('petrel', PetrelBackend, prefixes='petrel')

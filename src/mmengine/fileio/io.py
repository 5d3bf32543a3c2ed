"""Reading and writing files wherever they lie.

The backend follows from the prefix of the path (`s3://...`; none: a local path), unless `backend_args` names
one (`dict(backend='http')`). All other entries of `backend_args` are arguments of the backend.
"""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from mmengine.fileio.backends.registry_utils import find_backend, find_backend_of_prefix
from mmengine.fileio.handlers.registry_utils import find_handler
from mmengine.utils import is_filepath

_Path = str | Path
_Args = dict[str, Any] | None

_instances: dict[Any, Any] = {}


def parse_uri_prefix(uri: _Path) -> str:
    """`'s3'` of `s3://bucket/key` and of `cluster:s3://bucket/key`; empty for a local path."""
    if not is_filepath(uri):
        raise TypeError(f'a path should be a str or a Path, but got {type(uri).__name__}: {uri!r}')
    prefix, separator, _ = str(uri).partition('://')
    if not separator:
        return ''
    return prefix.split('::')[0] if '::' in prefix else prefix.split(':')[-1]


def get_file_backend(uri: _Path | None = None, *, backend_args: _Args = None, enable_singleton: bool = False) -> Any:
    """A storage backend, by `backend_args['backend']` or else by the prefix of `uri`.

    Args:
        enable_singleton: return the same instance for the same arguments.

    Raises:
        ValueError: no backend has that name or reads that prefix.
    """
    args = dict(backend_args or {})
    name = args.pop('backend', None)
    if name is None and uri is None:
        raise ValueError("give a uri, or the name of a backend: backend_args=dict(backend='local')")
    backend_type = find_backend(name) if name else find_backend_of_prefix(parse_uri_prefix(uri or ''))
    if not enable_singleton:
        return backend_type(**args)
    key = (backend_type, repr(sorted(args.items())) if args else '')
    if key not in _instances:
        _instances[key] = backend_type(**args)
    return _instances[key]


def _backend(path: _Path, backend_args: _Args) -> Any:
    return get_file_backend(path, backend_args=backend_args, enable_singleton=True)


def get(filepath: _Path, backend_args: _Args = None) -> bytes:
    return _backend(filepath, backend_args).get(filepath)


def get_text(filepath: _Path, encoding: str = 'utf-8', backend_args: _Args = None) -> str:
    return _backend(filepath, backend_args).get_text(filepath, encoding)


def put(obj: bytes, filepath: _Path, backend_args: _Args = None) -> None:
    """Write bytes. A local file is whole or absent afterwards."""
    _backend(filepath, backend_args).put(obj, filepath)


def put_text(obj: str, filepath: _Path, backend_args: _Args = None) -> None:
    """Write text as UTF-8. A local file is whole or absent afterwards."""
    _backend(filepath, backend_args).put_text(obj, filepath)


def exists(filepath: _Path, backend_args: _Args = None) -> bool:
    return _backend(filepath, backend_args).exists(filepath)


def isdir(filepath: _Path, backend_args: _Args = None) -> bool:
    return _backend(filepath, backend_args).isdir(filepath)


def isfile(filepath: _Path, backend_args: _Args = None) -> bool:
    return _backend(filepath, backend_args).isfile(filepath)


def join_path(filepath: _Path, *filepaths: _Path, backend_args: _Args = None) -> str:
    return _backend(filepath, backend_args).join_path(filepath, *filepaths)


def get_local_path(filepath: _Path, backend_args: _Args = None) -> AbstractContextManager[_Path]:
    """Context manager: a local path with the content of the file, which may be temporary."""
    return _backend(filepath, backend_args).get_local_path(filepath)


def copyfile(src: _Path, dst: _Path, backend_args: _Args = None) -> _Path:
    """Copy a file within one storage; returns where it lies, which is inside `dst` if that is a folder."""
    return _backend(src, backend_args).copyfile(src, dst)


def copytree(src: _Path, dst: _Path, backend_args: _Args = None) -> _Path:
    """Copy a folder within one storage. `FileExistsError` if `dst` exists."""
    return _backend(src, backend_args).copytree(src, dst)


def copyfile_from_local(src: _Path, dst: _Path, backend_args: _Args = None) -> _Path:
    """Upload a file."""
    return _backend(dst, backend_args).copyfile_from_local(src, dst)


def copytree_from_local(src: _Path, dst: _Path, backend_args: _Args = None) -> _Path:
    """Upload a folder."""
    return _backend(dst, backend_args).copytree_from_local(src, dst)


def copyfile_to_local(src: _Path, dst: _Path, backend_args: _Args = None) -> _Path:
    """Download a file."""
    return _backend(src, backend_args).copyfile_to_local(src, dst)


def copytree_to_local(src: _Path, dst: _Path, backend_args: _Args = None) -> _Path:
    """Download a folder."""
    return _backend(src, backend_args).copytree_to_local(src, dst)


def remove(filepath: _Path, backend_args: _Args = None) -> None:
    _backend(filepath, backend_args).remove(filepath)


def rmtree(dir_path: _Path, backend_args: _Args = None) -> None:
    _backend(dir_path, backend_args).rmtree(dir_path)


def copy_if_symlink_fails(src: _Path, dst: _Path, backend_args: _Args = None) -> bool:
    """Make `dst` a link to `src`, or a copy where links are not possible; whether it is a link."""
    return _backend(src, backend_args).copy_if_symlink_fails(src, dst)


def list_dir_or_file(
    dir_path: _Path,
    list_dir: bool = True,
    list_file: bool = True,
    suffix: str | tuple[str, ...] | None = None,
    recursive: bool = False,
    backend_args: _Args = None,
) -> Iterator[str]:
    """Paths below a folder, relative to it and in sorted order, without hidden files."""
    return _backend(dir_path, backend_args).list_dir_or_file(dir_path, list_dir, list_file, suffix, recursive)


def generate_presigned_url(
    url: str, client_method: str = 'get_object', expires_in: int = 3600, backend_args: _Args = None
) -> str:
    """A URL that gives access to a file for `expires_in` seconds, where the storage has such."""
    return _backend(url, backend_args).generate_presigned_url(url, client_method, expires_in)


def merge_client_args(file_client_args: _Args, backend_args: _Args) -> _Args:
    """`backend_args`, or the deprecated `file_client_args` in its place."""
    if file_client_args is None:
        return backend_args
    if backend_args is not None:
        raise ValueError('file_client_args is the former name of backend_args; give only backend_args')
    warnings.warn('file_client_args is now named backend_args', DeprecationWarning, stacklevel=3)
    return file_client_args


def _format_of(file: Any, file_format: str | None) -> str | None:
    return str(file).rsplit('.', 1)[-1] if file_format is None and is_filepath(file) else file_format


def load(
    file: Any,
    file_format: str | None = None,
    file_client_args: _Args = None,
    backend_args: _Args = None,
    **kwargs: Any,
) -> Any:
    """Read an object from a json, yaml or pickle file, a path or an open file.

    Args:
        file_format: by default the extension of the path.
        kwargs: for the handler of the format.

    Raises:
        TypeError: no handler for that format.
    """
    backend_args = merge_client_args(file_client_args, backend_args)
    handler = find_handler(_format_of(file, file_format))
    if hasattr(file, 'read'):
        return handler.load_from_fileobj(file, **kwargs)
    if not is_filepath(file):
        raise TypeError(f'file should be a path or an open file, but got {type(file).__name__}')
    content: Any = (
        StringIO(get_text(file, backend_args=backend_args)) if handler.str_like else BytesIO(get(file, backend_args))
    )
    return handler.load_from_fileobj(content, **kwargs)


def dump(
    obj: Any,
    file: Any = None,
    file_format: str | None = None,
    file_client_args: _Args = None,
    backend_args: _Args = None,
    **kwargs: Any,
) -> Any:
    """Write an object to a json, yaml or pickle file, or return it in that format when there is no file.

    Args:
        file: a path or an open file.
        file_format: by default the extension of the path.
        kwargs: for the handler of the format.

    Raises:
        TypeError: no handler for that format.
    """
    backend_args = merge_client_args(file_client_args, backend_args)
    file_format = _format_of(file, file_format)
    if file_format is None and file is None:
        raise ValueError('without a file, file_format should be given')
    handler = find_handler(file_format)
    if file is None:
        return handler.dump_to_str(obj, **kwargs)
    if hasattr(file, 'write'):
        return handler.dump_to_fileobj(obj, file, **kwargs)
    if not is_filepath(file):
        raise TypeError(f'file should be a path or an open file, but got {type(file).__name__}')
    content: Any = StringIO() if handler.str_like else BytesIO()
    handler.dump_to_fileobj(obj, content, **kwargs)
    write = put_text if handler.str_like else put
    return write(content.getvalue(), file, backend_args)

"""The former way to name a storage backend."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from mmengine.fileio.backends import BaseStorageBackend, LocalBackend, register_backend
from mmengine.fileio.io import get_file_backend, parse_uri_prefix


class HardDiskBackend(LocalBackend):
    """The former name of `LocalBackend`."""


register_backend('disk', HardDiskBackend)


class FileClient:
    """A storage backend as `client`, by its name or by the prefix of its URIs. New code uses the functions of
    `mmengine.fileio`.
    """

    def __init__(self, backend: str | None = None, prefix: str | None = None, **kwargs: Any) -> None:
        if backend is None and prefix is None:
            backend = 'disk'
        args = kwargs if backend is None else {'backend': backend, **kwargs}
        uri = f'{prefix}://' if prefix else ''
        self.client: Any = get_file_backend(uri, backend_args=args, enable_singleton=True)

    @classmethod
    def infer_client(
        cls, file_client_args: dict[str, Any] | None = None, uri: str | Path | None = None
    ) -> 'FileClient':
        """The client that `file_client_args` describe, else that of the prefix of `uri`."""
        if file_client_args is not None:
            return cls(**file_client_args)
        if uri is None:
            raise ValueError('give file_client_args or a uri')
        return cls(prefix=cls.parse_uri_prefix(uri))

    @staticmethod
    def parse_uri_prefix(uri: str | Path) -> str | None:
        return parse_uri_prefix(uri) or None

    @classmethod
    def register_backend(
        cls,
        name: str,
        backend: type[BaseStorageBackend] | None = None,
        force: bool = False,
        prefixes: str | Sequence[str] | None = None,
    ) -> Callable[[type[BaseStorageBackend]], type[BaseStorageBackend]] | None:
        """`mmengine.fileio.register_backend`."""
        return register_backend(name, backend, force, prefixes)

    @property
    def name(self) -> str:
        return self.client.name

    @property
    def allow_symlink(self) -> bool:
        return self.client.allow_symlink

    def get(self, filepath: str | Path) -> bytes | memoryview:
        return self.client.get(filepath)

    def get_text(self, filepath: str | Path, encoding: str = 'utf-8') -> str:
        return self.client.get_text(filepath, encoding)

    def put(self, obj: bytes, filepath: str | Path) -> None:
        self.client.put(obj, filepath)

    def put_text(self, obj: str, filepath: str | Path) -> None:
        self.client.put_text(obj, filepath)

    def remove(self, filepath: str | Path) -> None:
        self.client.remove(filepath)

    def exists(self, filepath: str | Path) -> bool:
        return self.client.exists(filepath)

    def isdir(self, filepath: str | Path) -> bool:
        return self.client.isdir(filepath)

    def isfile(self, filepath: str | Path) -> bool:
        return self.client.isfile(filepath)

    def join_path(self, filepath: str | Path, *filepaths: str | Path) -> str:
        return self.client.join_path(filepath, *filepaths)

    def get_local_path(self, filepath: str | Path) -> AbstractContextManager[str | Path]:
        return self.client.get_local_path(filepath)

    def list_dir_or_file(
        self,
        dir_path: str | Path,
        list_dir: bool = True,
        list_file: bool = True,
        suffix: str | tuple[str, ...] | None = None,
        recursive: bool = False,
    ) -> Iterator[str]:
        return self.client.list_dir_or_file(dir_path, list_dir, list_file, suffix, recursive)

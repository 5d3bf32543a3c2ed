"""Files packed into an LMDB database, by key."""

import os
from pathlib import Path
from typing import Any

from mmengine.fileio.backends.base import BaseStorageBackend
from mmengine.utils.errors import MissingDependencyError


class LmdbBackend(BaseStorageBackend):
    """Values of an LMDB database. Each process opens it for itself, on first use.

    Args:
        db_path: of the database.
        readonly, lock, readahead, kwargs: for `lmdb.open`.
    """

    def __init__(
        self,
        db_path: str | Path,
        readonly: bool = True,
        lock: bool = False,
        readahead: bool = False,
        **kwargs: Any,
    ) -> None:
        try:
            import lmdb  # type: ignore[import-not-found,unused-ignore]
        except ImportError as e:
            raise MissingDependencyError(
                "LmdbBackend needs the package lmdb, which is not installed. Run: pip install 'lmdb'"
            ) from e
        self.db_path = str(db_path)
        self.options = {'readonly': readonly, 'lock': lock, 'readahead': readahead, **kwargs}
        self._lmdb = lmdb
        self._client: Any = None
        self._pid = -1

    def get(self, filepath: str | Path) -> bytes:
        """Value of the key `filepath`. `FileNotFoundError` if there is none."""
        with self._get_client().begin(write=False) as transaction:
            value = transaction.get(str(filepath).encode('ascii'))
        if value is None:
            raise FileNotFoundError(f'{filepath} is no key of {self.db_path}')
        return value

    def get_text(self, filepath: str | Path, encoding: str = 'utf-8') -> str:
        return self.get(filepath).decode(encoding)

    def _get_client(self) -> Any:
        if self._client is None or self._pid != os.getpid():  # an environment must not cross a fork
            self._client, self._pid = self._lmdb.open(self.db_path, **self.options), os.getpid()
        return self._client

    def __reduce__(self) -> Any:
        return _open, (type(self), self.db_path, self.options)


def _open(backend_type: type[LmdbBackend], db_path: str, options: dict[str, Any]) -> LmdbBackend:
    return backend_type(db_path, **options)

"""The name of a backend whose client was never published."""

from typing import Any, NoReturn

from mmengine.fileio.backends.base import BaseStorageBackend
from mmengine.utils.errors import MissingDependencyError


class MemcachedBackend(BaseStorageBackend):
    """Cannot be made; it tells what to use instead."""

    def __init__(self, server_list_cfg: str, client_cfg: str, sys_path: str | None = None) -> None:
        raise MissingDependencyError(
            'MemcachedBackend needs the package mc, which is not public. For files on disk set '
            'backend_args=None; the system caches what is read.'
        )

    def get(self, filepath: Any) -> NoReturn:
        raise AssertionError('unreachable: the constructor raises')

    def get_text(self, filepath: Any) -> NoReturn:
        raise AssertionError('unreachable: the constructor raises')

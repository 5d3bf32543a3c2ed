"""What every storage backend offers."""

from abc import ABCMeta, abstractmethod
from typing import Any


class BaseStorageBackend(metaclass=ABCMeta):
    """Reads files of some storage. `get` returns bytes and `get_text` decoded text; all else is optional."""

    _allow_symlink = False

    @property
    def allow_symlink(self) -> bool:
        return self._allow_symlink

    @property
    def name(self) -> str:
        return type(self).__name__

    @abstractmethod
    def get(self, filepath: Any) -> Any: ...

    @abstractmethod
    def get_text(self, filepath: Any) -> str: ...

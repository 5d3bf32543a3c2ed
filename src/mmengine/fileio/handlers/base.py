"""What every file format offers."""

from abc import ABCMeta, abstractmethod
from pathlib import Path
from typing import IO, Any


class BaseFileHandler(metaclass=ABCMeta):
    """Reads and writes objects in one format; `str_like` says whether its files hold text."""

    str_like = True

    @abstractmethod
    def load_from_fileobj(self, file: IO[Any], **kwargs: Any) -> Any: ...

    @abstractmethod
    def dump_to_fileobj(self, obj: Any, file: IO[Any], **kwargs: Any) -> None: ...

    @abstractmethod
    def dump_to_str(self, obj: Any, **kwargs: Any) -> str | bytes: ...

    def load_from_path(self, filepath: str | Path, mode: str = 'r', **kwargs: Any) -> Any:
        with open(filepath, mode) as file:
            return self.load_from_fileobj(file, **kwargs)

    def dump_to_path(self, obj: Any, filepath: str | Path, mode: str = 'w', **kwargs: Any) -> None:
        with open(filepath, mode) as file:
            self.dump_to_fileobj(obj, file, **kwargs)

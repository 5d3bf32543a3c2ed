"""Pickle. Loading a pickle can run any code: only load files you trust."""

import pickle
from pathlib import Path
from typing import IO, Any

from mmengine.fileio.handlers.base import BaseFileHandler


class PickleHandler(BaseFileHandler):
    str_like = False

    def load_from_fileobj(self, file: IO[Any], **kwargs: Any) -> Any:
        return pickle.load(file, **kwargs)

    def load_from_path(self, filepath: str | Path, mode: str = 'rb', **kwargs: Any) -> Any:
        return super().load_from_path(filepath, mode, **kwargs)

    def dump_to_fileobj(self, obj: Any, file: IO[Any], **kwargs: Any) -> None:
        kwargs.setdefault('protocol', 2)
        pickle.dump(obj, file, **kwargs)

    def dump_to_path(self, obj: Any, filepath: str | Path, mode: str = 'wb', **kwargs: Any) -> None:
        super().dump_to_path(obj, filepath, mode, **kwargs)

    def dump_to_str(self, obj: Any, **kwargs: Any) -> bytes:
        kwargs.setdefault('protocol', 2)
        return pickle.dumps(obj, **kwargs)

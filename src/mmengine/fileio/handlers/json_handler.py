"""JSON."""

import json
from typing import IO, Any

import numpy as np

from mmengine.fileio.handlers.base import BaseFileHandler


def set_default(obj: Any) -> Any:
    """Lists of sets, ranges and arrays, and numbers of numpy scalars."""
    if isinstance(obj, set | range):
        return list(obj)
    if isinstance(obj, np.ndarray | np.generic):
        return obj.tolist()
    raise TypeError(f'JSON has no form for {type(obj).__name__}: {obj!r}')


class JsonHandler(BaseFileHandler):
    def load_from_fileobj(self, file: IO[Any], **kwargs: Any) -> Any:
        return json.load(file, **kwargs)

    def dump_to_fileobj(self, obj: Any, file: IO[Any], **kwargs: Any) -> None:
        kwargs.setdefault('default', set_default)
        json.dump(obj, file, **kwargs)

    def dump_to_str(self, obj: Any, **kwargs: Any) -> str:
        kwargs.setdefault('default', set_default)
        return json.dumps(obj, **kwargs)

"""Which handler serves a file extension."""

from collections.abc import Callable
from typing import Any

from mmengine.fileio.handlers.base import BaseFileHandler
from mmengine.fileio.handlers.json_handler import JsonHandler
from mmengine.fileio.handlers.pickle_handler import PickleHandler
from mmengine.fileio.handlers.yaml_handler import YamlHandler

file_handlers: dict[str, BaseFileHandler] = {
    'json': JsonHandler(),
    'yaml': YamlHandler(),
    'yml': YamlHandler(),
    'pickle': PickleHandler(),
    'pkl': PickleHandler(),
}


def register_handler(file_formats: str | list[str], **kwargs: Any) -> Callable[[type], type]:
    """Decorator: use a class, made with `kwargs`, for files with these extensions."""
    formats = [file_formats] if isinstance(file_formats, str) else file_formats
    if not isinstance(formats, list) or not all(isinstance(item, str) for item in formats):
        raise TypeError(f'file_formats should be a str or a list of str, but got {file_formats!r}')

    def decorator(cls: type) -> type:
        handler = cls(**kwargs)
        if not isinstance(handler, BaseFileHandler):
            raise TypeError(f'a handler should be a subclass of BaseFileHandler, but got {cls!r}')
        file_handlers.update(dict.fromkeys(formats, handler))
        return cls

    return decorator


def find_handler(file_format: str | None) -> BaseFileHandler:
    """The handler of a file extension. `TypeError` if there is none."""
    if file_format not in file_handlers:
        raise TypeError(f'there is no handler for the file format {file_format!r}, only for {list(file_handlers)}')
    return file_handlers[file_format]

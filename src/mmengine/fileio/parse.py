"""Lists and tables in text files."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from mmengine.fileio.io import get_text, merge_client_args
from mmengine.utils.errors import DataError


def list_from_file(
    filename: str | Path,
    prefix: str = '',
    offset: int = 0,
    max_num: int = 0,
    encoding: str = 'utf-8',
    file_client_args: dict[str, Any] | None = None,
    backend_args: dict[str, Any] | None = None,
) -> list[str]:
    """Lines of a text file without their line ends.

    Args:
        prefix: put in front of each line.
        offset: lines to skip.
        max_num: most lines to return; 0 for all.
    """
    text = get_text(filename, encoding, merge_client_args(file_client_args, backend_args))
    lines = list(StringIO(text))[offset : offset + max_num if max_num > 0 else None]
    return [prefix + line.rstrip('\n\r') for line in lines]


def dict_from_file(
    filename: str | Path,
    key_type: Callable[[str], Any] = str,
    encoding: str = 'utf-8',
    file_client_args: dict[str, Any] | None = None,
    backend_args: dict[str, Any] | None = None,
) -> dict[Any, Any]:
    """A dict of lines `key value` or `key value value ...`; several values make a list.

    Raises:
        DataError: a line without a value.
    """
    text = get_text(filename, encoding, merge_client_args(file_client_args, backend_args))
    mapping = {}
    for number, line in enumerate(StringIO(text), start=1):
        key, *values = line.rstrip('\n\r').split(' ')
        if not values:
            raise DataError(f'{filename}, line {number}: expected a key and values, but got {line.rstrip()!r}')
        mapping[key_type(key)] = values[0] if len(values) == 1 else values
    return mapping

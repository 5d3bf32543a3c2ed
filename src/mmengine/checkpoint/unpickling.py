"""Reads checkpoints without running what is in them.

A pickle can call any function. `torch.load(weights_only=True)` knows tensors and plain containers only; the classes
that published checkpoints hold beside them are allowed here, while a file is read, not for the rest of the process.
Functions in published files (statistics of a history, the curve of a scheduler) are read as None: their owners have
them anyway.
"""

from __future__ import annotations

import argparse
import datetime
import pathlib
import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from mmengine.config import ConfigDict
from mmengine.config.config_dict import _rebuild
from mmengine.config.origin import Origin
from mmengine.logging import HistoryBuffer
from mmengine.utils.errors import CheckpointError

from .verifying import damage

_trusted: ContextVar[bool] = ContextVar('trusted', default=False)
_FORBIDDEN = re.compile(r'GLOBAL (\S+) (?:was not an allowed global|whose module \S+ is blocked)')

# Protocol 2 writes some values, such as empty bytes, as calls of these.
_PLAIN = (bytes, str, int, float, bool, list, tuple, dict, frozenset, slice, range)
_SCHEDULER = 'mmengine.optim.scheduler.param_scheduler.OneCycleParamScheduler'


def _inert_getattr(owner: Any, name: str) -> None:
    """Stands for `getattr`, by which pickles of protocol 2 name methods."""
    if owner is not HistoryBuffer and owner is not _inert_scheduler:
        raise pickle.UnpicklingError(f'GLOBAL builtins.getattr was not an allowed global (for {owner!r}.{name})')


def _inert_scheduler() -> None:
    """Stands for the scheduler class whose curve is part of published states."""


def _as_dict(*_: Any) -> dict:
    """Stands for `defaultdict`, whose items torch does not set."""
    return {}


def _allowed() -> list[Callable | tuple[Callable, str]]:
    arrays: list[Callable | tuple[Callable, str]] = [np.ndarray, np.dtype]
    arrays += [cls for cls in vars(np.dtypes).values() if isinstance(cls, type)]
    arrays += [cls for cls in vars(np).values() if isinstance(cls, type) and issubclass(cls, np.generic)]
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):  # of numpy 1 and 2
        arrays.append((np._core.multiarray._reconstruct, f'{module}._reconstruct'))  # type: ignore[attr-defined]
        arrays.append((np._core.multiarray.scalar, f'{module}.scalar'))  # type: ignore[attr-defined]
    path = type(pathlib.Path())
    return [
        *arrays,
        HistoryBuffer,
        ConfigDict,
        (ConfigDict, 'mmengine.config.config.ConfigDict'),
        _rebuild,
        Origin,
        (_inert_getattr, 'builtins.getattr'),
        (_inert_scheduler, _SCHEDULER),
        (_as_dict, 'collections.defaultdict'),
        *((cls, f'builtins.{cls.__name__}') for cls in _PLAIN),
        (path, 'pathlib.PosixPath'),
        (path, 'pathlib.WindowsPath'),
        argparse.Namespace,
        datetime.datetime,
        datetime.timedelta,
    ]


_ALLOWED = _allowed()


@contextmanager
def trust_checkpoints(enabled: bool = True) -> Iterator[None]:
    """Within the block checkpoints may hold and run anything. For files whose origin is known only."""
    token = _trusted.set(enabled or _trusted.get())
    try:
        yield
    finally:
        _trusted.reset(token)


def set_trust(enabled: bool) -> None:
    """Trust checkpoints from here on; what `--trust-checkpoint` does."""
    _trusted.set(enabled)


def read_pickle(file: IO[bytes], name: str, size: int, map_location: Any = None) -> Any:
    """Load what `torch.save` wrote, in today's format or that before torch 1.6.

    Args:
        name: path or URL, for messages.
        size: of the file, in bytes, for messages.

    Raises:
        CheckpointError: the file is broken, is no checkpoint, or holds something that could run code.
    """
    if size == 0:
        raise CheckpointError(f'{name} is empty (0 bytes): it was not written or not transferred to the end')
    start = file.read(4)
    file.seek(0)
    reason = damage(file)
    if reason:
        raise CheckpointError(f'{name} ({size:,} bytes) {_diagnose(start)}: {reason}')
    trusted = _trusted.get()
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_ALLOWED):
            # Other protocols than 2 are read as well; a file that is not gets its own error.
            warnings.filterwarnings('ignore', message='Detected pickle protocol')
            warnings.filterwarnings('ignore', message='Environment variable TORCH_FORCE')
            return torch.load(file, map_location=map_location, weights_only=not trusted)
    except Exception as e:
        forbidden = _FORBIDDEN.search(str(e)) or _FORBIDDEN.search(f'{e.__cause__} {e.__context__}')
        if forbidden is not None and not trusted:
            raise CheckpointError(
                f'{name} holds {forbidden[1]}, which could run code, and was not loaded. If you know where the file '
                'comes from, load it with trust=True, on the command line --trust-checkpoint.'
            ) from e
        if 'deserialize object on' in str(e):
            raise CheckpointError(
                f"{name} was saved on a device that is not here: {e}\nLoad it with map_location='cpu'."
            ) from e
        raise CheckpointError(f'{name} ({size:,} bytes) {_diagnose(start)}: {_first_line(e)}') from e


def _diagnose(start: bytes) -> str:
    if start.startswith(b'PK'):
        return 'is broken: it begins as a checkpoint does, but was changed or cut off'
    if start[:1] == b'\x80':
        return 'is no checkpoint, or one that was cut off'
    if start.lstrip()[:1] in (b'<', b'{') or start.startswith(b'vers'):
        return 'is no checkpoint but text, perhaps a web page or a Git LFS pointer in its place'
    return 'is no checkpoint'


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    if lines and lines[0].startswith('Weights only load failed'):
        reasons = [line for line in lines if 'WeightsUnpickler error' in line]
        lines = reasons or lines
    return f'{type(error).__name__} {lines[0] if lines else ""}'.strip()


def map_tensor(tensor: Tensor, map_location: Any) -> Tensor:
    """A CPU tensor where `map_location`, as `torch.load` takes it, wants it."""
    if isinstance(map_location, str | torch.device):
        return tensor.to(map_location)
    if isinstance(map_location, dict):
        return tensor.to(map_location.get('cpu', 'cpu'))
    return tensor

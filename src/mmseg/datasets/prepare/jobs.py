"""What a preparation consists of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmengine.utils.errors import ConfigError

from .source import File, Source

Content = np.ndarray | bytes


@dataclass(frozen=True)
class Options:
    """Choices of the user.

    Args:
        size: edge of tiles in pixels.
        stride: distance between tiles.
    """

    size: int = 0
    stride: int = 0


@dataclass(frozen=True)
class Job:
    """`make(*args)` yields files: their paths below the target folder, and images `(H, W)` or BGR, or bytes.

    It runs in another process, so it is a function of a module. `key` stands for the job in the manifest.
    """

    key: str
    make: Callable[..., Iterable[tuple[str, Content]]]
    args: tuple[Any, ...]


@dataclass(frozen=True)
class Preparation:
    """How a data set becomes what its class in `mmseg.datasets` reads.

    Args:
        layout: what the source should hold, for people.
        plan: the jobs. A preparation without it needs no conversion: `layout` says how it is used.
        tiles: default `Options.size` and `stride`, where images are cut.
        expected: how many files a folder has in the end if the source is complete and tiles are the default ones.
        extra: what to install beside.
    """

    name: str
    title: str
    layout: str
    plan: Callable[[Source, Options], Iterator[Job]] | None = None
    tiles: tuple[int, int] | None = None
    expected: Mapping[str, int] = field(default_factory=dict)

    def options(self, size: int | None = None, stride: int | None = None) -> Options:
        """The options with defaults.

        Raises:
            ConfigError: tiles are asked for where none are cut, or are no good.
        """
        if self.tiles is None:
            if size is not None or stride is not None:
                raise ConfigError(f'{self.name} is not cut into tiles: leave --size and --stride out')
            return Options()
        chosen = Options(
            self.tiles[0] if size is None else size,
            # Another size alone keeps the ratio of the default.
            stride if stride is not None else (size or self.tiles[0]) * self.tiles[1] // self.tiles[0],
        )
        if not 0 < chosen.stride <= chosen.size:
            raise ConfigError(
                f'--stride {chosen.stride} should be positive and at most --size {chosen.size}: pixels between tiles '
                'would be lost'
            )
        return chosen


PREPARATIONS: dict[str, Preparation] = {}


def add(preparation: Preparation) -> None:
    """Make it known by its name."""
    assert preparation.name not in PREPARATIONS
    PREPARATIONS[preparation.name] = preparation


def copy(file: File, target: str) -> Iterator[tuple[str, Content]]:
    """The file as it is."""
    yield target, file.read()


def write(target: str, content: bytes) -> Iterator[tuple[str, Content]]:
    """Content that is known beforehand, such as a list."""
    yield target, content


def copy_job(file: File, target: str) -> Job:
    return Job(target, copy, (file, target))


def list_job(target: str, names: Iterable[str]) -> Job:
    """A split file: a name a line."""
    return Job(target, write, (target, ''.join(f'{name}\n' for name in names).encode()))

"""A view of a data loader in which one item is what one optimizer update takes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any


class UpdateLoader:
    """Lists of `count` batches of a loader; the last list of an epoch may be shorter.

    Length and positions are counted in lists; everything else (`dataset`, `sampler`, …) is the loader's own.
    """

    def __init__(self, loader: Any, count: int) -> None:
        self.loader = loader
        self.count = count

    def __len__(self) -> int:
        return -(-len(self.loader) // self.count)

    def __iter__(self) -> Iterator[list]:
        batches = iter(self.loader)
        while group := list(islice(batches, self.count)):
            yield group

    def __getattr__(self, name: str) -> Any:
        if name == 'loader':
            raise AttributeError(name)
        return getattr(self.loader, name)

    @property
    def global_batch_size(self) -> int | None:
        """Samples of one update over all ranks, or None where the loader does not tell."""
        size = getattr(self.loader, 'global_batch_size', None)
        return None if size is None else size * self.count

    def seek(self, update: int) -> None:
        """Let the next iteration begin at list number `update`; only where the loader `can_seek`."""
        self.loader.seek(update * self.count)

"""Notes that the ranks leave for each other. No collective: who does not come keeps nobody waiting."""

from __future__ import annotations

import itertools
from datetime import timedelta

from torch import distributed as torch_dist

from mmengine.dist.place import get_dist_info, is_distributed

_numbers = itertools.count()


class Board:
    """Texts by name in the store of the process group. One process alone has nobody to write to: it must not.

    Boards are told apart by their number: all ranks make them in the same order.

    Raises (all methods):
        RuntimeError: the process that keeps the store is gone.
    """

    def __init__(self) -> None:
        self.rank, self.world_size = get_dist_info()
        prefix = f'mmnext/{next(_numbers)}'
        if is_distributed():
            self._store = torch_dist.PrefixStore(prefix, torch_dist.distributed_c10d._get_default_store())

    def post(self, name: str, text: str = '') -> None:
        self._store.set(name, text)

    def has(self, *names: str) -> bool:
        return self._store.check(list(names))

    def read(self, name: str) -> str | None:
        return self._store.get(name).decode() if self._store.check([name]) else None

    def count(self, name: str, more: int = 0) -> int:
        """Add to a number that begins at 0, and return it."""
        return self._store.add(name, more)

    def wait(self, names: list[str], seconds: float) -> bool:
        """Wait for all of the names; False when the time is over."""
        try:
            self._store.wait(names, timedelta(seconds=seconds))
        except torch_dist.DistNetworkError:
            raise
        except RuntimeError:  # the time is over
            return self._store.check(names)
        return True

    def of_ranks(self, name: str) -> list[str]:
        """The names under which each rank leaves its own note."""
        return [f'{name}/{rank}' for rank in range(self.world_size)]

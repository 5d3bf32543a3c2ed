"""What all loops have in common."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader

if TYPE_CHECKING:
    from .runner import Runner


class BaseLoop(metaclass=ABCMeta):
    """Args:
    runner: the runner that runs the loop.
    dataloader: an iterable of batches, or the config of one.
    """

    def __init__(self, runner: Runner, dataloader: DataLoader | dict) -> None:
        self._runner = runner
        self.dataloader: Any = dataloader
        if isinstance(dataloader, dict):
            self.dataloader = self._build_dataloader(runner, dataloader)

    @staticmethod
    def _build_dataloader(runner: Runner, dataloader: dict) -> Any:
        diff_rank_seed = runner._randomness_cfg.get('diff_rank_seed', False)
        return runner.build_dataloader(dataloader, seed=runner.seed, diff_rank_seed=diff_rank_seed)

    @property
    def runner(self) -> Runner:
        return self._runner

    def close(self) -> None:
        """End what works for the loop in the background; it can run again."""
        if hasattr(self.dataloader, 'close'):
            self.dataloader.close()

    @abstractmethod
    def run(self) -> Any:
        """Run the whole loop."""

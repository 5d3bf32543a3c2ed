"""What users' hooks and loops touch of a runner: its parts by name, each built when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from torch.utils.data import DataLoader

from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook

from .base_loop import BaseLoop

if TYPE_CHECKING:
    from .hook_table import HookTable


class RunnerAccess:
    """Base of the runner. The attributes are set by its constructor; `builders.py` defines the three methods."""

    _experiment_name: str
    _model_name: str
    _work_dir: str
    _log_dir: str
    _timestamp: str
    _launcher: str
    _distributed: bool
    _rank: int
    _world_size: int
    _deterministic: bool
    _seed: int
    _base_seed: int
    _hook_table: HookTable
    _train_loop: Any
    _val_loop: Any
    _test_loop: Any

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        raise NotImplementedError

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        raise NotImplementedError

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        raise NotImplementedError

    @property
    def experiment_name(self) -> str:
        return self._experiment_name

    @property
    def model_name(self) -> str:
        return self._model_name

    @property
    def work_dir(self) -> str:
        return self._work_dir

    @property
    def log_dir(self) -> str:
        """`work_dir/timestamp`."""
        return self._log_dir

    @property
    def timestamp(self) -> str:
        return self._timestamp

    @property
    def max_epochs(self) -> int:
        return self._train_number('max_epochs')

    @property
    def max_iters(self) -> int:
        return self._train_number('max_iters')

    def _train_number(self, name: str) -> int:
        loop = self._train_loop
        return (loop or {}).get(name, 0) if loop is None or isinstance(loop, dict) else getattr(loop, name)

    @property
    def epoch(self) -> int:
        """Epochs done; 0 before training."""
        loop: Any = self._train_loop
        return 0 if loop is None or isinstance(loop, dict) else loop.epoch

    @property
    def iter(self) -> int:
        """Iterations done; 0 before training."""
        loop: Any = self._train_loop
        return 0 if loop is None or isinstance(loop, dict) else loop.iter

    @property
    def launcher(self) -> str:
        return self._launcher

    @property
    def distributed(self) -> bool:
        return self._distributed

    @property
    def rank(self) -> int:
        return self._rank

    @property
    def world_size(self) -> int:
        return self._world_size

    @property
    def deterministic(self) -> bool:
        return self._deterministic

    @property
    def seed(self) -> int:
        """The seed of this rank."""
        return self._seed

    @property
    def base_seed(self) -> int:
        """The seed that all ranks share."""
        return self._base_seed

    @property
    def hooks(self) -> list[Hook]:
        """All hooks in the order of their priority."""
        return self._hook_table.hooks

    _hooks = hooks

    @property
    def train_loop(self) -> BaseLoop:
        if isinstance(self._train_loop, dict):
            self._train_loop = self.build_train_loop(self._train_loop)
        return cast(BaseLoop, self._train_loop)

    @property
    def val_loop(self) -> BaseLoop:
        if isinstance(self._val_loop, dict):
            self._val_loop = self.build_val_loop(self._val_loop)
        return cast(BaseLoop, self._val_loop)

    @property
    def test_loop(self) -> BaseLoop:
        if isinstance(self._test_loop, dict):
            self._test_loop = self.build_test_loop(self._test_loop)
        return cast(BaseLoop, self._test_loop)

    @property
    def train_dataloader(self) -> DataLoader:
        return self.train_loop.dataloader

    @property
    def val_dataloader(self) -> DataLoader:
        return self.val_loop.dataloader

    @property
    def test_dataloader(self) -> DataLoader:
        return self.test_loop.dataloader

    @property
    def val_evaluator(self) -> Evaluator:
        return self.val_loop.evaluator  # type: ignore[attr-defined]

    @property
    def test_evaluator(self) -> Evaluator:
        return self.test_loop.evaluator  # type: ignore[attr-defined]

    @property
    def val_interval(self) -> int:
        return self.train_loop.val_interval  # type: ignore[attr-defined]

    @property
    def val_begin(self) -> int:
        return self.train_loop.val_begin  # type: ignore[attr-defined]

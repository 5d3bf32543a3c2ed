"""The loops that validate and test, on one data set or on several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from mmengine.dist import all_reduce
from mmengine.evaluator import Evaluator
from mmengine.logging import print_log
from mmengine.model.amp import autocast
from mmengine.registry import LOOPS
from mmengine.strategies import unwrapped
from mmengine.utils.errors import ConfigError

from .base_loop import BaseLoop
from .state import evaluating

if TYPE_CHECKING:
    from .runner import Runner


@dataclass
class EvalSet:
    """A data set to evaluate on; the names of its metrics begin with `name/` unless that is empty."""

    name: str
    dataloader: Any
    evaluator: Any


class JoinedLoader:
    """Several loaders one after another; what else is asked of it is asked of the first."""

    def __init__(self, loaders: Sequence) -> None:
        self.loaders = list(loaders)

    def __len__(self) -> int:
        return sum(map(len, self.loaders))

    def __iter__(self) -> Iterator:
        for loader in self.loaders:
            yield from loader

    def close(self) -> None:
        for loader in self.loaders:
            if hasattr(loader, 'close'):
                loader.close()

    def __getattr__(self, name: str) -> Any:
        if name == 'loaders':
            raise AttributeError(name)
        return getattr(self.loaders[0], name)


class _EvalLoop(BaseLoop):
    """A pass over the data without gradients that ends in metrics.

    Args:
        dataloader: one, or a list of them. Those of a list have a `name` each, with which the names of their metrics
            begin: `save_best='city/mIoU'`.
        evaluator: one, or where `dataloader` is a list, one for each; a single config then serves all.
        fp16: run under autocast.
        losses: also report the losses on this data as metrics (`loss`, `decode.loss_ce`, …), averaged over batches.

    Attributes:
        evaluator: that of the data set in progress.
    """

    mode: str

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict | list,
        evaluator: Evaluator | dict | list,
        fp16: bool = False,
        losses: bool = False,
    ) -> None:
        if isinstance(dataloader, (list, tuple)):
            self.sets = self._several(runner, dataloader, evaluator)
            super().__init__(runner, JoinedLoader([each.dataloader for each in self.sets]))  # type: ignore[arg-type]
        else:
            super().__init__(runner, dataloader)
            self.sets = [EvalSet('', self.dataloader, self._evaluator(runner, evaluator))]
        self.fp16 = fp16
        self.losses = _MeanLosses() if losses else None
        for each in self.sets:
            self._begin(each)
        self.evaluator: Any = self.sets[0].evaluator

    def _several(self, runner: Runner, dataloaders: Sequence, evaluator: Any) -> list[EvalSet]:
        evaluators = list(evaluator) if isinstance(evaluator, (list, tuple)) else [evaluator] * len(dataloaders)
        if len(evaluators) != len(dataloaders):
            raise ConfigError(
                f'{self.mode}_dataloader lists {len(dataloaders)} loaders, but {self.mode}_evaluator '
                f'{len(evaluators)} evaluators: give one for each (a list of metrics each), or one config for all'
            )
        sets: list[EvalSet] = []
        for loader, metrics in zip(dataloaders, evaluators, strict=True):
            name = ''
            if isinstance(loader, dict):
                loader = loader.copy()
                name = loader.pop('name', '')
                loader = BaseLoop._build_dataloader(runner, loader)
            name = name or f'{self.mode}_{len(sets)}'
            if any(each.name == name for each in sets):
                raise ConfigError(f'{self.mode}_dataloader has two loaders of the name {name!r}')
            sets.append(EvalSet(name, loader, self._evaluator(runner, metrics)))
        return sets

    @staticmethod
    def _evaluator(runner: Runner, evaluator: Any) -> Any:
        given = list(evaluator) if isinstance(evaluator, tuple) else evaluator
        return runner.build_evaluator(given) if isinstance(given, (dict, list)) else given

    def _begin(self, each: EvalSet) -> None:
        """Tell evaluator and visualizer which classes there are."""
        self.evaluator = each.evaluator
        dataset = each.dataloader.dataset
        meta = getattr(dataset, 'metainfo', None)
        if meta is not None:
            self.evaluator.dataset_meta = meta
            self.runner.visualizer.dataset_meta = meta
        else:
            print_log(
                f'Dataset {type(dataset).__name__} has no metainfo: '
                'the evaluator, metrics and visualizer will have no dataset_meta',
                'current',
                30,
            )

    def run(self) -> dict:
        """The metrics by name."""
        runner, mode = self.runner, self.mode
        with evaluating(getattr(runner, 'optim_wrapper', None)):
            runner.seed_step(-2 - runner.iter)  # a key that no training step has
            runner.call_hook(f'before_{mode}')
            runner.call_hook(f'before_{mode}_epoch')
            runner.strategy.sync_buffers(runner.model)
            runner.model.eval()
            metrics = self._evaluate()
            runner.call_hook(f'after_{mode}_epoch', metrics=metrics)
            runner.call_hook(f'after_{mode}')
        return metrics

    def _evaluate(self) -> dict:
        metrics: dict[str, Any] = {}
        batch_idx = 0
        for each in self.sets:
            if len(self.sets) > 1:
                self._begin(each)
            size = len(each.dataloader.dataset)
            if hasattr(self.evaluator, 'expect'):
                self.evaluator.expect(size)
            for data_batch in each.dataloader:
                self.run_iter(batch_idx, data_batch)
                self.runner.check_interrupt()
                batch_idx += 1
            found = self.evaluator.evaluate(size)
            if self.losses is not None:
                found = {**found, **self.losses.reduce()}
            metrics.update({f'{each.name}/{key}' if each.name else key: value for key, value in found.items()})
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: Any) -> None:
        """One batch: predict, and hand the predictions to the evaluator."""
        runner, mode = self.runner, self.mode
        runner.call_hook(f'before_{mode}_iter', batch_idx=idx, data_batch=data_batch)
        with autocast(enabled=self.fp16):
            outputs = getattr(runner.model, f'{mode}_step')(data_batch)
            if self.losses is not None:
                self.losses.add(runner.model, data_batch)
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        runner.call_hook(f'after_{mode}_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs)


class _MeanLosses:
    """Sums of losses that stay on their device until the end."""

    def __init__(self) -> None:
        self._sums: dict[str, torch.Tensor] = {}
        self._batches = 0

    def add(self, model: Any, data_batch: Any) -> None:
        model = unwrapped(model)
        data = model.data_preprocessor(data_batch, False)
        _, values = model.parse_losses(model._run_forward(data, mode='loss'))
        for key, value in values.items():
            self._sums[key] = self._sums[key] + value.double() if key in self._sums else value.double()
        self._batches += 1

    def reduce(self) -> dict[str, float]:
        """The means over the batches of all ranks; begins anew."""
        means = {}
        for key, total in self._sums.items():
            pair = torch.stack([total, total.new_tensor(self._batches)])
            all_reduce(pair)
            means[key] = float(pair[0] / pair[1])
        self._sums, self._batches = {}, 0
        return means


@LOOPS.register_module()
class ValLoop(_EvalLoop):
    """Validation: `val_step` on each batch. With `fp16` it runs under autocast."""

    mode = 'val'


@LOOPS.register_module()
class TestLoop(_EvalLoop):
    """Test: `test_step` on each batch. With `fp16` it runs under autocast."""

    mode = 'test'
    __test__ = False  # pytest should not collect it

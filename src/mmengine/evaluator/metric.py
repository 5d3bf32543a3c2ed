"""What a metric is."""

from __future__ import annotations

import logging
from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch

from mmengine.dist import broadcast_object_list, collect_results, is_main_process
from mmengine.fileio import dump
from mmengine.logging import print_log
from mmengine.registry import METRICS
from mmengine.structures import BaseDataElement
from mmengine.utils.errors import ConfigError


def samples_of_rank(size: int, rank: int, world_size: int) -> int:
    """How many of `size` samples belong to a rank that takes every `world_size`-th; what it got beyond is padding."""
    return max(0, (size - rank + world_size - 1) // world_size)


class BaseMetric(metaclass=ABCMeta):
    """`process` is called with each batch, `compute_metrics` once with what all ranks collected in `self.results`.

    A metric that accumulates instead of collecting one result a sample leaves `self.results` empty and overrides
    `gather_results(size)`: it reduces its state over the ranks, resets it, and returns what `compute_metrics` takes.
    Samplers repeat samples to give all ranks equally many, at the end; such a metric must leave these out in `process`.
    `self.dataset_size` is the number of samples without them, and `samples_of_rank` the share of a rank.

    Args:
        collect_device: 'cpu' or 'gpu', where results travel between ranks.
        prefix: put before the names of metrics with a slash; `default_prefix` of the class by default.
        collect_dir: kept for the existing interface; nothing is written to disk.

    Attributes:
        dataset_size: as `Evaluator.expect` told before the first batch; None where a loop does not call it.
    """

    default_prefix: str | None = None

    def __init__(self, collect_device: str = 'cpu', prefix: str | None = None, collect_dir: str | None = None) -> None:
        if collect_dir is not None and collect_device != 'cpu':
            raise ConfigError("collect_dir goes with collect_device='cpu'")
        self._dataset_meta: dict | None = None
        self.collect_device = collect_device
        self.results: list[Any] = []
        self.prefix = prefix or self.default_prefix
        self.collect_dir = collect_dir
        self.dataset_size: int | None = None

    @property
    def dataset_meta(self) -> dict | None:
        """`metainfo` of the dataset."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self._dataset_meta = dataset_meta

    @abstractmethod
    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Take one batch: `data_samples` are the predictions as dicts, with the truth where the model passes it on."""

    @abstractmethod
    def compute_metrics(self, results: list) -> dict:
        """The metrics of all results; called on rank 0 alone."""

    def evaluate(self, size: int) -> dict:
        """The metrics over all ranks, the same on each.

        Args:
            size: number of samples of the dataset; padding does not count.
        """
        results = self.gather_results(size)
        self.results.clear()
        outcome: list[Any] = [None, None]
        if is_main_process():
            try:
                outcome[0] = self.compute_metrics(_to_cpu(results))
            except BaseException as error:
                # The other ranks wait for the outcome; they must not wait for ever.
                broadcast_object_list([None, repr(error)])
                raise
        broadcast_object_list(outcome)
        metrics, failure = outcome
        if failure is not None:
            raise RuntimeError(f'compute_metrics of {type(self).__name__} failed on rank 0: {failure}')
        return {f'{self.prefix}/{name}': value for name, value in metrics.items()} if self.prefix else metrics

    def gather_results(self, size: int) -> list | None:
        """The results of all ranks in the order of the dataset, on rank 0; None on the others."""
        if not self.results:
            print_log(
                f'{type(self).__name__} has no results; `process` should append to `self.results`',
                'current',
                logging.WARNING,
            )
        return collect_results(self.results, size, self.collect_device, self.collect_dir)


@METRICS.register_module()
class DumpResults(BaseMetric):
    """Writes all predictions to a pickle file."""

    def __init__(self, out_file_path: str, collect_device: str = 'cpu', collect_dir: str | None = None) -> None:
        super().__init__(collect_device=collect_device, collect_dir=collect_dir)
        if not out_file_path.endswith(('.pkl', '.pickle')):
            raise ConfigError(f'out_file_path should end in .pkl or .pickle, but got {out_file_path!r}')
        self.out_file_path = out_file_path

    def process(self, data_batch: Any, predictions: Sequence[dict]) -> None:
        self.results.extend(_to_cpu(predictions))

    def compute_metrics(self, results: list) -> dict:
        dump(results, self.out_file_path)
        print_log(f'results are in {self.out_file_path}', 'current')
        return {}


def _to_cpu(data: Any) -> Any:
    """Tensors and data elements in nested lists, tuples and dicts, on the CPU."""
    if isinstance(data, (torch.Tensor, BaseDataElement)):
        return data.to('cpu')
    if isinstance(data, list):
        return [_to_cpu(d) for d in data]
    if isinstance(data, tuple):
        return tuple(_to_cpu(d) for d in data)
    if isinstance(data, dict):
        return {k: _to_cpu(v) for k, v in data.items()}
    return data

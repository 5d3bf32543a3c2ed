"""What one iteration of a training loop does with the model: one update, of one batch or of several."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from mmengine.dist import get_world_size
from mmengine.logging import print_log
from mmengine.utils.errors import ConfigError


class UpdateStep:
    """Makes one optimizer update of a list of batches, in as small pieces as the memory of the device asks for.

    Args:
        auto_micro_batch: when a device runs out of memory, halve the pieces that a batch is cut into and begin the
            update again. The update is that of the whole batch; batch normalization sees the pieces.

    Attributes:
        pieces: how many pieces each batch is cut into.
    """

    def __init__(self, auto_micro_batch: bool = False) -> None:
        self.auto_micro_batch = auto_micro_batch
        self.pieces = 1

    def __call__(self, runner: Any, batches: list) -> dict[str, torch.Tensor]:
        """Update, and return the log variables, averaged over the samples."""
        wrapper = runner.optim_wrapper
        if not hasattr(wrapper, 'plan_update'):
            raise ConfigError(
                "train_cfg: step_unit='update' and auto_micro_batch need one OptimWrapper that accumulates, but "
                f'optim_wrapper is a {type(wrapper).__name__}'
            )
        while True:
            parts = [part for batch in batches for part in split_batch(batch, self.pieces)]
            sizes = [batch_size(part) for part in parts]
            weights = [size / sum(sizes) for size in sizes]
            wrapper.plan_update(weights)
            try:
                logs = [runner.model.train_step(part, optim_wrapper=wrapper) for part in parts]
            except torch.OutOfMemoryError as error:
                self._shrink(runner, max(sizes), error)
            else:
                return _mean(logs, weights)

    def _shrink(self, runner: Any, largest: int, error: torch.OutOfMemoryError) -> None:
        """Prepare to begin the update again with smaller pieces, or raise what happened with a way out."""
        if not self.auto_micro_batch:
            raise error
        if get_world_size() > 1:
            error.add_note(
                'auto_micro_batch works in one process only: ranks would wait for each other. Lower batch_size'
            )
            raise error
        if largest <= 1:
            error.add_note('auto_micro_batch: one sample alone does not fit; use smaller crops or mixed precision')
            raise error
        self.pieces *= 2
        runner.optim_wrapper.zero_grad()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        runner.seed_step(runner.iter)
        print_log(
            f'out of memory with {largest} samples at once: each batch is now cut into {self.pieces} pieces',
            'current',
            logging.WARNING,
        )


def batch_size(batch: Any) -> int:
    """Samples in a collated batch: the length of its first list or tensor.

    Raises:
        TypeError: it has none.
    """
    for leaf in _leaves(batch):
        return len(leaf)
    raise TypeError(f'a batch should hold lists or tensors of samples, but got {batch!r}')


def split_batch(batch: Any, pieces: int) -> list:
    """A collated batch in at most `pieces` parts of nearly equal numbers of samples."""
    if pieces == 1:
        return [batch]
    total = batch_size(batch)
    odd = [leaf for leaf in _leaves(batch) if len(leaf) != total]
    if odd:
        raise ValueError(f'a batch cannot be cut: it holds {total} samples, but one of its parts has {len(odd[0])}')
    pieces = min(pieces, total)
    bounds = [total * i // pieces for i in range(pieces + 1)]
    return [_take(batch, slice(a, b)) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


def _leaves(batch: Any) -> list:
    if isinstance(batch, Mapping):
        return [leaf for value in batch.values() for leaf in _leaves(value)]
    return [batch] if _is_leaf(batch) else []


def _is_leaf(value: Any) -> bool:
    return (isinstance(value, torch.Tensor) and value.ndim > 0) or (
        isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    )


def _take(batch: Any, part: slice) -> Any:
    if isinstance(batch, Mapping):
        return {key: _take(value, part) for key, value in batch.items()}
    return batch[part] if _is_leaf(batch) else batch


def _mean(logs: list[dict[str, torch.Tensor]], weights: list[float]) -> dict[str, torch.Tensor]:
    if len(logs) == 1:
        return logs[0]
    return {key: sum(w * log[key] for w, log in zip(weights, logs, strict=True)) for key in logs[0]}  # type: ignore[misc]

"""Look at some samples before the first iteration."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.utils.errors import DataError
from mmseg.datasets.check import check_samples, leaf_datasets
from mmseg.registry import HOOKS

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Before training, reads a few images and masks of the training set and stops if they cannot be right.

    Where the pipeline has transforms of a project, which may mend labels, it warns instead. `mmseg train` adds this
    hook, `--no-check` leaves it out.

    Args:
        limit: samples of each dataset.
        seconds: begin no further sample after this time.
    """

    priority = 'VERY_HIGH'

    def __init__(self, limit: int = 8, seconds: float = 0.8) -> None:
        self.limit = limit
        self.seconds = seconds

    def before_train(self, runner: Runner) -> None:
        if runner.rank != 0:
            return
        dataset: Any = runner.train_dataloader.dataset
        leaves = leaf_datasets(dataset)
        if not all(hasattr(leaf, 'get_data_info') and hasattr(leaf, 'ignore_index') for leaf in leaves):
            return  # of another kind than those of this package
        try:
            check_samples(dataset, self.limit, self.seconds)
        except DataError as error:
            if all(_is_ours(leaf) for leaf in leaves):
                error.add_note(
                    'found in a sample of the training data before the first iteration; `mmseg data check CONFIG` '
                    'reads all of it, `mmseg train --no-check` starts all the same'
                )
                raise
            print_log(f'the training data looks wrong: {error}', 'current', logging.WARNING)


def _is_ours(leaf: Any) -> bool:
    """Whether it is known what happens to the labels."""
    parts = [leaf, *leaf.pipeline.transforms]
    return all(type(part).__module__.startswith(('mmseg.', 'mmcv.')) for part in parts)

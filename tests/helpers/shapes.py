"""The built-in data set, small, for runs of a few iterations."""

from __future__ import annotations

from pathlib import Path


def small_options(root: Path) -> list[str]:
    """`--cfg-options` that shrink the quickstart to 4 iterations on the small data set at `root`."""
    loaders = ('train_dataloader', 'val_dataloader', 'test_dataloader')
    return [
        *(f'{loader}.dataset.data_root={root}' for loader in loaders),
        *(f'{loader}.num_workers=0' for loader in loaders),
        'train_dataloader.batch_size=2',
        'train_cfg.max_iters=4',
        'train_cfg.val_interval=4',
        'default_hooks.checkpoint.interval=2',
        'default_hooks.logger.interval=1',
    ]

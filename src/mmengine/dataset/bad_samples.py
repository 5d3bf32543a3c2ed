"""Samples that cannot be read: another one in their place, counted and listed."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from mmengine.logging import print_log
from mmengine.utils.errors import ConfigError, DataError

# So many in a row are no accident.
_TRIES = 10
_SHOWN = 20


def sample_or_another(dataset: Any, index: int, bad: dict[int, str]) -> Any:
    """`dataset[index]`, or, where that raises `DataError` or `OSError`, another sample; `bad` gets the reasons.

    Raises:
        DataError: that of the last one, when 10 in a row cannot be read.
    """
    tried = index
    for _ in range(_TRIES):
        try:
            return dataset[tried]
        except (DataError, OSError) as error:
            bad[tried] = f'{type(error).__name__}: {error}'
            last = error
        tried = int(np.random.randint(len(dataset)))
    raise DataError(
        f'{_TRIES} samples in a row cannot be read, {len(bad)} different ones, the last because: {last}'
    ) from last


def describe_sample(dataset: Any, index: int) -> str:
    """A sample in words: its index, and its image where the dataset tells."""
    try:
        image = dataset.get_data_info(index).get('img_path')
    except Exception:  # noqa: BLE001  any dataset may stand here, and this only adds to a message
        image = None
    return f'sample {index}' + (f' ({image})' if image else '')


class BadSamples(dict[int, str]):
    """Samples that were skipped, by index, with the reason; each is said once, and all of them at the end."""

    def __init__(self, dataset: Any, on_bad_sample: str) -> None:
        super().__init__()
        if on_bad_sample not in ('stop', 'skip'):
            raise ConfigError(f"on_bad_sample should be 'stop' or 'skip', but got {on_bad_sample!r}")
        if on_bad_sample == 'skip' and getattr(dataset, 'test_mode', False):
            raise ConfigError("on_bad_sample='skip' is for training: an evaluation counts each sample once")
        self._dataset = dataset
        self._reported = 0

    def note(self, bad: dict[int, str]) -> None:
        """Remember samples, and say which are new."""
        for index, reason in bad.items():
            if index not in self:
                self[index] = reason
                print_log(f'skipped {describe_sample(self._dataset, index)}: {reason}', 'current', logging.WARNING)

    def report(self) -> None:
        """Say how many there were, and which."""
        if len(self) == self._reported:
            return
        self._reported = len(self)
        names = [describe_sample(self._dataset, index) for index in sorted(self)]
        more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
        print_log(
            f'{len(names)} of {len(self._dataset)} samples could not be read and were skipped: '
            f'{", ".join(names[:_SHOWN])}{more}',
            'current',
            logging.WARNING,
        )

"""A data set that needs no download."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmengine.fileio import atomic_write
from mmengine.logging import print_log
from mmengine.utils.errors import DataError
from mmseg.datasets.basesegdataset import BaseSegDataset
from mmseg.datasets.builtin.scenes import CLASSES, scene
from mmseg.registry import DATASETS

DEFAULT_ROOT = 'data/mmseg_shapes'
SIZES = {'train': 240, 'val': 60}
# What a complete folder says of itself; another content is written anew.
_MARKER = 'complete.json'
_VERSION = {'dataset': 'mmseg_shapes', 'version': 1, **SIZES}


def _is_complete(root: Path) -> bool:
    try:
        return json.loads((root / _MARKER).read_text(encoding='utf-8')) == _VERSION
    except (OSError, ValueError):
        return False


def _write_png(path: Path, array: np.ndarray) -> None:
    _, encoded = cv2.imencode('.png', array, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    # Not `atomic_write`, which would wait for the disk 600 times.
    temporary = path.with_name(f'.{path.name}.{uuid.uuid4().hex[:8]}')
    temporary.write_bytes(encoded.tobytes())
    temporary.replace(path)


def write_shapes(root: str | Path = DEFAULT_ROOT) -> Path:
    """Write the images and masks below `root`, unless they are there.

    Each file is written aside and renamed, and the same bytes arise every time: an interrupted or a second,
    simultaneous call does no harm. The marker comes last.

    Raises:
        DataError: the folder cannot be written to.
    """
    root = Path(root)
    if _is_complete(root):
        return root
    print_log(f'Writing the built-in data set of {sum(SIZES.values())} images to {root}', 'current')
    try:
        for split_id, (split, size) in enumerate(SIZES.items()):
            for kind in ('images', 'masks'):
                (root / kind / split).mkdir(parents=True, exist_ok=True)
            for index in range(size):
                image, labels = scene((split_id, index))
                _write_png(root / 'images' / split / f'{index:04d}.png', image)
                _write_png(root / 'masks' / split / f'{index:04d}.png', labels)
        with atomic_write(root / _MARKER, 'w') as file:
            json.dump(_VERSION, file)
    except OSError as error:
        raise DataError(
            f'cannot write the built-in data set to {root.absolute()}: {error}. '
            'Set `data_root` to a folder that can be written to.'
        ) from error
    return root


@DATASETS.register_module()
class ShapesDataset(BaseSegDataset):
    """Drawn scenes of 160 x 160 pixels, 240 to train on and 60 to validate; written to `data_root` at the first use.

    Seven classes by shape and texture; colour tells nothing. `data_prefix` chooses the split: `images/train` and
    `masks/train` (default), or `images/val` and `masks/val`.
    """

    METAINFO = {
        'classes': CLASSES,
        'palette': [
            [64, 64, 64],
            [230, 25, 75],
            [60, 180, 75],
            [0, 130, 200],
            [255, 225, 25],
            [145, 30, 180],
            [245, 130, 48],
        ],
    }

    def __init__(
        self,
        data_root: str | None = DEFAULT_ROOT,
        data_prefix: dict = dict(img_path='images/train', seg_map_path='masks/train'),  # noqa: C408
        img_suffix: str = '.png',
        seg_map_suffix: str = '.png',
        **kwargs: Any,
    ) -> None:
        super().__init__(
            data_root=data_root,
            data_prefix=data_prefix,
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        write_shapes(os.fspath(self.data_root or DEFAULT_ROOT))
        return super().load_data_list()

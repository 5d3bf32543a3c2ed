"""How many images a second does the training pipeline of Cityscapes give, in one process?

    python benchmarks/data_pipeline.py [--reference-python PATH] [--images 40]

Load image and mask from PNG files of 1024 x 2048, resize by a random ratio, crop 512 x 1024 with a bound on the share
of one class, flip, distort colours, pack.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import peer
import torch


def measure(args: argparse.Namespace) -> dict[str, Any]:
    import mmseg.datasets  # noqa: F401 - registers
    from mmengine.dataset import Compose
    from mmengine.registry import init_default_scope

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    init_default_scope('mmseg')
    pipeline = Compose(
        [
            {'type': 'LoadImageFromFile'},
            {'type': 'LoadAnnotations'},
            {'type': 'RandomResize', 'scale': (2048, 1024), 'ratio_range': (0.5, 2.0), 'keep_ratio': True},
            {'type': 'RandomCrop', 'crop_size': (512, 1024), 'cat_max_ratio': 0.75},
            {'type': 'RandomFlip', 'prob': 0.5},
            {'type': 'PhotoMetricDistortion'},
            {'type': 'PackSegInputs'},
        ]
    )
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        image, mask = Path(folder, 'image.png'), Path(folder, 'mask.png')
        smooth = cv2.resize(rng.integers(0, 255, (64, 128, 3), dtype=np.uint8), (2048, 1024))
        cv2.imwrite(str(image), smooth + rng.integers(0, 8, smooth.shape, dtype=np.uint8))
        classes = rng.integers(0, 19, (32, 64), dtype=np.uint8)
        cv2.imwrite(str(mask), cv2.resize(classes, (2048, 1024), interpolation=cv2.INTER_NEAREST))
        sample = {'img_path': str(image), 'seg_map_path': str(mask), 'reduce_zero_label': False, 'seg_fields': []}
        for warm in (True, False):
            random.seed(0)
            np.random.seed(0)
            start = time.perf_counter()
            for _ in range(3 if warm else args.images):
                pipeline({**sample, 'label_map': None, 'seg_fields': []})
        seconds = (time.perf_counter() - start) / args.images
    return {'an image s': seconds, 'images a second': round(1 / seconds, 1)}


if __name__ == '__main__':
    peer.main(__doc__ or '', measure, images=40)

"""How long does `IoUMetric` take for a validation set, and does its memory grow with the number of images?

    python benchmarks/iou_metric.py [--reference-python PATH] [--images 500]

Label maps of 1024 x 2048 with 150 classes, as many as Cityscapes has for validation. The time is that of `process` and
`evaluate`; memory is what the peak of the process grew by after ten images.
"""

from __future__ import annotations

import argparse
import resource
import time
from typing import Any

import peer
import torch

CLASSES = 150


def measure(args: argparse.Namespace) -> dict[str, Any]:
    from mmseg.evaluation import IoUMetric

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    labels = [torch.randint(0, CLASSES, (1, 16, 32), generator=generator) for _ in range(8)]
    # Regions of some size, of which the prediction has nine in ten right.
    labels = [each.repeat_interleave(64, 1).repeat_interleave(64, 2) for each in labels]
    predictions = [torch.where(torch.rand(x.shape, generator=generator) < 0.9, x, (x + 1) % CLASSES) for x in labels]
    metric = IoUMetric()
    metric.dataset_meta = {'classes': [str(i) for i in range(CLASSES)]}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for i in range(args.images):
        # A new tensor each time, as a model gives it.
        sample = {'pred_sem_seg': {'data': predictions[i % 8].clone()}, 'gt_sem_seg': {'data': labels[i % 8].clone()}}
        metric.process({}, [sample])
        if i == 9:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = metric.evaluate(args.images)
    return {
        'IoUMetric, time s': time.perf_counter() - start,
        'mIoU': round(float(result['mIoU']), 2),
        'memory grew by MiB': (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024,
    }


if __name__ == '__main__':
    peer.main(__doc__ or '', measure, images=500)

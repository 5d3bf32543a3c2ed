"""How long does sliding-window inference on 1024 x 2048 take, with the same result?

    python benchmarks/slide_inference.py [--reference-python PATH] [--threads 2]

Fast-SCNN, untrained, with windows of 256 x 256 and strides of 170: a model so small that much of the time is spent
around it.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import peer
import torch


def measure(args: argparse.Namespace) -> dict[str, Any]:
    import mmseg.models  # noqa: F401 - registers
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    torch.set_num_threads(args.threads)
    init_default_scope('mmseg')
    norm = {'type': 'BN', 'requires_grad': True}
    cfg = Config(
        {
            'type': 'EncoderDecoder',
            'data_preprocessor': {'type': 'SegDataPreProcessor'},
            'backbone': {'type': 'FastSCNN', 'out_indices': (0, 1, 2), 'norm_cfg': norm, 'align_corners': False},
            'decode_head': {
                'type': 'DepthwiseSeparableFCNHead',
                'in_channels': 128,
                'channels': 128,
                'concat_input': False,
                'num_classes': 19,
                'in_index': -1,
                'norm_cfg': norm,
                'align_corners': False,
            },
            'test_cfg': {'mode': 'slide', 'crop_size': (256, 256), 'stride': (170, 170)},
        }
    )
    model = MODELS.build(cfg._cfg_dict).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for param in model.parameters():
            param.copy_(torch.randn(param.shape, generator=generator) * 0.05)
    image = torch.randn(1, 3, 1024, 2048, generator=generator)
    meta = [{'img_shape': (1024, 2048), 'ori_shape': (1024, 2048)}]
    best, total = float('inf'), 0.0
    with torch.no_grad():
        for _ in range(args.passes):
            start = time.perf_counter()
            logits = model.slide_inference(image, meta)
            best = min(best, time.perf_counter() - start)
            total = float(logits.double().abs().mean())
    return {'an image s': best, 'mean of logits': round(total, 8)}


if __name__ == '__main__':
    peer.main(__doc__ or '', measure, threads=2, passes=3)

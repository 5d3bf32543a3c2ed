"""Borders between classes."""

from __future__ import annotations

import cv2
import numpy as np

from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class GenerateEdge(BaseTransform):
    """`gt_edge_map` `(H, W)` uint8: 1 where `gt_seg_map` changes to a neighbour, widened to `edge_width` pixels.

    Pixels of `ignore_index` make no border. As in CNN-based boundary supervision, https://arxiv.org/abs/2206.02066.
    """

    def __init__(self, edge_width: int = 3, ignore_index: int = 255) -> None:
        self.edge_width = edge_width
        self.ignore_index = ignore_index

    def transform(self, results: dict) -> dict:
        mask = results['gt_seg_map']
        edge = np.zeros(mask.shape, np.uint8)

        def mark(here: tuple[slice, slice], there: tuple[slice, slice]) -> None:
            a, b = mask[here], mask[there]
            edge[here][(a != b) & (a != self.ignore_index) & (b != self.ignore_index)] = 1

        head, tail, every = slice(None, -1), slice(1, None), slice(None)
        mark((tail, every), (head, every))
        mark((every, head), (every, tail))
        mark((head, head), (tail, tail))
        mark((head, tail), (tail, head))
        kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (self.edge_width, self.edge_width))
        results['gt_edge_map'] = cv2.dilate(edge, kernel)
        results['edge_width'] = self.edge_width
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(edge_width={self.edge_width}, ignore_index={self.ignore_index})'

"""From label maps to masks, and from masks to logits of classes."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmengine.dist import all_reduce, get_world_size
from mmengine.structures import InstanceData
from mmseg.utils.typing_utils import SampleList


def masks_of_classes(samples: SampleList, ignore_index: int) -> list[InstanceData]:
    """For each sample the classes that occur, `labels (G,)` int64, and their `masks (G, H, W)` uint8."""
    instances = []
    for sample in samples:
        pixels: Any = sample.gt_sem_seg
        label: Tensor = pixels.data
        classes = torch.unique(label)
        classes = classes[classes != ignore_index].long()
        masks = (label.reshape(1, *label.shape[-2:]) == classes[:, None, None]).to(torch.uint8)
        instances.append(InstanceData(labels=classes, masks=masks))
    return instances


def input_size(meta: dict) -> tuple[int, int]:
    """(H, W) of the input that a sample is part of, padding included."""
    # The segmentor marks a window of sliding inference by a torch.Size; windows are not padded.
    if isinstance(meta['img_shape'], torch.Size) or 'pad_shape' not in meta:
        return tuple(meta['img_shape'][:2])
    return tuple(meta['pad_shape'][-2:])


def semantic_inference(cls_logits: Tensor, mask_logits: Tensor, size: Sequence[int]) -> Tensor:
    """Scores of classes, each the sum of all masks weighted by their probability of it (MaskFormer, section 3.4).

    Args:
        cls_logits: `(N, Q, C + 1)`, "no object" last.
        mask_logits: `(N, Q, h, w)`.
        size: (H, W) of the result.

    Returns:
        `(N, C, H, W)`, at least 0.
    """
    mask_logits = F.interpolate(mask_logits, size=tuple(size), mode='bilinear', align_corners=False)
    return torch.einsum('bqc,bqhw->bchw', cls_logits.softmax(dim=-1)[..., :-1], mask_logits.sigmoid())


def mean_over_ranks(number: float, like: Tensor) -> Any:
    """The mean of a number over all processes, at least 1; a tensor on the device of `like` if there are several."""
    if get_world_size() == 1:
        return max(number, 1.0)
    total = torch.tensor(float(number), device=like.device)
    all_reduce(total, 'mean')
    return total.clamp(min=1.0)

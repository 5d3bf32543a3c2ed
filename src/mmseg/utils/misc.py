"""Small helpers of the models: loss prefixes and padding of a batch."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmengine.utils.errors import DataError
from mmseg.utils.typing_utils import OptSampleList

_MAPS = ('gt_sem_seg', 'gt_edge_map', 'gt_depth_map')


def add_prefix(inputs: dict, prefix: str) -> dict:
    """`{'loss': 1}` with prefix `'decode'` gives `{'decode.loss': 1}`."""
    return {f'{prefix}.{name}': value for name, value in inputs.items()}


def stack_batch(
    inputs: list[Tensor],
    data_samples: OptSampleList = None,
    size: Sequence[int] | None = None,
    size_divisor: int | None = None,
    pad_val: float = 0,
    seg_pad_val: float = 255,
) -> tuple[Tensor, Any]:
    """Pad images, and the maps of their samples, on the right and at the bottom and stack them.

    Args:
        inputs: Images `(C, H, W)` with one C.
        data_samples: Samples whose `gt_sem_seg`, `gt_edge_map` and `gt_depth_map` are padded along, in place.
        size: `(H, W)` of the result; an image that is larger keeps its size.
        size_divisor: Instead of `size`: the largest H and W, rounded up to multiples of this.
            With neither given, the largest H and W.

    Returns:
        The batch `(N, C, H, W)` and the samples, or, without samples, a dict for each image with
        `img_padding_size` and `pad_shape`. A padding size is `(left, right, top, bottom)`.

    Raises:
        DataError: The images differ in channels, or in size after padding.
    """
    if size is not None and size_divisor is not None:
        raise DataError(f'Give size or size_divisor, not both: size={tuple(size)}, size_divisor={size_divisor}.')
    shapes = [tuple(image.shape) for image in inputs]
    if any(len(shape) != 3 or shape[0] != shapes[0][0] for shape in shapes):
        raise DataError(f'Images of a batch should be (C, H, W) with the same C, but their shapes are {shapes}.')
    if size is None:
        divisor = size_divisor or 1
        size = [-(-max(shape[axis] for shape in shapes) // divisor) * divisor for axis in (1, 2)]

    padded: list[Tensor] = []
    infos: list[Any] = []
    for index, image in enumerate(inputs):
        height, width = image.shape[-2:]
        padding = (0, max(size[-1] - width, 0), 0, max(size[-2] - height, 0))
        padded.append(_pad(image, padding, pad_val))
        if data_samples is None:
            infos.append({'img_padding_size': padding, 'pad_shape': padded[-1].shape[-2:]})
            continue
        sample = data_samples[index]
        for name in _MAPS:
            if name in sample:
                pixels = sample.get(name)
                padded_map = _pad(pixels.data, padding, seg_pad_val)
                sample.set_data({name: type(pixels)(metainfo=pixels.metainfo, data=padded_map)})
        sample.set_metainfo(
            {'img_shape': image.shape[-2:], 'pad_shape': padded[-1].shape[-2:], 'padding_size': padding}
        )
        infos.append(sample)

    if any(image.shape != padded[0].shape for image in padded):
        raise DataError(
            f'Images of sizes {[shape[1:] for shape in shapes]} do not fit into a batch padded to {tuple(size)}. '
            'Crop or resize them in the pipeline, or set a larger `size` (or `size_divisor`) in data_preprocessor.'
        )
    return torch.stack(padded), infos


def _pad(tensor: Tensor, padding: tuple[int, int, int, int], value: float) -> Tensor:
    return F.pad(tensor, padding, value=value) if any(padding) else tensor

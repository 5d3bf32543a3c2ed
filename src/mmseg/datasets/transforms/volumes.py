"""Sizes and flips of volumes: `img` is `(C, Z, Y, X)`, `gt_seg_map` `(Z, Y, X)`."""

from __future__ import annotations

import numpy as np

from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS

Box = tuple[int, int, int, int, int, int]


@TRANSFORMS.register_module()
class BioMedical3DRandomCrop(BaseTransform):
    """Crop to `crop_shape` `(z, y, x)` (smaller where the volume is).

    With `keep_foreground` the crop has a voxel in it that is drawn from one of the classes above 0, if there is any.
    """

    def __init__(self, crop_shape: int | tuple[int, int, int], keep_foreground: bool = True) -> None:
        shape = (crop_shape,) * 3 if isinstance(crop_shape, int) else tuple(crop_shape)
        if len(shape) != 3 or min(shape) <= 0:
            raise ValueError(f'crop_shape should be a positive int or three of them, but got {crop_shape}')
        self.crop_shape = shape
        self.keep_foreground = keep_foreground

    def random_sample_location(self, seg_map: np.ndarray) -> np.ndarray | None:
        """A voxel `(z, y, x)` of a class that is drawn first, so that small ones are seen; None without foreground."""
        classes = np.unique(seg_map[seg_map > 0])
        if not len(classes):
            return None
        voxels = np.argwhere(seg_map == np.random.choice(classes))
        return voxels[np.random.randint(len(voxels))]

    def generate_margin(self, results: dict) -> tuple[int, int, int]:
        """How far the crop can move along each axis."""
        z, y, x = (max(size - crop, 0) for size, crop in zip(results['img'].shape[1:], self.crop_shape, strict=True))
        return z, y, x

    def random_generate_crop_bbox(self, margin_z: int, margin_y: int, margin_x: int) -> Box:
        """First and last plus one of each axis."""
        z, y, x = (int(np.random.randint(0, margin + 1)) for margin in (margin_z, margin_y, margin_x))
        return (z, z + self.crop_shape[0], y, y + self.crop_shape[1], x, x + self.crop_shape[2])

    @cache_randomness
    def crop_bbox(self, results: dict) -> Box:
        """Where to crop."""
        margins = self.generate_margin(results)
        voxel = self.random_sample_location(results['gt_seg_map']) if self.keep_foreground else None
        if voxel is None:
            return self.random_generate_crop_bbox(*margins)
        ends: list[int] = []
        for at, margin, crop in zip(voxel.tolist(), margins, self.crop_shape, strict=True):
            # Any position in which the voxel is inside.
            start = int(np.random.randint(max(at - crop + 1, 0), min(at, margin) + 1))
            ends += [start, start + crop]
        return ends[0], ends[1], ends[2], ends[3], ends[4], ends[5]

    def crop(self, img: np.ndarray, crop_bbox: Box) -> np.ndarray:
        """Crop the last three axes."""
        z1, z2, y1, y2, x1, x2 = crop_bbox
        return np.ascontiguousarray(img[..., z1:z2, y1:y2, x1:x2])

    def transform(self, results: dict) -> dict:
        box = self.crop_bbox(results)
        results['img'] = self.crop(results['img'], box)
        if 'gt_seg_map' in results:
            results['gt_seg_map'] = self.crop(results['gt_seg_map'], box)
        results['img_shape'] = results['img'].shape[1:]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(crop_shape={self.crop_shape})'


@TRANSFORMS.register_module()
class BioMedical3DPad(BaseTransform):
    """Pad on both sides to at least `pad_shape` `(z, y, x)`, an odd voxel at the end. Sets `pad_shape`."""

    def __init__(self, pad_shape: tuple[int, int, int], pad_val: float = 0.0, seg_pad_val: int = 0) -> None:
        if len(pad_shape) != 3:
            raise ValueError(f'pad_shape should be (z, y, x), but got {pad_shape}')
        self.pad_shape = tuple(pad_shape)
        self.pad_val = pad_val
        self.seg_pad_val = seg_pad_val

    def _to_pad(self, img: np.ndarray, pad_val: float) -> np.ndarray:
        missing = [max(wanted - size, 0) for wanted, size in zip(self.pad_shape, img.shape[-3:], strict=True)]
        widths = [(0, 0)] * (img.ndim - 3) + [(n // 2, n - n // 2) for n in missing]
        return np.pad(img, widths, constant_values=pad_val)

    def transform(self, results: dict) -> dict:
        results['img'] = self._to_pad(results['img'], self.pad_val)
        results['pad_shape'] = results['img'].shape[1:]
        if results.get('gt_seg_map') is not None:
            results['gt_seg_map'] = self._to_pad(results['gt_seg_map'], self.seg_pad_val)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(pad_shape={self.pad_shape}, pad_val={self.pad_val}, seg_pad_val={self.seg_pad_val})'
        )


@TRANSFORMS.register_module()
class BioMedical3DRandomFlip(BaseTransform):
    """Flip each of `axes` (0 is Z, 1 is Y, 2 is X) with probability `prob`.

    `swap_label_pairs` exchanges labels such as left and right where a flip happened. Sets `do_flip`, `flip_axes`.
    """

    def __init__(
        self, prob: float, axes: tuple[int, ...], swap_label_pairs: list[tuple[int, int]] | None = None
    ) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob should be in [0, 1], but got {prob}')
        if not axes or not set(axes) <= {0, 1, 2}:
            raise ValueError(f'axes should be some of 0, 1, 2, but got {axes}')
        self.prob = prob
        self.axes = tuple(axes)
        self.swap_label_pairs = swap_label_pairs

    @cache_randomness
    def _do_flip(self, img: np.ndarray) -> tuple[bool, ...]:
        """Whether to flip Z, Y, X."""
        return tuple(axis in self.axes and np.random.rand() < self.prob for axis in range(3))

    def _swap_label(self, seg: np.ndarray) -> np.ndarray:
        swapped = seg.copy()
        for a, b in self.swap_label_pairs or ():
            swapped[seg == a] = b
            swapped[seg == b] = a
        return swapped

    def transform(self, results: dict) -> dict:
        do_flip = self._do_flip(results['img'])
        flipped = tuple(axis - 3 for axis in range(3) if do_flip[axis])
        if flipped:
            results['img'] = np.flip(results['img'], flipped).copy()
            if 'gt_seg_map' in results:
                results['gt_seg_map'] = self._swap_label(np.flip(results['gt_seg_map'], flipped))
        results['do_flip'] = do_flip
        results['flip_axes'] = self.axes
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob}, axes={self.axes}, swap_label_pairs={self.swap_label_pairs})'

"""Four images in one."""

from __future__ import annotations

from collections.abc import Sized

import numpy as np

from mmcv.image import imresize
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomMosaic(BaseTransform):
    """With probability `prob`, join the sample and three of `mix_results` around a random centre.

    The result is twice `img_scale` `(h, w)`; each image is resized to fit into `img_scale` and touches the centre,
    which lies at `img_scale` times factors from `center_ratio_range`. What stays free is `pad_val` and `seg_pad_val`.
    (YOLOv4, https://arxiv.org/abs/2004.10934.) Needs `MultiImageMixDataset`.
    """

    def __init__(
        self,
        prob: float,
        img_scale: tuple[int, int] = (640, 640),
        center_ratio_range: tuple[float, float] = (0.5, 1.5),
        pad_val: float = 0,
        seg_pad_val: float = 255,
    ) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob should be in [0, 1], but got {prob}')
        if not isinstance(img_scale, tuple):
            raise TypeError(f'img_scale should be a tuple (h, w), but got {img_scale!r}')
        self.prob = prob
        self.img_scale = img_scale
        self.center_ratio_range = center_ratio_range
        self.pad_val = pad_val
        self.seg_pad_val = seg_pad_val

    @cache_randomness
    def do_mosaic(self) -> bool:
        return np.random.rand() < self.prob

    @cache_randomness
    def get_indices(self, dataset: Sized) -> list[int]:
        """Which other samples are needed."""
        return [int(np.random.randint(0, len(dataset))) for _ in range(3)]

    @cache_randomness
    def generate_mosaic_center(self) -> tuple[int, int]:
        """`(x, y)`."""
        x = int(np.random.uniform(*self.center_ratio_range) * self.img_scale[1])
        y = int(np.random.uniform(*self.center_ratio_range) * self.img_scale[0])
        return x, y

    def transform(self, results: dict) -> dict:
        others = results.get('mix_results')
        if others is None or len(others) != 3:
            raise ValueError(
                'RandomMosaic needs three other samples in `mix_results`: put it into the pipeline of a '
                'MultiImageMixDataset'
            )
        if not self.do_mosaic():
            return results
        self.center_x, self.center_y = self.generate_mosaic_center()
        samples = [results, *others]
        img = self._join([sample['img'] for sample in samples], self.pad_val, 'bilinear')
        for key in results.get('seg_fields', []):
            results[key] = self._join([sample[key] for sample in samples], self.seg_pad_val, 'nearest')
        results['img'] = img
        results['img_shape'] = results['ori_shape'] = img.shape
        return results

    def _join(self, tiles: list[np.ndarray], pad_val: float, interpolation: str) -> np.ndarray:
        """Tiles are top left, top right, bottom left, bottom right."""
        scale_h, scale_w = self.img_scale
        joined = np.full((2 * scale_h, 2 * scale_w, *tiles[0].shape[2:]), pad_val, dtype=tiles[0].dtype)
        for i, tile in enumerate(tiles):
            h, w = tile.shape[:2]
            ratio = min(scale_h / h, scale_w / w)
            resized = imresize(tile, (int(w * ratio), int(h * ratio)), interpolation=interpolation)
            assert isinstance(resized, np.ndarray)
            rows, tile_rows = self._span(self.center_y, resized.shape[0], joined.shape[0], before=i < 2)
            columns, tile_columns = self._span(self.center_x, resized.shape[1], joined.shape[1], before=i % 2 == 0)
            # OpenCV drops a last axis of length 1.
            joined[rows, columns] = resized.reshape(*resized.shape[:2], *tile.shape[2:])[tile_rows, tile_columns]
        return joined

    @staticmethod
    def _span(center: int, length: int, total: int, before: bool) -> tuple[slice, slice]:
        """Where a tile that ends (`before`) or begins at `center` lies, and which part of it is inside."""
        if before:
            start = max(center - length, 0)
            return slice(start, center), slice(length - (center - start), length)
        end = min(center + length, total)
        return slice(center, end), slice(0, end - center)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(prob={self.prob}, img_scale={self.img_scale}, '
            f'center_ratio_range={self.center_ratio_range}, pad_val={self.pad_val}, '
            f'seg_pad_val={self.seg_pad_val})'
        )

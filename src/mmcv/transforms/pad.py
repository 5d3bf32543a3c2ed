"""Pad images and segmentation maps at right and bottom."""

from __future__ import annotations

from mmcv.image.geometric import impad
from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS


@TRANSFORMS.register_module()
class Pad(BaseTransform):
    """Pad to at least `size` `(w, h)`, to a multiple of `size_divisor`, or to a square (and a multiple).

    `pad_val` is a value for `img` (0) and one for `seg` (255, the label that losses ignore). Sets `pad_shape` and
    `img_shape`.
    """

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        size_divisor: int | None = None,
        pad_to_square: bool = False,
        pad_val: int | float | dict = dict(img=0, seg=255),  # noqa: C408 - as in the published configs
        padding_mode: str = 'constant',
    ) -> None:
        if isinstance(pad_val, int | float):
            pad_val = {'img': pad_val, 'seg': 255}
        if not isinstance(pad_val, dict):
            raise TypeError(f'pad_val should be a number or a dict with `img` and `seg`, but got {pad_val!r}')
        if pad_to_square:
            if size is not None:
                raise ValueError('size must be None where pad_to_square is on')
        elif (size is None) == (size_divisor is None):
            raise ValueError(f'exactly one of size and size_divisor must be given, but got {size} and {size_divisor}')
        self.size = size
        self.size_divisor = size_divisor
        self.pad_val = pad_val
        self.padding_mode = padding_mode
        self.pad_to_square = pad_to_square

    def _target(self, h: int, w: int) -> tuple[int, int]:
        if self.pad_to_square:
            h = w = max(h, w)
        if self.size_divisor is not None:
            return tuple(-(-side // self.size_divisor) * self.size_divisor for side in (h, w))  # type: ignore[return-value]
        return self.size[::-1] if self.size is not None else (h, w)

    def _pad_img(self, results: dict) -> None:
        img = results['img']
        value = self.pad_val.get('img', 0)
        padded = impad(
            img,
            shape=self._target(*img.shape[:2]),
            pad_val=value,
            padding_mode=self.padding_mode,
        )
        results['img'] = padded
        results['pad_shape'] = padded.shape
        results['pad_fixed_size'] = self.size
        results['pad_size_divisor'] = self.size_divisor
        results['img_shape'] = padded.shape[:2]

    def _pad_seg(self, results: dict) -> None:
        if results.get('gt_seg_map') is None:
            return
        value = self.pad_val.get('seg', 255)
        shape = results['pad_shape'][:2]
        results['gt_seg_map'] = impad(results['gt_seg_map'], shape=shape, pad_val=value, padding_mode=self.padding_mode)

    def transform(self, results: dict) -> dict:
        self._pad_img(results)
        self._pad_seg(results)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(size={self.size}, size_divisor={self.size_divisor}, '
            f'pad_to_square={self.pad_to_square}, pad_val={self.pad_val}, padding_mode={self.padding_mode})'
        )

"""Cut rectangles out."""

from __future__ import annotations

import numpy as np

from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS

_Pairs = tuple | list[tuple]


@TRANSFORMS.register_module()
class RandomCutOut(BaseTransform):
    """With probability `prob`, fill rectangles of `img`, and of `seg_fields` if `seg_fill_in` is given.

    CutOut, https://arxiv.org/abs/1708.04552. Their number is drawn from `n_holes` (an int, or lowest and highest),
    their sizes `(w, h)` from `cutout_shape` in pixels or `cutout_ratio` of the image.
    """

    def __init__(
        self,
        prob: float,
        n_holes: int | tuple[int, int],
        cutout_shape: _Pairs | None = None,
        cutout_ratio: _Pairs | None = None,
        fill_in: tuple[float, float, float] = (0, 0, 0),
        seg_fill_in: int | None = None,
    ) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob should be in [0, 1], but got {prob}')
        if (cutout_shape is None) == (cutout_ratio is None):
            raise ValueError('exactly one of cutout_shape and cutout_ratio should be given')
        if seg_fill_in is not None and not (isinstance(seg_fill_in, int) and 0 <= seg_fill_in <= 255):
            raise ValueError(f'seg_fill_in should be an int in [0, 255], but got {seg_fill_in!r}')
        self.prob = prob
        self.n_holes = n_holes if isinstance(n_holes, tuple) else (n_holes, n_holes)
        self.fill_in = fill_in
        self.seg_fill_in = seg_fill_in
        self.with_ratio = cutout_ratio is not None
        candidates = cutout_shape if cutout_ratio is None else cutout_ratio
        assert candidates is not None
        self.candidates = candidates if isinstance(candidates, list) else [candidates]

    @cache_randomness
    def do_cutout(self) -> bool:
        return np.random.rand() < self.prob

    @cache_randomness
    def generate_patches(self, results: dict) -> list[tuple[int, int, int, int]]:
        """Rectangles as left, top, right, bottom."""
        h, w = results['img'].shape[:2]
        patches = []
        for _ in range(np.random.randint(self.n_holes[0], self.n_holes[1] + 1)):
            left, top = np.random.randint(0, w), np.random.randint(0, h)
            cut_w, cut_h = self.candidates[np.random.randint(0, len(self.candidates))]
            if self.with_ratio:
                cut_w, cut_h = int(cut_w * w), int(cut_h * h)
            patches.append((left, top, min(left + cut_w, w), min(top + cut_h, h)))
        return patches

    def transform(self, results: dict) -> dict:
        if not self.do_cutout():
            return results
        # One value for all channels suits images of any number of them.
        fill = self.fill_in[0] if len(set(self.fill_in)) == 1 else self.fill_in
        for left, top, right, bottom in self.generate_patches(results):
            results['img'][top:bottom, left:right] = fill
            if self.seg_fill_in is not None:
                for key in results.get('seg_fields', []):
                    results[key][top:bottom, left:right] = self.seg_fill_in
        return results

    def __repr__(self) -> str:
        sizes = f'{"cutout_ratio" if self.with_ratio else "cutout_shape"}={self.candidates}'
        return (
            f'{type(self).__name__}(prob={self.prob}, n_holes={self.n_holes}, {sizes}, '
            f'fill_in={self.fill_in}, seg_fill_in={self.seg_fill_in})'
        )

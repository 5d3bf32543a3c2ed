"""Flip by chance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from mmcv.image.geometric import imflip
from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS
from mmcv.transforms.utils import cache_randomness

_DIRECTIONS = ('horizontal', 'vertical', 'diagonal')


@TRANSFORMS.register_module()
class RandomFlip(BaseTransform):
    """Flip `img`, `gt_bboxes`, `gt_keypoints` and `gt_seg_map`.

    `prob` is the probability to flip; over several directions a number is shared evenly, a list gives one each.
    `swap_seg_labels` are pairs of labels that change places, such as left and right. Sets `flip` and `flip_direction`.
    """

    def __init__(
        self,
        prob: float | Iterable[float] | None = None,
        direction: str | Sequence[str | None] = 'horizontal',
        swap_seg_labels: Sequence | None = None,
    ) -> None:
        self.prob: float | list[float]
        if isinstance(prob, list | tuple):
            if not all(isinstance(p, int | float) and 0 <= p <= 1 for p in prob) or sum(prob) > 1:
                raise ValueError(f'probabilities should be in [0, 1] and sum up to at most 1, but got {prob}')
            self.prob = list(prob)
        elif isinstance(prob, int | float):
            if not 0 <= prob <= 1:
                raise ValueError(f'prob should be in [0, 1], but got {prob}')
            self.prob = float(prob)
        else:
            raise ValueError(f'prob must be a number or a list of them, but got {type(prob)}')
        directions = [direction] if isinstance(direction, str) else list(direction)
        if not directions or not set(directions) <= set(_DIRECTIONS):
            raise ValueError(f'direction should be among {_DIRECTIONS}, but got {direction!r}')
        if isinstance(self.prob, list) and len(self.prob) != len(directions):
            raise ValueError(f'{len(self.prob)} probabilities {self.prob} for the directions {directions}')
        self.direction = direction
        self.swap_seg_labels = swap_seg_labels

    def _flip_bbox(self, bboxes: np.ndarray, img_shape: tuple[int, int], direction: str) -> np.ndarray:
        """Boxes `(..., 4)` of an image of `img_shape` `(h, w)`."""
        h, w = img_shape
        flipped = bboxes.copy()
        if direction in ('horizontal', 'diagonal'):
            flipped[..., 0::4], flipped[..., 2::4] = w - bboxes[..., 2::4], w - bboxes[..., 0::4]
        if direction in ('vertical', 'diagonal'):
            flipped[..., 1::4], flipped[..., 3::4] = h - bboxes[..., 3::4], h - bboxes[..., 1::4]
        return flipped

    def _flip_keypoints(self, keypoints: np.ndarray, img_shape: tuple[int, int], direction: str) -> np.ndarray:
        """Keypoints `(..., 3)` of an image of `img_shape` `(h, w)`."""
        h, w = img_shape
        flipped = keypoints.copy()
        if direction in ('horizontal', 'diagonal'):
            flipped[..., 0] = w - keypoints[..., 0]
        if direction in ('vertical', 'diagonal'):
            flipped[..., 1] = h - keypoints[..., 1]
        return flipped

    def _flip_seg_map(self, seg_map: np.ndarray, direction: str) -> np.ndarray:
        flipped = imflip(seg_map, direction=direction)
        if self.swap_seg_labels is not None:
            before = flipped.copy()
            for pair in self.swap_seg_labels:
                if not isinstance(pair, tuple | list) or len(pair) != 2:
                    raise ValueError(f'swap_seg_labels must be a sequence of pairs, but got {self.swap_seg_labels}')
                flipped[before == pair[0]] = pair[1]
                flipped[before == pair[1]] = pair[0]
        return flipped

    @cache_randomness
    def _choose_direction(self) -> str | None:
        """The direction to flip, `None` for not at all."""
        directions = [self.direction] if isinstance(self.direction, str) else list(self.direction)
        each = self.prob if isinstance(self.prob, list) else [self.prob / len(directions)] * len(directions)
        probabilities = [*each, max(1 - sum(each), 0.0)]
        return [*directions, None][np.random.choice(len(probabilities), p=probabilities)]

    def _flip(self, results: dict) -> None:
        direction = results['flip_direction']
        results['img'] = imflip(results['img'], direction=direction)
        shape = results['img'].shape[:2]
        if results.get('gt_bboxes') is not None:
            results['gt_bboxes'] = self._flip_bbox(results['gt_bboxes'], shape, direction)
        if results.get('gt_keypoints') is not None:
            results['gt_keypoints'] = self._flip_keypoints(results['gt_keypoints'], shape, direction)
        if results.get('gt_seg_map') is not None:
            results['gt_seg_map'] = self._flip_seg_map(results['gt_seg_map'], direction)
            results['swap_seg_labels'] = self.swap_seg_labels

    def _flip_on_direction(self, results: dict) -> None:
        direction = self._choose_direction()
        results['flip'] = direction is not None
        results['flip_direction'] = direction
        if direction is not None:
            self._flip(results)

    def transform(self, results: dict) -> dict:
        self._flip_on_direction(results)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob}, direction={self.direction})'

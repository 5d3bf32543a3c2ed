"""Apply transforms by chance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS
from mmcv.transforms.compose import Compose, Transform
from mmcv.transforms.utils import cache_randomness


@TRANSFORMS.register_module()
class RandomChoice(BaseTransform):
    """Apply one of several pipelines, drawn with the probabilities `prob` (uniform by default)."""

    def __init__(self, transforms: list[Transform | list[Transform]], prob: list[float] | None = None) -> None:
        if prob is not None and len(prob) != len(transforms):
            raise ValueError(f'prob has {len(prob)} values for {len(transforms)} pipelines')
        self.prob = prob
        self.transforms = [Compose(transform) for transform in transforms]

    def __iter__(self) -> Iterator[Compose]:
        return iter(self.transforms)

    @cache_randomness
    def random_pipeline_index(self) -> int:
        return int(np.random.choice(len(self.transforms), p=self.prob))

    def transform(self, results: dict) -> dict | None:
        return self.transforms[self.random_pipeline_index()](results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(transforms={self.transforms}, prob={self.prob})'


@TRANSFORMS.register_module()
class RandomApply(BaseTransform):
    """Apply a pipeline with probability `prob`."""

    def __init__(self, transforms: Transform | list[Transform], prob: float = 0.5) -> None:
        self.prob = prob
        self.transforms = Compose(transforms)

    def __iter__(self) -> Iterator:
        return iter(self.transforms)

    @cache_randomness
    def random_apply(self) -> bool:
        return np.random.rand() < self.prob

    def transform(self, results: dict) -> dict | None:
        return self.transforms(results) if self.random_apply() else results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(transforms={self.transforms}, prob={self.prob})'

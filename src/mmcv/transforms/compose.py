"""Transforms one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS

Transform = dict | Callable[[dict], dict | None]


@TRANSFORMS.register_module()
class Compose(BaseTransform):
    """Apply `transforms` (built here where they are configs) in order; stop with `None` where one drops the sample."""

    def __init__(self, transforms: Transform | Sequence[Transform]) -> None:
        self.transforms: list[Callable] = []
        for transform in transforms if isinstance(transforms, Sequence) else [transforms]:
            built = TRANSFORMS.build(transform) if isinstance(transform, dict) else transform
            if not callable(built):
                raise TypeError(f'transform must be callable or a dict, but got {type(built)}')
            self.transforms.append(built)

    def __iter__(self) -> Iterator[Callable]:
        return iter(self.transforms)

    def transform(self, results: dict) -> dict | None:
        for transform in self.transforms:
            results = transform(results)
            if results is None:
                return None
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(' + ''.join(f'\n    {t}' for t in self.transforms) + '\n)'

"""Several versions of one sample, for prediction."""

from __future__ import annotations

from copy import deepcopy
from itertools import product

from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS
from mmcv.transforms.compose import Compose


@TRANSFORMS.register_module()
class TestTimeAug(BaseTransform):
    """Run every combination of the given alternatives.

    `transforms` is a list of steps, each a list of alternatives. The result maps each key to the list of its values,
    one a combination.
    """

    __test__ = False  # not for pytest

    def __init__(self, transforms: list) -> None:
        for step in transforms:
            if not isinstance(step, list | tuple):
                raise TypeError(f'each step of TestTimeAug is a list of alternatives, but got {step!r}')
        self.subroutines = [Compose(list(combination)) for combination in product(*transforms)]

    def transform(self, results: dict) -> dict:
        versions = [subroutine(deepcopy(results)) for subroutine in self.subroutines]
        return {key: [version[key] for version in versions] for key in versions[0]}

    def __repr__(self) -> str:
        return f'{type(self).__name__}(transforms=' + ''.join(f'\n{s!r}' for s in self.subroutines) + '\n)'


@TRANSFORMS.register_module()
class MultiScaleFlipAug(BaseTransform):
    """Resize to each of `scales` (or by each `scale_factor`), flip not at all and in each direction, then `transforms`.

    The result has the lists `inputs` and `data_sample`, one element a version.
    """

    def __init__(
        self,
        transforms: list[dict],
        scales: tuple | list[tuple] | None = None,
        scale_factor: float | list[float] | None = None,
        allow_flip: bool = False,
        flip_direction: str | list[str] = 'horizontal',
        resize_cfg: dict = dict(type='Resize', keep_ratio=True),  # noqa: C408
        flip_cfg: dict = dict(type='RandomFlip'),  # noqa: C408
    ) -> None:
        self.transforms = Compose(transforms)
        if scales is not None and scale_factor is not None:
            raise ValueError('only one of scales and scale_factor may be given')
        if scales is not None:
            self.scales: list = scales if isinstance(scales, list) else [scales]
            self.scale_key = 'scale'
        else:
            factor = 1 if scale_factor is None else scale_factor
            self.scales = factor if isinstance(factor, list) else [factor]
            self.scale_key = 'scale_factor'
        self.allow_flip = allow_flip
        self.flip_direction = flip_direction if isinstance(flip_direction, list) else [flip_direction]
        self.resize_cfg = resize_cfg.copy()
        self.flip_cfg = flip_cfg.copy()

    def transform(self, results: dict) -> dict:
        flips: list[dict] = [{'prob': 0.0}]
        if self.allow_flip:
            flips += [{'prob': 1.0, 'direction': direction} for direction in self.flip_direction]
        inputs, data_samples = [], []
        for scale in self.scales:
            for flip in flips:
                resize_cfg = {**self.resize_cfg, self.scale_key: scale}
                version = Compose([resize_cfg, {**self.flip_cfg, **flip}, self.transforms])(deepcopy(results))
                assert version is not None
                inputs.append(version['inputs'])
                data_samples.append(version['data_sample'])
        return {'inputs': inputs, 'data_sample': data_samples}

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(transforms={self.transforms}, scales={self.scales}, '
            f'allow_flip={self.allow_flip}, flip_direction={self.flip_direction})'
        )

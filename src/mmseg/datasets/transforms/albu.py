"""Transforms of albumentations."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mmcv.transforms import BaseTransform
from mmengine.utils.errors import ConfigError, MissingDependencyError
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class Albu(BaseTransform):
    """Apply transforms of the package albumentations, given as configs with their class names.

    `keymap` maps keys of the sample to theirs (`img` to `image`, `gt_seg_map` to `mask` by default).
    """

    def __init__(
        self, transforms: list[dict], keymap: dict[str, str] | None = None, update_pad_shape: bool = False
    ) -> None:
        try:
            albumentations = import_module('albumentations')
        except ImportError as error:
            raise MissingDependencyError('Albu needs a package: pip install albumentations') from error
        self._library: Any = albumentations
        self.transforms = transforms
        self.keymap = {'img': 'image', 'gt_seg_map': 'mask'} if keymap is None else keymap
        self.update_pad_shape = update_pad_shape
        targets = {theirs: theirs for theirs in self.keymap.values()}
        self.aug = albumentations.Compose([self.albu_builder(t) for t in transforms], additional_targets=targets)

    def albu_builder(self, cfg: dict) -> Any:
        """Build a transform, and those nested in its own `transforms`."""
        args = cfg.copy()
        kind = args.pop('type', None)
        if isinstance(kind, str):
            if not hasattr(self._library, kind):
                raise ConfigError(f'albumentations has no transform {kind!r}')
            kind = getattr(self._library, kind)
        if kind is None:
            raise ConfigError(f'a transform of Albu needs a `type`: {cfg}')
        if 'transforms' in args:
            args['transforms'] = [self.albu_builder(t) for t in args['transforms']]
        return kind(**args)

    @staticmethod
    def mapper(d: dict, keymap: dict) -> dict:
        """`d` with its keys renamed; others stay."""
        return {keymap.get(key, key): value for key, value in d.items()}

    def transform(self, results: dict) -> dict:
        inputs = {theirs: results[ours] for ours, theirs in self.keymap.items() if ours in results}
        outputs = self.aug(**inputs)
        results.update({ours: outputs[theirs] for ours, theirs in self.keymap.items() if theirs in outputs})
        results['img_shape'] = results['img'].shape[:2]
        if self.update_pad_shape:
            results['pad_shape'] = results['img'].shape
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(transforms={self.transforms})'

"""A dataset whose transforms mix several samples."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from mmengine.dataset import BaseDataset, ConcatDataset, force_full_init
from mmseg.registry import DATASETS, TRANSFORMS

__all__ = ['ConcatDataset', 'MultiImageMixDataset']


@DATASETS.register_module()
class MultiImageMixDataset:
    """Apply `pipeline` to the samples of `dataset`, handing `mix_results` to transforms that ask for other samples.

    A transform asks by a method `get_indices(dataset)`. Transforms whose type is in `skip_type_keys` are left out.
    """

    def __init__(
        self,
        dataset: BaseDataset | ConcatDataset | dict,
        pipeline: Sequence[dict],
        skip_type_keys: list[str] | None = None,
        lazy_init: bool = False,
    ) -> None:
        self.dataset: Any = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        for method in ('__getitem__', '__len__', 'get_data_info', 'full_init'):
            if not hasattr(self.dataset, method):
                raise TypeError(f'dataset should be a config or a dataset, but got {type(dataset)}')
        self.update_skip_type_keys(skip_type_keys)
        self.pipeline: list = []
        self.pipeline_types: list[str] = []
        for transform in pipeline:
            if not isinstance(transform, dict):
                raise TypeError(f'a transform of MultiImageMixDataset must be a dict, but got {type(transform)}')
            kind = transform['type']
            self.pipeline_types.append(kind if isinstance(kind, str) else kind.__name__)
            self.pipeline.append(TRANSFORMS.build(transform))
        self._metainfo = self.dataset.metainfo
        self.num_samples = len(self.dataset) if not lazy_init else 0
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict:
        """That of the wrapped dataset."""
        return copy.deepcopy(self._metainfo)

    def full_init(self) -> None:
        """Load the list of samples of the wrapped dataset."""
        if not self._fully_initialized:
            self.dataset.full_init()
            self.num_samples = len(self.dataset)
            self._fully_initialized = True

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        return self.dataset.get_data_info(idx)

    @force_full_init
    def __len__(self) -> int:
        return self.num_samples

    def __getitem__(self, idx: int) -> Any:
        results = copy.deepcopy(self.dataset[idx])
        for transform, kind in zip(self.pipeline, self.pipeline_types, strict=True):
            if kind in (self._skip_type_keys or ()):
                continue
            if hasattr(transform, 'get_indices'):
                indices = transform.get_indices(self.dataset)
                indices = indices if isinstance(indices, Sequence) else [indices]
                results['mix_results'] = [copy.deepcopy(self.dataset[i]) for i in indices]
            results = transform(results)
            if 'mix_results' in results:
                del results['mix_results']
        return results

    def update_skip_type_keys(self, skip_type_keys: list[str] | None) -> None:
        """Leave out other transforms from now on (a hook may do so for the last epochs)."""
        if skip_type_keys is not None and not all(isinstance(key, str) for key in skip_type_keys):
            raise TypeError(f'skip_type_keys should be names of types, but got {skip_type_keys}')
        self._skip_type_keys = skip_type_keys

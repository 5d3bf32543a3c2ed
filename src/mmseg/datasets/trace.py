"""What each transform of a pipeline makes of a sample."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmengine.dataset.randomness import sample_randomness, seed_sample
from mmengine.utils.errors import DataError


@dataclass
class Stage:
    """A sample after a transform: an image `(H, W)` or `(H, W, C)`, and its labels and depth `(H, W)` if there are."""

    name: str
    image: np.ndarray
    labels: np.ndarray | None = None
    depth: np.ndarray | None = None


def trace(dataset: Any, index: int, seed: int = 0, epoch: int = 0) -> list[Stage]:
    """The stages of sample `index`, with the random numbers that training would draw in `epoch`.

    Raises:
        DataError: a transform dropped the sample.
    """
    stages: list[Stage] = []
    with sample_randomness():
        seed_sample(seed, epoch, index)
        _run(dataset, index, stages)
    return stages


def _run(dataset: Any, index: int, stages: list[Stage] | None) -> Any:
    """The finished sample; stages are added to the list unless it is None."""
    if hasattr(dataset, 'datasets'):
        which, inner = dataset._get_ori_dataset_idx(index)
        return _run(dataset.datasets[which], inner, stages)
    if not hasattr(dataset, 'dataset'):
        results = dataset.get_data_info(index)
        return _apply(dataset.pipeline.transforms, results, stages, index)
    if not hasattr(dataset, 'pipeline'):
        return _run(dataset.dataset, dataset._get_ori_dataset_idx(index), stages)
    # One that mixes samples.
    results = copy.deepcopy(_run(dataset.dataset, index, stages))
    for transform, kind in zip(dataset.pipeline, dataset.pipeline_types, strict=True):
        if kind in (dataset._skip_type_keys or ()):
            continue
        if hasattr(transform, 'get_indices'):
            others = transform.get_indices(dataset.dataset)
            others = others if isinstance(others, list | tuple) else [others]
            results['mix_results'] = [copy.deepcopy(_run(dataset.dataset, i, None)) for i in others]
        results = _apply([transform], results, stages, index)
        results.pop('mix_results', None)
    return results


def _apply(transforms: Any, results: Any, stages: list[Stage] | None, index: int) -> Any:
    for transform in transforms:
        results = transform(results)
        name = getattr(transform, '__name__', type(transform).__name__)
        if results is None:
            raise DataError(f'{name} drops sample {index}')
        if stages is not None:
            stages += _stages(name, results)
    return results


def _stages(name: str, results: dict) -> Iterator[Stage]:
    if isinstance(results.get('img'), np.ndarray):
        yield Stage(name, results['img'].copy(), _copy(results.get('gt_seg_map')), _copy(results.get('gt_depth_map')))
    elif 'inputs' in results:
        packed = isinstance(results['inputs'], list)
        inputs = results['inputs'] if packed else [results['inputs']]
        samples = results['data_samples'] if packed else [results['data_samples']]
        for number, (tensor, sample) in enumerate(zip(inputs, samples, strict=True), start=1):
            labels = sample.gt_sem_seg.data[0].numpy() if 'gt_sem_seg' in sample else None
            depth = sample.gt_depth_map.data[0].numpy() if 'gt_depth_map' in sample else None
            yield Stage(f'{name} {number}' if packed else name, tensor.numpy().transpose(1, 2, 0), labels, depth)


def _copy(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else array.copy()

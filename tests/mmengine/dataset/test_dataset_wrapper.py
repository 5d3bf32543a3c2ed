from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.dataset.base_dataset import BaseDataset
from mmengine.dataset.dataset_wrapper import ClassBalancedDataset, ConcatDataset, RepeatDataset
from mmengine.registry import DATASETS
from mmengine.utils.errors import DataError


class Range(BaseDataset):
    def __init__(self, start: int, stop: int, **kwargs: object) -> None:
        self.start, self.stop = start, stop
        super().__init__(**kwargs)  # type: ignore[arg-type]

    def load_data_list(self) -> list[dict]:
        return [{'n': n} for n in range(self.start, self.stop)]

    def get_cat_ids(self, idx: int) -> list[int]:
        n = self.get_data_info(idx)['n']
        return [] if n == 9 else [0, 1] if n == 0 else [0]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_concat_counts_through(lengths: list[int]) -> None:
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    joined = ConcatDataset([Range(s, s + n) for s, n in zip(starts, lengths, strict=True)])
    total = sum(lengths)
    assert len(joined) == total and [joined[i]['n'] for i in range(total)] == list(range(total))
    assert [joined[i - total]['n'] for i in range(total)] == list(range(total))
    for i in range(total):
        which, inner = joined._get_ori_dataset_idx(i)
        assert starts[which] + inner == i == joined.get_data_info(i)['n']
    assert joined.cumulative_sizes[-1] == total
    for index in (total, -total - 1):
        with pytest.raises(IndexError):
            joined[index]


def test_concat_compares_metainfo() -> None:
    one, two = (Range(0, 2, metainfo={'classes': ('a',), 'palette': np.eye(3) * k}) for k in (1, 2))
    with pytest.raises(DataError, match='palette'):
        ConcatDataset([one, two])
    assert ConcatDataset([one, two], ignore_keys='palette').metainfo['classes'] == ('a',)
    assert len(ConcatDataset([one, one])) == 4
    with pytest.raises(DataError, match='at least one'):
        ConcatDataset([])


def test_configs_are_built_and_wrappers_wrap_wrappers() -> None:
    DATASETS.register_module(name='RangeOfTest', module=Range)
    try:
        cfg = {'type': 'RangeOfTest', 'start': 0, 'stop': 2}
        nested = RepeatDataset(ConcatDataset([cfg, Range(5, 6)]), times=2)
    finally:
        DATASETS.module_dict.pop('RangeOfTest')
    assert [nested[i]['n'] for i in range(len(nested))] == [0, 1, 5, 0, 1, 5]
    assert nested.get_data_info(4)['n'] == 1
    for wrong in (3, 'a'):
        with pytest.raises(TypeError, match='BaseDataset'):
            RepeatDataset(wrong, 2)  # type: ignore[arg-type]


def test_repeat_follows_the_formula_of_lvis() -> None:
    # Category 1 is in one of five images: factor sqrt(0.9 / 0.2) = 2.12, rounded up.
    dataset = ClassBalancedDataset(Range(0, 5), oversample_thr=0.9)
    assert dataset.repeat_indices == [0, 0, 0, 1, 2, 3, 4] and len(dataset) == 7
    assert dataset[1]['n'] == 0 and dataset.get_data_info(3)['n'] == 1 and dataset.get_cat_ids(0) == [0, 1]
    assert dataset._get_repeat_factors(dataset.dataset, 0.9)[0] == pytest.approx((0.9 / 0.2) ** 0.5)
    assert len(ClassBalancedDataset(Range(9, 10), oversample_thr=1.0)) == 1, 'a sample without categories stays'


@pytest.mark.parametrize(
    'wrap',
    [
        lambda d, z: ConcatDataset([d], z),
        lambda d, z: RepeatDataset(d, 1, z),
        lambda d, z: ClassBalancedDataset(d, 0.1, z),
    ],
)
def test_wrappers_load_when_needed_and_have_no_subsets(wrap: object) -> None:
    dataset = wrap(Range(0, 3, lazy_init=True, metainfo={'a': [1]}), True)  # type: ignore[operator]
    assert not dataset._fully_initialized and dataset.metainfo == {'a': [1]}
    assert len(dataset) == 3 and dataset._fully_initialized
    dataset.metainfo['a'].append(2)
    assert dataset.metainfo == {'a': [1]}
    for method in (dataset.get_subset, dataset.get_subset_):
        with pytest.raises(NotImplementedError, match='wrapped dataset'):
            method(2)

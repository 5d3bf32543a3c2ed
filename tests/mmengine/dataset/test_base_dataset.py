"""BaseDataset: the list of samples, subsets, the pipeline and what goes wrong."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.config import ConfigDict
from mmengine.dataset.base_dataset import BaseDataset, Compose, force_full_init
from mmengine.fileio import dump
from mmengine.registry import TRANSFORMS
from mmengine.utils.errors import ConfigError, DataError


class Numbers(BaseDataset):
    METAINFO = {'classes': ('a', 'b'), 'palette': [[0, 0, 0]]}

    def load_data_list(self) -> list[dict]:
        return [{'n': n, 'img_path': f'{n}.png'} for n in range(6)]


def numbers(dataset: Any) -> list[int]:
    return [dataset.get_data_info(i)['n'] for i in range(len(dataset))]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    content = {
        'metainfo': {'year': 2020, 'palette': 'of the file'},
        'data_list': [{'img_path': 'a.png'}, {'img_path': 'b.png'}],
    }
    dump(content, str(tmp_path / 'train.json'))
    return tmp_path


def test_reads_an_annotation_file_and_joins_paths(root: Path) -> None:
    dataset = BaseDataset(
        'train.json', data_root=str(root), data_prefix={'img_path': 'images'}, metainfo={'palette': 3}
    )
    assert dataset.ann_file == str(root / 'train.json')
    assert dataset[1] == {'img_path': str(root / 'images' / 'b.png'), 'sample_idx': 1}
    assert dataset.metainfo == {'palette': 3, 'year': 2020}, 'what is given goes before what the file says'


def test_absolute_paths_stay(root: Path) -> None:
    dataset = BaseDataset(str(root / 'train.json'), data_root='elsewhere', data_prefix={'img_path': '/abs'})
    assert dataset[0]['img_path'] == '/abs/a.png'
    with pytest.raises(TypeError, match='data_prefix.img_path'):
        BaseDataset(data_prefix={'img_path': 3}, lazy_init=True)


def test_a_missing_annotation_file_names_the_keys_of_the_config(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='ann_file') as caught:
        BaseDataset('no.json', data_root=str(tmp_path))
    assert isinstance(caught.value, FileNotFoundError)
    text = str(caught.value)
    assert str(tmp_path / 'no.json') in text and 'data_root' in text and 'data_prefix' in text
    assert str(pickle.loads(pickle.dumps(caught.value))) == text, 'it travels from a worker as it is'
    with pytest.raises(DataError, match='needs `ann_file`'):
        BaseDataset()


def test_annotation_files_of_another_form(tmp_path: Path) -> None:
    dump([1], str(tmp_path / 'list.json'))
    dump({'data_list': []}, str(tmp_path / 'half.json'))
    for name, found in (('list.json', 'list'), ('half.json', 'data_list')):
        with pytest.raises(DataError, match=f'metainfo and data_list.*{found}'):
            BaseDataset(str(tmp_path / name))
    dump({'metainfo': {}, 'data_list': [{'a': 1}]}, str(tmp_path / 'other.json'))
    with pytest.raises(DataError, match="'img_path'"):
        BaseDataset(str(tmp_path / 'other.json'))


def test_parse_data_info_may_give_several_samples(root: Path) -> None:
    class Twice(BaseDataset):
        def parse_data_info(self, raw_data_info: dict) -> list[dict]:
            return [raw_data_info, raw_data_info]

    class Wrong(BaseDataset):
        def parse_data_info(self, raw_data_info: dict) -> Any:
            return 3

    assert len(Twice(str(root / 'train.json'))) == 4
    with pytest.raises(TypeError, match='parse_data_info'):
        Wrong(str(root / 'train.json'))


def test_metainfo_overrides_that_of_the_class_and_reads_files(tmp_path: Path) -> None:
    (tmp_path / 'classes.txt').write_text('road\nsky\n')
    dataset = Numbers(metainfo=ConfigDict(classes=str(tmp_path / 'classes.txt'), extra='no file'))
    assert dataset.metainfo == {'classes': ['road', 'sky'], 'palette': [[0, 0, 0]], 'extra': 'no file'}
    dataset.metainfo['palette'].append(1)
    assert dataset.metainfo['palette'] == Numbers.METAINFO['palette'] == [[0, 0, 0]]
    with pytest.raises(TypeError, match='metainfo'):
        Numbers(metainfo=[1])  # type: ignore[arg-type]


@settings(deadline=None, max_examples=40)
@given(
    st.booleans(),
    st.one_of(st.integers(-8, 8), st.lists(st.integers(0, 5), max_size=8)),
    st.sampled_from(['indices', 'get_subset', 'get_subset_']),
)
def test_subsets(serialize: bool, chosen: int | list[int], how: str) -> None:
    everything = list(range(6))
    expected = [everything[i] for i in chosen] if isinstance(chosen, list) else everything[:chosen]
    if isinstance(chosen, int) and chosen < 0:
        expected = everything[chosen:]
    if how == 'indices':
        dataset = Numbers(serialize_data=serialize, indices=chosen)
    else:
        dataset = Numbers(serialize_data=serialize)
        if how == 'get_subset':
            whole, dataset = dataset, dataset.get_subset(chosen)
            assert numbers(whole) == everything and type(dataset) is Numbers and dataset.metainfo == whole.metainfo
        else:
            dataset.get_subset_(chosen)
    assert numbers(dataset) == expected
    assert [dataset.get_data_info(i)['sample_idx'] for i in range(len(dataset))] == list(range(len(expected)))


@pytest.mark.parametrize('serialize', [True, False])
def test_indexing_from_the_end_and_beyond(serialize: bool) -> None:
    dataset = Numbers(serialize_data=serialize)
    assert [dataset[i]['n'] for i in (-1, -6)] == [5, 0] and dataset[-1]['sample_idx'] == 5
    for index in (6, -7):
        with pytest.raises(IndexError, match='6 samples'):
            dataset[index]
    with pytest.raises(TypeError, match='indices'):
        dataset.get_subset('abc')  # type: ignore[arg-type]


@pytest.mark.parametrize('serialize', [True, False])
def test_a_sample_may_be_changed_without_changing_the_dataset(serialize: bool) -> None:
    dataset = Numbers(serialize_data=serialize)
    dataset.get_data_info(0)['n'] = 99
    assert dataset[0]['n'] == 0


def test_serialized_samples_lie_in_two_arrays() -> None:
    dataset = Numbers()
    assert dataset.data_list == [] and dataset.data_bytes.dtype == np.uint8
    assert len(dataset.data_address) == 6 and dataset.data_address[-1] == len(dataset.data_bytes)
    copied = pickle.loads(pickle.dumps(dataset))
    assert numbers(copied) == list(range(6))


def test_lazy_loading() -> None:
    calls = []

    class Lazy(Numbers):
        def load_data_list(self) -> list[dict]:
            calls.append(1)
            return super().load_data_list()

    dataset = Lazy(lazy_init=True)
    assert not calls and not dataset._fully_initialized and dataset.metainfo['classes'] == ('a', 'b')
    assert len(dataset) == 6 and dataset._fully_initialized
    dataset.full_init()
    assert len(calls) == 1
    assert Lazy(lazy_init=True)[2]['n'] == 2

    class Without:
        @force_full_init
        def read(self) -> None: ...

    with pytest.raises(AttributeError, match='full_init'):
        Without().read()


def test_filtering() -> None:
    class Filtered(Numbers):
        def filter_data(self) -> list[dict]:
            return [d for d in self.data_list if d['n'] >= self.filter_cfg['least']]

    assert numbers(Filtered(filter_cfg={'least': 4})) == [4, 5]
    assert numbers(Filtered(filter_cfg={'least': 2}, indices=2)) == [2, 3], 'indices count what was not filtered out'


def test_the_pipeline_runs_in_order_from_configs_and_callables() -> None:
    @TRANSFORMS.register_module()
    class AddOfTest:
        def __init__(self, value: int) -> None:
            self.value = value

        def __call__(self, data: dict) -> dict:
            return {**data, 'n': data['n'] + self.value}

    try:
        pipeline = [{'type': 'AddOfTest', 'value': 10}, lambda d: {**d, 'n': d['n'] * 2}]
        assert Numbers(pipeline=pipeline)[1]['n'] == 22
        assert 'AddOfTest' in repr(Compose(pipeline[:1]))
    finally:
        TRANSFORMS.module_dict.pop('AddOfTest')
    assert Compose(None)({'a': 1}) == {'a': 1}
    with pytest.raises((TypeError, ConfigError), match='transform'):
        Compose([3])  # type: ignore[list-item]


def test_an_error_in_a_transform_keeps_its_type_and_names_the_sample() -> None:
    class Breaks:
        def __call__(self, data: dict) -> dict:
            raise ZeroDivisionError('inside')

    dataset = Numbers(pipeline=[lambda d: d, Breaks()])
    with pytest.raises(ZeroDivisionError, match='inside') as caught:
        dataset[3]
    (note,) = caught.value.__notes__
    assert 'transform 1 `Breaks`' in note and 'sample 3' in note and '3.png' in note


def test_dropped_samples_are_replaced_in_training_and_refused_in_test() -> None:
    def odd(data: dict) -> dict | None:
        return data if data['n'] % 2 else None

    np.random.seed(0)
    assert Numbers(pipeline=[odd])[2]['n'] % 2 == 1
    with pytest.raises(DataError, match='test mode.*sample 2.*2.png'):
        Numbers(pipeline=[odd], test_mode=True)[2]
    with pytest.raises(DataError, match='Numbers returned None for 4 samples'):
        Numbers(pipeline=[lambda d: None], max_refetch=3)[0]


def test_another_sample_follows_from_the_global_seed() -> None:
    dataset = Numbers(pipeline=[lambda d: d if d['n'] in (1, 4) else None])
    drawn = []
    for _ in range(2):
        np.random.seed(5)
        drawn.append([dataset[0]['n'] for _ in range(5)])
    assert drawn[0] == drawn[1] and set(drawn[0]) == {1, 4}


def test_categories_are_up_to_derived_classes() -> None:
    with pytest.raises(NotImplementedError, match='get_cat_ids'):
        Numbers().get_cat_ids(0)


def test_workers_read_the_same_samples() -> None:
    loader = torch.utils.data.DataLoader(Numbers(), batch_size=3, num_workers=1, collate_fn=list)
    assert [d['n'] for batch in loader for d in batch] == list(range(6))

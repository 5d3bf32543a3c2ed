"""BaseDataElement: two kinds of fields, properties, copies."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.structures import BaseDataElement, LabelData, PixelData


class Sample(BaseDataElement):
    @property
    def gt(self) -> LabelData:
        return self._gt

    @gt.setter
    def gt(self, value: LabelData) -> None:
        self.set_field(value, '_gt', dtype=LabelData)

    @gt.deleter
    def gt(self) -> None:
        del self._gt


def sample() -> Sample:
    element = Sample(metainfo={'img_path': 'a.png', 'shape': [4, 5]}, boxes=torch.ones(2, 4), scores=np.zeros(2))
    element.gt = LabelData(item=torch.tensor([1]))
    return element


def test_fields_of_both_kinds_are_listed_in_order() -> None:
    element = sample()
    assert element.metainfo_keys() == ['img_path', 'shape']
    assert element.keys() == ['boxes', 'scores', 'gt']
    assert element.all_keys() == ['img_path', 'shape', 'boxes', 'scores', 'gt']
    assert [k for k, _ in element.all_items()] == element.all_keys()
    assert element.metainfo == {'img_path': 'a.png', 'shape': [4, 5]}
    assert (
        element.metainfo_values() == ['a.png', [4, 5]] and len(element.values()) == 3 and len(element.all_values()) == 5
    )
    assert 'gt' in element and 'img_path' in element and 'nothing' not in element
    assert element.get('nothing', 7) == 7 and element.get('img_path') == 'a.png'


def test_metainfo_is_copied_and_cannot_be_assigned() -> None:
    shape = [4, 5]
    element = BaseDataElement(metainfo={'shape': shape})
    shape.append(6)
    assert element.shape == [4, 5]
    with pytest.raises(AttributeError, match='shape'):
        element.shape = [1]
    with pytest.raises(AttributeError, match='boxes'):
        sample().set_metainfo({'boxes': 1})
    element.set_metainfo({'shape': [1]})
    assert element.shape == [1]


def test_a_property_checks_the_type_and_names_it() -> None:
    with pytest.raises(TypeError, match='gt should be a LabelData, but got int'):
        sample().gt = 3
    with pytest.raises(TypeError, match='LabelData or PixelData'):
        sample().set_field(3, 'x', dtype=(LabelData, PixelData))
    with pytest.raises(TypeError):
        Sample(gt=1)


def test_private_bookkeeping_is_protected() -> None:
    element = sample()
    with pytest.raises(AttributeError):
        element._data_fields = set()
    with pytest.raises(AttributeError):
        del element._metainfo_fields


@pytest.mark.parametrize('remove', [lambda e, k: delattr(e, k), lambda e, k: e.pop(k)])
@pytest.mark.parametrize('name', ['boxes', 'gt', 'img_path'])
def test_removing_a_field_leaves_no_trace(remove: Any, name: str) -> None:
    element = sample()
    remove(element, name)
    assert name not in element and name not in element.all_keys()
    assert not hasattr(element, name) and f'_{name}' not in element._data_fields


def test_pop_of_what_is_absent() -> None:
    assert sample().pop('absent', 3) == 3
    with pytest.raises(KeyError, match='absent'):
        sample().pop('absent')
    with pytest.raises(TypeError):
        sample().pop()
    assert sample().pop('img_path') == 'a.png'


def test_new_takes_own_values_where_none_are_given() -> None:
    element = sample()
    same = element.new()
    assert type(same) is Sample and same.all_keys() == element.all_keys() and same.boxes is element.boxes
    other = element.new(metainfo={'z': 1}, masks=[1])
    assert other.all_keys() == ['z', 'masks']


def test_update_takes_over_all_fields() -> None:
    element = BaseDataElement(metainfo={'img_path': 'old', 'kept': 1}, boxes=0)
    element.update(sample())
    assert element.img_path == 'a.png' and element.kept == 1 and element.boxes.shape == (2, 4)


def test_conversions_reach_nested_elements_and_leave_the_original() -> None:
    element = sample()
    half = element.to(torch.float16)
    assert half.boxes.dtype == torch.float16 and half.gt.item.dtype == torch.float16
    assert element.boxes.dtype == torch.float32 and isinstance(half.gt, LabelData)
    arrays = element.numpy()
    assert isinstance(arrays.boxes, np.ndarray) and isinstance(arrays.gt.item, np.ndarray)
    tensors = arrays.to_tensor()
    assert isinstance(tensors.scores, torch.Tensor) and torch.equal(tensors.gt.item, element.gt.item)
    weights = BaseDataElement(w=torch.ones(1, requires_grad=True))
    assert not weights.detach().w.requires_grad and weights.w.requires_grad
    assert element.cpu().boxes.device.type == 'cpu'


def test_clone_is_deep() -> None:
    element = sample()
    for other in (element.clone(), copy.deepcopy(element)):
        other.boxes.zero_()
        other.gt.item.zero_()
        assert element.boxes.sum() == 8 and element.gt.item == 1


def test_pickled_and_back() -> None:
    element = pickle.loads(pickle.dumps(sample()))
    assert element.keys() == ['boxes', 'scores', 'gt'] and element.img_path == 'a.png'
    element.more = 1
    assert 'more' in element


def test_to_dict_converts_nested_elements() -> None:
    plain = sample().to_dict()
    assert plain['img_path'] == 'a.png' and plain['gt'] == {'item': torch.tensor([1])}
    assert list(plain) == sample().all_keys()


def test_repr_shows_fields_and_nesting() -> None:
    text = repr(sample())
    assert text.startswith('<Sample') and "img_path: 'a.png'" in text and '<LabelData' in text and '_gt' not in text


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from(['set', 'del', 'meta']), st.sampled_from('abcd'), st.integers()), max_size=12)
)
def test_behaves_like_two_dicts(steps: list) -> None:
    element, data, meta = BaseDataElement(), {}, {}
    for action, name, value in steps:
        if action == 'set' and name not in meta:
            setattr(element, name, value)
            data[name] = value
        elif action == 'meta' and name not in data:
            element.set_metainfo({name: value})
            meta[name] = value
        elif action == 'del':
            assert element.pop(name, None) == (data | meta).get(name)
            data.pop(name, None)
            meta.pop(name, None)
    assert dict(element.items()) == data and element.metainfo == meta and element.to_dict() == data | meta


@pytest.mark.parametrize('bad', [{'metainfo': [1]}])
def test_metainfo_should_be_a_dict(bad: dict) -> None:
    with pytest.raises(TypeError, match='dict'):
        BaseDataElement(**bad)
    with pytest.raises(TypeError, match='dict'):
        BaseDataElement().set_data([1])  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        BaseDataElement().update({})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='field_type'):
        BaseDataElement().set_field(1, 'a', field_type='other')  # type: ignore[arg-type]

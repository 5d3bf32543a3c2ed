import pytest

from mmengine.utils.errors import DataError
from mmseg.utils import dataset_aliases, get_classes, get_palette


def test_aliases_name_one_dataset() -> None:
    assert get_classes('ade20k') == get_classes('ade')
    assert len(get_classes('cityscapes')) == len(get_palette('cityscapes')) == 19
    assert get_classes('cityscapes')[0] == 'road' and get_palette('cityscapes')[0] == [128, 64, 128]
    assert {alias for aliases in dataset_aliases.values() for alias in aliases} >= {'voc12aug', 'coco-stuff'}


def test_an_unknown_name_lists_near_ones() -> None:
    with pytest.raises(DataError, match='cityscapes'):
        get_classes('cityscape')

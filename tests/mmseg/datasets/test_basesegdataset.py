from pathlib import Path

import numpy as np
import pytest

from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.utils.errors import DataError
from mmseg.datasets import BaseCDDataset, BaseSegDataset, MultiImageMixDataset
from mmseg.registry import DATASETS

PREFIX = {'img_path': 'img', 'seg_map_path': 'ann'}


class Five(BaseSegDataset):
    METAINFO = {'classes': ('x', 'y', 'z', 'w', 'q'), 'palette': [[i] * 3 for i in range(1, 6)]}


def five(folder: Path, **kwargs) -> Five:
    return Five(data_root=str(folder), **{'data_prefix': PREFIX, **kwargs})


def names(dataset) -> list[str]:
    return [Path(dataset.get_data_info(i)['img_path']).stem for i in range(len(dataset))]


def test_samples_are_sorted_and_paired(folder):
    dataset = five(folder)
    assert names(dataset) == ['a', 'b', 'c']
    info = dataset.get_data_info(2)
    assert info['seg_map_path'] == str(folder / 'ann' / 'sub' / 'c.png')
    assert info['seg_fields'] == [] and info['label_map'] is None and info['reduce_zero_label'] is False


def test_split_file(folder):
    assert names(five(folder, ann_file='split.txt')) == ['a', 'b']
    assert names(five(folder, indices=1)) == ['a']


def test_without_masks(folder):
    assert 'seg_map_path' not in five(folder, data_prefix={'img_path': 'img'}).get_data_info(0)


def test_lazy_init_touches_nothing():
    dataset = Five(data_root='/does/not/exist', lazy_init=True)
    assert dataset.metainfo['classes'] == Five.METAINFO['classes']


@pytest.mark.parametrize('ignore_index', [255, 200])
def test_a_subset_of_classes_has_its_labels_and_colours(folder, ignore_index):
    dataset = five(folder, metainfo={'classes': ('z', 'x')}, ignore_index=ignore_index,
                   pipeline=[{'type': 'LoadAnnotations'}])  # fmt: skip
    assert dataset.label_map == {0: 1, 1: ignore_index, 2: 0, 3: ignore_index, 4: ignore_index}
    assert dataset.metainfo['palette'] == [[3] * 3, [1] * 3]
    assert dataset.metainfo['label_map'] == dataset.label_map
    labels = dataset[0]['gt_seg_map']
    assert set(np.unique(labels)) == {0, 1, ignore_index, 255}
    with pytest.raises(ValueError, match=r"no classes \['nope'\]"):
        five(folder, metainfo={'classes': ('x', 'nope')})


def test_palette(folder):
    prefix = {'data_root': str(folder), 'data_prefix': PREFIX}
    random = BaseSegDataset(metainfo={'classes': ('a', 'b')}, **prefix)
    assert random.metainfo['palette'] == [[102, 179, 92], [14, 106, 71]]
    with pytest.raises(DataError, match='1 colours for 2 classes'):
        BaseSegDataset(metainfo={'classes': ('a', 'b'), 'palette': [[1, 2, 3]]}, **prefix)


def test_mmseg_transforms_are_found_without_a_default_scope(folder):
    dataset = five(folder, pipeline=[{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'},
                                     {'type': 'PackSegInputs'}])  # fmt: skip
    packed = dataset[0]
    assert packed['inputs'].shape == (3, 40, 60)
    assert packed['data_samples'].gt_sem_seg.data.shape == (1, 40, 60)


def test_missing_folder_names_keys_and_what_exists(folder):
    with pytest.raises(DataError) as caught:
        five(folder, data_prefix={'img_path': 'imgs/train', 'seg_map_path': 'ann'})
    message = str(caught.value)
    for part in (f'{folder}/imgs/train', 'data_root', 'data_prefix.img_path', 'ann, img, split.txt'):
        assert part in message
    with pytest.raises(DataError, match=r'data_prefix\.seg_map_path'):
        five(folder, data_prefix={'img_path': 'img', 'seg_map_path': 'masks'})


def test_missing_masks_are_counted_and_the_nearest_name_shown(folder):
    for name in ('a', 'sub/c'):
        (folder / 'ann' / f'{name}.png').unlink()
    (folder / 'ann' / 'a_labelIds.png').touch()
    with pytest.raises(DataError) as caught:
        five(folder)
    message = str(caught.value)
    for part in ('2 of 3 masks', f'{folder}/ann/a.png', "'a_labelIds.png'", 'seg_map_suffix'):
        assert part in message


def test_test_data_may_lack_masks_that_nothing_reads(folder):
    (folder / 'ann' / 'a.png').unlink()
    load = {'type': 'LoadImageFromFile'}
    assert len(five(folder, test_mode=True, pipeline=[load])) == 3
    with pytest.raises(DataError, match='1 of 3 masks'):
        five(folder, test_mode=True, pipeline=[load, {'type': 'LoadAnnotations'}])
    with pytest.raises(DataError, match='classes'):
        BaseSegDataset(data_root=str(folder), data_prefix=PREFIX, test_mode=True)


def test_split_file_problems(folder):
    with pytest.raises(DataError, match=r'nosplit\.txt'):
        five(folder, ann_file='nosplit.txt')
    (folder / 'empty.txt').write_text('\n\n')
    with pytest.raises(DataError, match=r'empty\.txt.*is empty'):
        five(folder, ann_file='empty.txt')
    (folder / 'wrong.txt').write_text('a\nab\n')
    with pytest.raises(DataError, match=r'1 of 2 images do not exist: .*ab\.jpg.*wrong\.txt'):
        five(folder, ann_file='wrong.txt')


def test_wrong_suffix_says_what_is_there(folder):
    with pytest.raises(DataError, match=r"'\.png' \(`img_suffix`\).*3 files \.jpg"):
        five(folder, img_suffix='.png')


def test_change_detection(folder):
    prefix = {'img_path': 'img', 'img_path2': 'later', 'seg_map_path': 'ann'}
    dataset = BaseCDDataset(data_root=str(folder), data_prefix=prefix, img_suffix2='.tif')
    assert dataset.get_data_info(0)['img_path2'] == str(folder / 'later' / 'a.tif')


def test_wrappers(folder):
    load = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}]
    both = ConcatDataset([five(folder, pipeline=load), five(folder, pipeline=load)])
    assert len(both) == 6 and len(RepeatDataset(both, 2)) == 12
    mosaic = {'type': 'RandomMosaic', 'prob': 1.0, 'img_scale': (40, 60)}
    mixed = MultiImageMixDataset(both, [mosaic, {'type': 'RandomFlip', 'prob': 1.0}], skip_type_keys=['RandomFlip'])
    assert len(mixed) == 6 and mixed.metainfo == both.metainfo
    out = mixed[0]
    assert out['img'].shape == (80, 120, 3) and 'mix_results' not in out and 'flip' not in out
    mixed.update_skip_type_keys(['RandomMosaic'])
    assert mixed[0]['img'].shape == (40, 60, 3) and mixed[0]['flip']
    with pytest.raises(TypeError, match='int'):
        MultiImageMixDataset(3, [])
    with pytest.raises(TypeError, match='skip_type_keys'):
        mixed.update_skip_type_keys([3])


def test_metainfo_of_all_registered_datasets_is_consistent():
    import mmseg.datasets  # noqa: F401 - registers them

    for name, cls in DATASETS.module_dict.items():
        classes, palette = cls.__dict__.get('METAINFO', {}).get('classes'), cls.METAINFO.get('palette') if hasattr(
            cls, 'METAINFO') else None  # fmt: skip
        if classes is None or palette is None:
            continue
        assert len(classes) == len(set(classes)) == len(palette), name
        assert all(len(c) == 3 and all(0 <= v <= 255 for v in c) for c in palette), name


@pytest.mark.parametrize(
    ('name', 'count', 'sample'),
    [
        ('CityscapesDataset', 19, (13, 'car', [0, 0, 142])),
        ('ADE20KDataset', 150, (2, 'sky', [6, 230, 230])),
        ('PascalVOCDataset', 21, (15, 'person', [192, 128, 128])),
        ('LoveDADataset', 7, (3, 'water', [0, 0, 255])),
        ('PotsdamDataset', 6, (4, 'car', [255, 255, 0])),
        ('BDD100KDataset', 19, (0, 'road', [128, 64, 128])),
        ('PascalContextDataset59', 59, (1, 'bag', [6, 230, 230])),
        ('COCOStuffDataset', 171, (0, 'person', [0, 192, 64])),
        ('MapillaryDataset_v1', 66, (0, 'Bird', [165, 42, 42])),
    ],
)
def test_published_classes(name, count, sample):
    metainfo = DATASETS.get(name).METAINFO
    label, cls, colour = sample
    assert len(metainfo['classes']) == count
    assert metainfo['classes'][label] == cls
    assert metainfo['palette'][label] == colour

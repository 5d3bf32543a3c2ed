"""Preparations of data sets, on tiny made ones: the files that arise, and the labels in them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import mmseg.datasets as D
from mmengine.utils.errors import DataError
from mmseg.datasets.prepare import PREPARATIONS, prepare

RNG = np.random.default_rng(0)
SHARED = Path(__file__).resolve().parents[3].parent / 'shared' / 'data'


def picture(h: int = 12, w: int = 16) -> np.ndarray:
    return RNG.integers(0, 256, (h, w, 3), dtype=np.uint8)


def encoded(array: np.ndarray, suffix: str) -> bytes:
    if suffix == '.gif':
        out = io.BytesIO()
        Image.fromarray(array).save(out, 'GIF')
        return out.getvalue()
    return cv2.imencode(suffix, array)[1].tobytes()


def put(path: Path, array: np.ndarray) -> np.ndarray:
    """Write an image by its suffix; colours are BGR."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(array, path.suffix))
    return array


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def read(path: Path) -> np.ndarray:
    array = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert array is not None, path
    return array


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file()}


def vessels(shape: tuple[int, int] = (12, 16)) -> np.ndarray:
    return (RNG.random(shape) > 0.7).astype(np.uint8) * 255


# ------------------------------------------------------------------ Cityscapes


def polygon(label: str, *points: tuple[int, int], **more: int) -> dict:
    return {'label': label, 'polygon': points, **more}


def cityscapes(root: Path) -> dict:
    box = [(0, 0), (39, 0), (39, 19), (0, 19)]
    described = {
        'imgWidth': 40,
        'imgHeight': 20,
        'objects': [
            polygon('road', *box),
            polygon('static', (0, 0), (9, 0), (9, 9), (0, 9)),
            polygon('cargroup', (20, 5), (29, 5), (29, 14), (20, 14)),
            polygon('license plate', (22, 7), (24, 7), (24, 9), (22, 9)),
            polygon('person', *box, deleted=1),
        ],
    }
    text(root / 'gtFine/train/aachen/aachen_000000_000019_gtFine_polygons.json', json.dumps(described))
    put(root / 'leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png', picture(20, 40))
    return described


def test_cityscapes_from_polygons(tmp_path: Path) -> None:
    cityscapes(tmp_path / 'src')
    outcome = prepare('cityscapes', tmp_path / 'src', tmp_path / 'dst')
    mask = read(tmp_path / 'dst/gtFine/train/aachen/aachen_000000_000019_gtFine_labelTrainIds.png')
    assert mask.shape == (20, 40)
    assert (mask[5:15, 20:30] == 13).all(), 'a group of cars is car, also where its license plate is'
    assert (mask[:10, :10] == 255).all() and mask[15, 5] == 0, 'static is ignored, a deleted person is not there'
    assert (tmp_path / 'dst/train.txt').read_text() == 'aachen/aachen_000000_000019\n'
    assert outcome.folders['leftImg8bit/train/aachen'] == 1
    loaded = D.CityscapesDataset(
        data_root=str(tmp_path / 'dst'), data_prefix={'img_path': 'leftImg8bit/train', 'seg_map_path': 'gtFine/train'}
    )
    assert len(loaded) == 1


def test_cityscapes_in_place(tmp_path: Path) -> None:
    cityscapes(tmp_path)
    image = tmp_path / 'leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png'
    before = image.stat().st_mtime_ns
    outcome = prepare('cityscapes', tmp_path, tmp_path)
    assert outcome.jobs == 2 and image.stat().st_mtime_ns == before


def test_cityscapes_from_ids(tmp_path: Path) -> None:
    ids = put(
        tmp_path / 'gtFine/val/ulm/ulm_1_gtFine_labelIds.png', np.arange(34, dtype=np.uint8).repeat(2).reshape(2, 34)
    )
    put(tmp_path / 'leftImg8bit/val/ulm/ulm_1_leftImg8bit.png', picture(2, 34))
    prepare('cityscapes', tmp_path, tmp_path)
    mask = read(tmp_path / 'gtFine/val/ulm/ulm_1_gtFine_labelTrainIds.png')
    assert {int(mask[ids == i][0]) for i in (7, 11, 26, 33)} == {0, 2, 13, 18}
    assert set(mask[np.isin(ids, [0, 1, 9, 14, 29])].tolist()) == {255}


def test_cityscapes_ids_as_published(tmp_path: Path) -> None:
    source = SHARED / 'pseudo_cityscapes_dataset'
    if not source.exists():
        pytest.skip('no shared samples')
    prepare('cityscapes', source, tmp_path)
    name = 'gtFine/val/frankfurt/frankfurt_000000_000294_gtFine_labelTrainIds.png'
    same = read(tmp_path / name) == read(source / name)
    assert same.mean() > 0.99, 'both were made smaller, each by itself'


def test_cityscapes_with_an_unknown_label(tmp_path: Path) -> None:
    described = cityscapes(tmp_path)
    described['objects'][0]['label'] = 'raod'
    text(tmp_path / 'gtFine/train/aachen/aachen_000000_000019_gtFine_polygons.json', json.dumps(described))
    with pytest.raises(DataError, match="'raod'"):
        prepare('cityscapes', tmp_path, tmp_path)


# ------------------------------------------------------------------ VOC, Pascal Context, COCO-Stuff


def test_voc_aug(tmp_path: Path) -> None:
    scipy_io = pytest.importorskip('scipy.io', reason='scipy is optional')
    voc, sbd = tmp_path / 'VOCdevkit/VOC2012', tmp_path / 'benchmark_RELEASE/dataset'
    text(voc / 'ImageSets/Segmentation/train.txt', 'a\n')
    text(voc / 'ImageSets/Segmentation/val.txt', 'b\n')
    for stem in 'abcd':
        put(voc / f'JPEGImages/{stem}.jpg', picture())
    for stem in 'ab':
        put(voc / f'SegmentationClass/{stem}.png', np.zeros((12, 16), np.uint8))
    (sbd / 'cls').mkdir(parents=True)
    labels = RNG.integers(0, 21, (12, 16), dtype=np.uint8)
    for stem in 'abc':
        struct = np.array([[(labels,)]], dtype=[('Segmentation', 'O')])
        scipy_io.savemat(sbd / f'cls/{stem}.mat', {'GTcls': struct})
    prepare('voc12_aug', tmp_path, tmp_path / 'dst')
    np.testing.assert_array_equal(read(tmp_path / 'dst/SegmentationClassAug/c.png'), labels)
    lists = tmp_path / 'dst/ImageSets/Segmentation'
    assert (lists / 'aug.txt').read_text() == 'c\n', 'neither in train nor in val of VOC'
    assert (lists / 'trainaug.txt').read_text() == 'a\nc\n'
    loaded = D.PascalVOCDataset(
        'ImageSets/Segmentation/aug.txt',
        data_root=str(tmp_path / 'dst'),
        data_prefix={'img_path': 'JPEGImages', 'seg_map_path': 'SegmentationClassAug'},
    )
    assert len(loaded) == 1


def test_pascal_context(tmp_path: Path) -> None:
    scipy_io = pytest.importorskip('scipy.io', reason='scipy is optional')
    voc = tmp_path / 'VOC2010'
    labels = np.array([[2, 9, 458, 1, 259, 459]], np.uint16)
    (tmp_path / 'trainval').mkdir()
    for split, stem in (('train', '2008_000001'), ('val', '2008_000002')):
        scipy_io.savemat(tmp_path / f'trainval/{stem}.mat', {'LabelMap': labels})
        put(voc / f'JPEGImages/{stem}.jpg', picture(1, 6))
        text(voc / f'ImageSets/Main/{split}.txt', f'{stem}\n2007_000000\n')
    prepare('pascal_context', tmp_path, tmp_path / 'dst')
    mask = read(tmp_path / 'dst/SegmentationClassContext/2008_000001.png')
    classes = D.PascalContextDataset.METAINFO['classes']
    assert [classes[i] for i in mask[0]] == ['aeroplane', 'bag', 'wood', 'background', 'mountain', 'background']
    assert (tmp_path / 'dst/ImageSets/SegmentationContext/val.txt').read_text() == '2008_000002\n'


def test_coco_stuff_10k(tmp_path: Path) -> None:
    scipy_io = pytest.importorskip('scipy.io', reason='scipy is optional')
    (tmp_path / 'annotations').mkdir()
    for split, stem in (('train', 'COCO_train2014_000000000001'), ('test', 'COCO_train2014_000000000002')):
        text(tmp_path / f'imageLists/{split}.txt', f'{stem}\n')
        put(tmp_path / f'images/{stem}.jpg', picture(1, 5))
        scipy_io.savemat(tmp_path / f'annotations/{stem}.mat', {'S': np.array([[0, 1, 11, 13, 182]], np.uint8)})
    prepare('coco_stuff10k', tmp_path, tmp_path / 'dst')
    stem = 'COCO_train2014_000000000002'
    mask = read(tmp_path / f'dst/annotations/test2014/{stem}_labelTrainIds.png')
    assert mask.tolist() == [[0, 1, 11, 12, 171]]
    assert (tmp_path / f'dst/images/test2014/{stem}.jpg').exists()
    scipy_io.savemat(tmp_path / f'annotations/{stem}.mat', {'S': np.array([[12]], np.uint8)})
    with pytest.raises(DataError, match=rf'{stem}.*values \[12\]'):
        prepare('coco_stuff10k', tmp_path, tmp_path / 'other')


def test_coco_stuff_164k(tmp_path: Path) -> None:
    for split in ('train2017', 'val2017'):
        put(tmp_path / f'{split}/000000000009.jpg', picture(1, 5))
        put(tmp_path / f'stuffthingmaps/{split}/000000000009.png', np.array([[0, 10, 12, 181, 255]], np.uint8))
    prepare('coco_stuff164k', tmp_path, tmp_path / 'dst')
    mask = read(tmp_path / 'dst/annotations/val2017/000000000009_labelTrainIds.png')
    assert mask.tolist() == [[0, 10, 11, 170, 255]]
    loaded = D.COCOStuffDataset(
        data_root=str(tmp_path / 'dst'),
        data_prefix={'img_path': 'images/val2017', 'seg_map_path': 'annotations/val2017'},
    )
    assert len(loaded) == 1


# ------------------------------------------------------------------ aerial images


def test_loveda_from_archives(tmp_path: Path) -> None:
    image, mask = encoded(picture(), '.png'), encoded(np.full((12, 16), 7, np.uint8), '.png')
    for split in ('Train', 'Val', 'Test'):
        with zipfile.ZipFile(tmp_path / f'{split}.zip', 'w') as archive:
            for area, number in (('Urban', 1), ('Rural', 2)):
                archive.writestr(f'{split}/{area}/images_png/{number}.png', image)
                if split != 'Test':
                    archive.writestr(f'{split}/{area}/masks_png/{number}.png', mask)
    outcome = prepare('loveda', tmp_path, tmp_path / 'dst')
    assert (tmp_path / 'dst/img_dir/val/2.png').read_bytes() == image
    assert (tmp_path / 'dst/ann_dir/train/1.png').read_bytes() == mask
    assert outcome.folders == {
        'img_dir/train': 2,
        'img_dir/val': 2,
        'img_dir/test': 2,
        'ann_dir/train': 2,
        'ann_dir/val': 2,
    }
    assert any('img_dir/train has 2 files, where the whole data set has 2522' in w for w in outcome.warnings)


def isprs_mask(h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and their colours BGR."""
    colours = np.array([[0, 0, 0], *D.PotsdamDataset.METAINFO['palette']], np.uint8)
    labels = RNG.integers(0, 7, (h, w), dtype=np.uint8)
    return labels, colours[labels][..., ::-1]


@pytest.mark.parametrize(
    ('name', 'image', 'mask', 'stem', 'split'),
    [
        ('potsdam', '2_Ortho_RGB/top_potsdam_2_13_RGB.tif', 'x/top_potsdam_2_13_label_noBoundary.tif', '2_13', 'val'),
        ('potsdam', '2_Ortho_RGB/top_potsdam_2_10_RGB.tif', 'x/top_potsdam_2_10_label_noBoundary.tif', '2_10', 'train'),
        ('vaihingen', 'top/top_mosaic_09cm_area1.tif', 'gt/top_mosaic_09cm_area1_noBoundary.tif', 'area1', 'train'),
        ('vaihingen', 'top/top_mosaic_09cm_area2.tif', 'gt/top_mosaic_09cm_area2_noBoundary.tif', 'area2', 'val'),
    ],
)
def test_isprs(tmp_path: Path, name: str, image: str, mask: str, stem: str, split: str) -> None:
    pixels = put(tmp_path / image, picture(50, 70))
    labels, colours = isprs_mask(50, 70)
    put(tmp_path / mask, colours)
    prepare(name, tmp_path, tmp_path / 'dst', size=32, stride=32)
    tiles = {f'{stem}_{x}_{y}_{x + 32}_{y + 32}' for x in (0, 32, 38) for y in (0, 18)}
    assert names(tmp_path / 'dst') == {f'{d}/{split}/{t}.png' for d in ('img_dir', 'ann_dir') for t in tiles} | {
        'prepare.jsonl'
    }
    np.testing.assert_array_equal(read(tmp_path / f'dst/ann_dir/{split}/{stem}_38_18_70_50.png'), labels[18:, 38:])
    np.testing.assert_array_equal(read(tmp_path / f'dst/img_dir/{split}/{stem}_38_18_70_50.png'), pixels[18:, 38:])


def test_isprs_with_other_colours(tmp_path: Path) -> None:
    put(tmp_path / 'top_potsdam_2_10_RGB.tif', picture(20, 20))
    labels, colours = isprs_mask(20, 20)
    colours[0, 0] = 100  # one pixel of 400
    put(tmp_path / 'top_potsdam_2_10_label_noBoundary.tif', colours)
    prepare('potsdam', tmp_path, tmp_path / 'dst', size=20)
    found = read(tmp_path / 'dst/ann_dir/train/2_10_0_0_20_20.png')
    labels[0, 0] = 0
    np.testing.assert_array_equal(found, labels)
    put(tmp_path / 'top_potsdam_2_10_label_noBoundary.tif', picture(20, 20))
    with pytest.raises(DataError, match='pixels of .*noBoundary.tif have colours that are none of the classes'):
        prepare('potsdam', tmp_path, tmp_path / 'other', size=20)


def test_isaid(tmp_path: Path) -> None:
    colours = np.array(D.iSAIDDataset.METAINFO['palette'], np.uint8)
    labels = {}
    for split, shape in (('train', (40, 30)), ('val', (20, 50))):
        put(tmp_path / f'{split}/images/P0001.png', picture(*shape))
        labels[split] = RNG.integers(0, 16, shape, dtype=np.uint8)
        put(tmp_path / f'{split}/Semantic_masks/P0001_instance_color_RGB.png', colours[labels[split]][..., ::-1])
    put(tmp_path / 'test/images/P0002.png', picture())
    prepare('isaid', tmp_path, tmp_path / 'dst', size=32, stride=20)
    found = names(tmp_path / 'dst/ann_dir')
    assert found == {
        'train/P0001_0_32_0_32_instance_color_RGB.png',
        'train/P0001_8_40_0_32_instance_color_RGB.png',
        'val/P0001_0_32_0_32_instance_color_RGB.png',
        'val/P0001_0_32_18_50_instance_color_RGB.png',
    }
    tile = read(tmp_path / 'dst/ann_dir/train/P0001_8_40_0_32_instance_color_RGB.png')
    np.testing.assert_array_equal(tile[:, :30], labels['train'][8:])
    assert tile.shape == (32, 32) and (tile[:, 30:] == 0).all(), 'filled up with background'
    assert names(tmp_path / 'dst/img_dir/test') == {'P0002.png'}


def test_levir_cd(tmp_path: Path) -> None:
    for split in ('train', 'val', 'test'):
        for kind in 'AB':
            put(tmp_path / f'{split}/{kind}/{split}_1.png', picture(40, 32))
        mask = put(tmp_path / f'{split}/label/{split}_1.png', vessels((40, 32)))
    prepare('levir_cd', tmp_path, tmp_path / 'dst', size=32)
    tile = read(tmp_path / 'dst/test/label/test_1_0_8_32_40.png')
    np.testing.assert_array_equal(tile, mask[8:] // 255)
    prefix = {'img_path': 'train/A', 'img_path2': 'train/B', 'seg_map_path': 'train/label'}
    assert len(D.LEVIRCDDataset(data_root=str(tmp_path / 'dst'), data_prefix=prefix)) == 2
    (tmp_path / 'val/B/val_1.png').unlink()
    with pytest.raises(DataError, match=r'has no counterpart val/B/val_1\.png'):
        prepare('levir_cd', tmp_path, tmp_path / 'other', size=32)


# ------------------------------------------------------------------ medical images


def test_drive(tmp_path: Path) -> None:
    put(tmp_path / 'training/images/21_training.tif', picture())
    put(tmp_path / 'test/images/01_test.tif', picture())
    mask = vessels()
    put(tmp_path / 'training/1st_manual/21_manual1.gif', mask)
    put(tmp_path / 'test/1st_manual/01_manual1.gif', mask)
    put(tmp_path / 'test/2nd_manual/01_manual2.gif', mask)
    prepare('drive', tmp_path, tmp_path / 'dst')
    assert names(tmp_path / 'dst/annotations') == {
        'training/21_manual1.png',
        'validation/01_manual1.png',
        'validation/01_manual2.png',
    }
    np.testing.assert_array_equal(read(tmp_path / 'dst/annotations/training/21_manual1.png'), mask // 255)
    prefix = {'img_path': 'images/validation', 'seg_map_path': 'annotations/validation'}
    assert len(D.DRIVEDataset(data_root=str(tmp_path / 'dst'), data_prefix=prefix)) == 1


def test_stare_from_tar_of_gz(tmp_path: Path) -> None:
    masks = {}
    archives = {'stare-images': ('', picture), 'labels-ah': ('.ah', vessels), 'labels-vk': ('.vk', vessels)}
    for name, (suffix, make) in archives.items():
        with tarfile.open(tmp_path / f'{name}.tar', 'w') as archive:
            for i in range(1, 12):
                array = make()
                masks[i, suffix] = array
                colour = array if array.ndim == 3 else cv2.cvtColor(array, cv2.COLOR_GRAY2BGR)
                content = gzip.compress(encoded(colour, '.ppm'))
                info = tarfile.TarInfo(f'im{i:04d}{suffix}.ppm.gz')
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    prepare('stare', tmp_path, tmp_path / 'dst')
    assert len(names(tmp_path / 'dst/images/training')) == 10
    np.testing.assert_array_equal(read(tmp_path / 'dst/images/validation/im0011.png'), masks[11, ''])
    np.testing.assert_array_equal(read(tmp_path / 'dst/annotations/validation/im0011.ah.png'), masks[11, '.ah'] // 255)


def test_chase_db1(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / 'CHASEDB1.zip', 'w') as archive:
        for i in range(1, 12):
            for eye in 'LR':
                archive.writestr(f'Image_{i:02d}{eye}.jpg', encoded(picture(), '.jpg'))
                for who in ('1st', '2nd'):
                    archive.writestr(f'Image_{i:02d}{eye}_{who}HO.png', encoded(vessels(), '.png'))
    outcome = prepare('chase_db1', tmp_path / 'CHASEDB1.zip', tmp_path / 'dst')
    assert outcome.folders == {
        'images/training': 20,
        'images/validation': 2,
        'annotations/training': 40,
        'annotations/validation': 4,
    }
    assert set(np.unique(read(tmp_path / 'dst/annotations/training/Image_01L_1stHO.png'))) == {0, 1}


def test_hrf(tmp_path: Path) -> None:
    for folder, group, suffix in (
        ('healthy', 'h', 'jpg'),
        ('glaucoma', 'g', 'jpg'),
        ('diabetic_retinopathy', 'dr', 'JPG'),
    ):
        for i in (5, 6):
            path = tmp_path / f'{folder}/{i:02d}_{group}.{suffix}'
            put(path.with_suffix('.jpg'), picture()) if suffix == 'jpg' else put(path, picture())
            put(tmp_path / f'{folder}_manualsegm/{i:02d}_{group}.tif', vessels())
    prepare('hrf', tmp_path, tmp_path / 'dst')
    assert names(tmp_path / 'dst/images') == {
        f'{split}/{n}_{group}.png'
        for split, n in (('training', '05'), ('validation', '06'))
        for group in ('h', 'g', 'dr')
    }


def test_refuge(tmp_path: Path) -> None:
    for stem in ('g0001', 'n0001', 'V0001', 'T0001'):
        put(tmp_path / f'images/{stem}.jpg', picture(1, 3))
        put(tmp_path / f'Disc_Cup_Masks/{stem}.bmp', np.array([[0, 128, 255]], np.uint8))
    prepare('refuge', tmp_path, tmp_path / 'dst')
    for split, stem in (('training', 'n0001'), ('validation', 'V0001'), ('test', 'T0001')):
        assert read(tmp_path / f'dst/annotations/{split}/{stem}.png').tolist() == [[1, 2, 0]]


def test_synapse(tmp_path: Path) -> None:
    nibabel = pytest.importorskip('nibabel', reason='nibabel is optional')
    labels = RNG.integers(0, 14, (6, 8, 2)).astype(np.int16)
    for number in ('0001', '0005'):
        for kind, array in (('img', RNG.integers(-500, 500, (6, 8, 2)).astype(np.int16)), ('label', labels)):
            (tmp_path / kind).mkdir(exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / f'{kind}/{kind}{number}.nii.gz')
    prepare('synapse', tmp_path, tmp_path / 'dst')
    mask = read(tmp_path / 'dst/ann_dir/val/case0001_slice001.png')
    organs = {8: 1, 4: 2, 3: 3, 2: 4, 6: 5, 11: 6, 1: 7, 7: 8}
    expected = np.vectorize(lambda label: organs.get(label, 0))(labels[:, ::-1, 1])
    np.testing.assert_array_equal(mask, expected)
    assert read(tmp_path / 'dst/img_dir/train/case0005_slice000.jpg').shape == (6, 8, 3)


def test_nyu(tmp_path: Path) -> None:
    for folder in ('sync', 'official_splits/test'):
        put(tmp_path / f'{folder}/bookstore_0001d/rgb_00001.jpg', picture())
        put(tmp_path / f'{folder}/bookstore_0001d/sync_depth_00001.png', np.full((12, 16), 900, np.uint16))
    prepare('nyu', tmp_path, tmp_path / 'dst')
    assert read(tmp_path / 'dst/annotations/test/bookstore_0001d_00001.png').max() == 900
    prefix = {'img_path': 'images/train', 'depth_map_path': 'annotations/train'}
    assert len(D.NYUDataset(data_root=str(tmp_path / 'dst'), data_prefix=prefix)) == 1


# ------------------------------------------------------------------ all of them


@pytest.mark.parametrize('name', [name for name, each in PREPARATIONS.items() if each.plan])
def test_an_empty_source_names_what_is_needed(tmp_path: Path, name: str) -> None:
    (tmp_path / 'src').mkdir()
    with pytest.raises(DataError, match='has no .*it is empty') as info:
        prepare(name, tmp_path / 'src', tmp_path / 'dst')
    assert PREPARATIONS[name].layout in '\n'.join(info.value.__notes__)
    assert not (tmp_path / 'dst').exists()

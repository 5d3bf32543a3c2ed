import cv2
import numpy as np
import pytest

from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from mmengine.utils.errors import DataError

IMG = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)


def test_image(tmp_path):
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, IMG)
    out = LoadImageFromFile()({'img_path': path})
    np.testing.assert_array_equal(out['img'], IMG)
    assert out['img_shape'] == out['ori_shape'] == (8, 10)
    assert LoadImageFromFile(to_float32=True)({'img_path': path})['img'].dtype == np.float32
    assert LoadImageFromFile(color_type='grayscale')({'img_path': path})['img'].shape == (8, 10)
    with pytest.raises(ValueError, match='file_client_args'):
        LoadImageFromFile(file_client_args={'backend': 'disk'}, backend_args={'backend': 'local'})


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('content', [b'', b'no image', b'\x89PNG\r\n\x1a\n'])
def test_a_broken_image_is_named(tmp_path, backend, content):
    path = tmp_path / 'broken.png'
    path.write_bytes(content)
    with pytest.raises(DataError, match=r'broken\.png'):
        LoadImageFromFile(imdecode_backend=backend)({'img_path': str(path)})
    assert LoadImageFromFile(ignore_empty=True, imdecode_backend=backend)({'img_path': str(path)}) is None


def test_a_missing_image(tmp_path):
    path = str(tmp_path / 'absent.png')
    with pytest.raises(FileNotFoundError):
        LoadImageFromFile()({'img_path': path})
    assert LoadImageFromFile(ignore_empty=True)({'img_path': path}) is None


def test_annotations(tmp_path):
    path = str(tmp_path / 'm.png')
    cv2.imwrite(path, IMG[..., 0])
    instances = [
        {'bbox': [1, 2, 3, 4], 'bbox_label': 2, 'keypoints': [[1, 2, 3], [4, 5, 6]]},
        {'bbox': [1, 2, 3, 5], 'bbox_label': 0, 'keypoints': [[1, 2, 3], [4, 5, 7]]},
    ]
    load = LoadAnnotations(with_seg=True, with_keypoints=True)
    out = load({'instances': instances, 'seg_map_path': path})
    assert out['gt_bboxes'].shape == (2, 4) and out['gt_bboxes'].dtype == np.float32
    assert out['gt_bboxes_labels'].tolist() == [2, 0]
    assert out['gt_keypoints'].shape == (2, 2, 3)
    np.testing.assert_array_equal(out['gt_seg_map'], IMG[..., 0])
    assert load({'instances': [], 'seg_map_path': path})['gt_bboxes'].shape == (0, 4)


def test_deep_paths():
    from mmcv.transforms import builder, loading, processing, wrappers
    from mmengine.registry import TRANSFORMS

    assert loading.LoadAnnotations is LoadAnnotations
    assert builder.TRANSFORMS is TRANSFORMS
    for module in (processing, wrappers):
        for name in module.__all__:
            assert TRANSFORMS.get(name) is getattr(module, name)

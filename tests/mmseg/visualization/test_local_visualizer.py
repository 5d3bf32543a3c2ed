from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError
from mmseg.registry import VISUALIZERS
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer

META = {'classes': ('red thing', 'blue thing'), 'palette': [[255, 0, 0], [0, 0, 255]]}
IMAGE = np.full((40, 60, 3), 100, np.uint8)


def sample() -> SegDataSample:
    gt, pred = torch.zeros(1, 40, 60, dtype=torch.long), torch.ones(1, 40, 60, dtype=torch.long)
    gt[:, :10] = 255
    return SegDataSample(gt_sem_seg=PixelData(data=gt), pred_sem_seg=PixelData(data=pred))


def visualizer(**kwargs: object) -> SegLocalVisualizer:
    made = SegLocalVisualizer(alpha=0.5, **kwargs)  # type: ignore[arg-type]
    made.dataset_meta = META
    return made


def test_annotation_is_left_and_prediction_right() -> None:
    made = visualizer()
    made.add_datasample('a', IMAGE, sample(), with_labels=False)
    out = made.get_image().astype(int)
    assert out.shape == (40, 120, 3)
    assert abs(out[20, 5] - (177, 50, 50)).max() <= 1 and abs(out[20, 100] - (50, 50, 177)).max() <= 1
    assert (out[5, 5] == 100).all(), 'ignored pixels show the image'
    for kwargs in ({'draw_gt': False}, {'draw_pred': False}):
        made.add_datasample('a', IMAGE, sample(), with_labels=False, **kwargs)
        assert made.get_image().shape == (40, 60, 3)
    made.add_datasample('a', IMAGE)
    assert (made.get_image() == IMAGE).all()


def test_names_of_classes_are_written_where_these_are() -> None:
    made = visualizer()
    data = sample()
    data.gt_sem_seg.data[:, :, 30:] = 255
    made.add_datasample('a', IMAGE, data, draw_pred=False, with_labels=False)
    plain = made.get_image()
    made.add_datasample('a', IMAGE, data, draw_pred=False)
    different = (made.get_image() != plain).any(2)
    assert different.sum() > 30 and not different[:8].any()
    assert (made._get_center_loc(np.eye(5)) == (2, 2)).all()
    data.gt_sem_seg.data[:] = 255
    made.add_datasample('a', IMAGE, data, draw_pred=False)
    assert (made.get_image() == IMAGE).all()


def test_files_and_backends(tmp_path: Path) -> None:
    made = visualizer(vis_backends=[{'type': 'LocalVisBackend'}], save_dir=str(tmp_path))
    made.add_datasample('val_im', IMAGE, sample(), step=3)
    assert (tmp_path / 'vis_data' / 'vis_image' / 'val_im_3.png').exists()
    made.add_datasample('other', IMAGE, sample(), out_file=str(tmp_path / 'deep' / 'o.png'), with_labels=False)
    assert not list(tmp_path.glob('vis_data/vis_image/other*'))
    assert abs(cv2.imread(str(tmp_path / 'deep' / 'o.png'))[20, 5].astype(int) - (50, 50, 177)).max() <= 1, (
        'BGR on disk'
    )


def test_where_classes_and_colours_come_from() -> None:
    known = VISUALIZERS.build({'type': 'SegLocalVisualizer', 'name': 'test_known', 'dataset_name': 'cityscapes'})
    assert known.dataset_meta['classes'][0] == 'road' and list(known.dataset_meta['palette'][0]) == [128, 64, 128]
    own = SegLocalVisualizer(classes=['a', 'b'], palette=[[1, 2, 3], [4, 5, 6]])
    assert own.dataset_meta == {'classes': ['a', 'b'], 'palette': [[1, 2, 3], [4, 5, 6]]}
    made_up = SegLocalVisualizer(classes=['a', 'b']).dataset_meta
    assert made_up == SegLocalVisualizer(classes=['a', 'b']).dataset_meta and len(made_up['palette']) == 2  # type: ignore[index]
    with pytest.raises(ConfigError, match='2 classes, but 1 colours'):
        SegLocalVisualizer(classes=['a', 'b'], palette=[[1, 2, 3]])
    nothing = SegLocalVisualizer()
    nothing.add_datasample('a', IMAGE, sample())
    assert nothing.dataset_meta is None and nothing.get_image().shape == (40, 120, 3)


def test_depth_maps_are_drawn_below() -> None:
    data = SegDataSample(gt_depth_map=PixelData(data=torch.arange(2400.0).reshape(40, 60)))
    made = visualizer()
    made.add_datasample('a', IMAGE, data)
    assert made.get_image().shape == (80, 60, 3)


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match=r'\(20, 20\).*\(40, 60\)'):
        visualizer().add_datasample('a', IMAGE[:20, :20], sample())

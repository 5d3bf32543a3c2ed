"""CityscapesMetric: the numbers of the official scripts, its files and its errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mmengine.utils.errors import ConfigError, DataError
from mmseg.evaluation import CityscapesMetric
from mmseg.evaluation.metrics.citys_metric import LABEL_IDS


def sample(folder: Path, number: int, rng: np.random.Generator) -> dict[str, Any]:
    """Annotation and prediction `(24, 32)` with its instance file in `folder`."""
    labels = rng.integers(0, 34, (4, 4)).repeat(6, 0).repeat(8, 1)
    instances = labels.copy()
    for label in (24, 25, 26, 27, 28, 31, 32, 33):
        here = labels == label
        odd, even = here.copy(), here.copy()
        odd[:, ::2] = even[:, 1::2] = even[::3] = False
        instances[odd], instances[even] = label * 1000, label * 1000 + 1
    Image.fromarray(instances.astype(np.uint16)).save(folder / f'x{number}_gtFine_instanceIds.png')
    truth = np.full(labels.shape, 255)
    for train_id, label in enumerate(LABEL_IDS):
        truth[labels == label] = train_id
    pred = rng.integers(0, 19, labels.shape)
    pred = np.where((rng.random(labels.shape) < 0.6) & (truth < 19), truth, pred)
    return {
        'img_path': str(folder / f'x{number}_leftImg8bit.png'),
        'seg_map_path': str(folder / f'x{number}_gtFine_labelTrainIds.png'),
        'pred_sem_seg': {'data': torch.from_numpy(pred)[None]},
        'gt_sem_seg': {'data': torch.from_numpy(truth)[None]},
    }


@pytest.fixture
def samples(tmp_path: Path) -> list[dict]:
    rng = np.random.default_rng(0)
    return [sample(tmp_path, number, rng) for number in range(2)]


def test_numbers_of_the_official_scripts(samples: list[dict], tmp_path: Path) -> None:
    """Made with cityscapesscripts 2.3.0, through mmsegmentation 1.2.2, from the same generator."""
    metric = CityscapesMetric(str(tmp_path / 'out'))
    for each in samples:
        metric.process({}, [each])
    found = metric.evaluate(2)
    assert found['averageScoreCategories'] == pytest.approx(0.4372778582571869, abs=1e-12)
    assert found['averageScoreInstCategories'] == pytest.approx(0.7170677098301674, abs=1e-12)
    # printed with three digits
    assert found['averageScoreClasses'] == pytest.approx(0.325, abs=5e-4)
    assert found['averageScoreInstClasses'] == pytest.approx(0.488, abs=5e-4)
    assert not (tmp_path / 'out').exists(), 'predictions are written only on request'


def test_without_instance_files_there_is_no_score_of_instances(samples: list[dict], tmp_path: Path) -> None:
    (tmp_path / 'x1_gtFine_instanceIds.png').unlink()
    metric = CityscapesMetric(str(tmp_path / 'out'))
    metric.process({}, samples)
    found = metric.evaluate(2)
    assert set(found) == {'averageScoreClasses', 'averageScoreCategories'}
    assert found['averageScoreCategories'] == pytest.approx(0.4372778582571869, abs=1e-12)


def test_files_hold_label_ids(samples: list[dict], tmp_path: Path) -> None:
    metric = CityscapesMetric(str(tmp_path / 'out'), format_only=True, keep_results=True)
    for each in samples:
        each.pop('gt_sem_seg')
    metric.process({}, samples)
    assert metric.evaluate(2) == {}
    written = Image.open(tmp_path / 'out' / 'x1_leftImg8bit.png')
    pred = samples[1]['pred_sem_seg']['data'][0].numpy()
    assert written.mode == 'L' and np.array_equal(np.asarray(written), LABEL_IDS[pred])
    assert CityscapesMetric._convert_to_label_id(np.array([[0, 18]])).tolist() == [[7, 33]]


def test_errors_name_the_file_and_the_way_out(samples: list[dict], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='keep_results=True'):
        CityscapesMetric('out', format_only=True)
    metric = CityscapesMetric(str(tmp_path))
    first, second = samples
    first['gt_sem_seg']['data'][0, 0, 0] = 33
    with pytest.raises(DataError, match='x0_gtFine_labelTrainIds.png holds the label 33.*labelTrainIds'):
        metric.process({}, [first])
    second['pred_sem_seg']['data'] = second['pred_sem_seg']['data'][:, 1:]
    with pytest.raises(DataError, match=r'\(24, 32\), but its prediction \(23, 32\)'):
        metric.process({}, [second])
    second.pop('gt_sem_seg')
    with pytest.raises(DataError, match='format_only=True'):
        metric.process({}, [second])
    with pytest.raises(DataError, match='25 was predicted'):
        metric.process({}, [{**first, 'pred_sem_seg': {'data': torch.full((1, 24, 32), 25)}}])

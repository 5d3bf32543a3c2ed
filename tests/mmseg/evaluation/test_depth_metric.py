import math
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from mmengine.utils.errors import ConfigError, DataError
from mmseg.evaluation import DepthMetric


def sample(pred: Any, truth: Any, path: str = 'a/b.jpg') -> dict:
    def planes(values: Any) -> dict:
        return {'data': torch.as_tensor(values, dtype=torch.float32)[None]}

    return {'pred_depth_map': planes(pred), 'gt_depth_map': planes(truth), 'img_path': path}


def test_values_by_hand() -> None:
    metric = DepthMetric()
    metric.process({}, [sample([[2.0, 4.0]], [[1.0, 4.0]])])
    log = math.log(2)
    assert metric.evaluate(1) == pytest.approx(
        {
            'd1': 0.5,
            'd2': 0.5,
            'd3': 0.5,
            'abs_rel': 0.5,
            'sq_rel': 0.5,
            'rmse': math.sqrt(0.5),
            'rmse_log': log * math.sqrt(0.5),
            'log10': math.log10(2) / 2,
            'silog': log * math.sqrt(0.5 - 0.5 * 0.25),
        }
    )


def test_only_depth_within_the_bounds_counts() -> None:
    metric = DepthMetric(['rmse', 'd1'], min_depth_eval=1.0, max_depth_eval=10.0)
    metric.process({}, [sample([[5.0, 0.0, 9.0]], [[4.0, 0.5, 12.0]]), sample([[1.0]], [[0.0]])])
    assert metric.evaluate(2) == {'d1': 0.0 + (5 / 4 < 1.25), 'rmse': 1.0}


def test_the_crop_of_nyu() -> None:
    pred, truth = torch.ones(480, 640), torch.ones(480, 640)
    pred[:45], pred[471:], pred[:, :41], pred[:, 601:] = 9, 9, 9, 9
    metric = DepthMetric('rmse', crop_type='nyu_crop')
    metric.process({}, [sample(pred, truth)])
    assert metric.evaluate(1) == {'rmse': 0.0}
    pred[45, 41] = 9
    metric.process({}, [sample(pred, truth)])
    assert metric.evaluate(1)['rmse'] > 0


def test_predictions_are_written(tmp_path: Path) -> None:
    metric = DepthMetric(output_dir=str(tmp_path / 'out'), format_only=True, depth_scale_factor=1000.0)
    metric.process({}, [{'pred_depth_map': {'data': torch.tensor([[[1.5, 70.0]]])}, 'img_path': 'x/room.jpg'}])
    assert metric.evaluate(1) == {}
    image = cv2.imread(str(tmp_path / 'out/room.png'), cv2.IMREAD_UNCHANGED)
    assert image.dtype == 'uint16' and image.tolist() == [[1500, 65535]]


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(ConfigError, match='rmse_lg'):
        DepthMetric(['rmse_lg'])
    with pytest.raises(ConfigError, match='crop_type'):
        DepthMetric(crop_type='kitty')
    with pytest.raises(ConfigError, match='output_dir'):
        DepthMetric(format_only=True)
    with pytest.raises(DataError, match=r'b\.jpg'):
        DepthMetric().process({}, [sample([[1.0, 2.0]], [[1.0]])])

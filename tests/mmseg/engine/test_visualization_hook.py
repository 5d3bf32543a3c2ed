from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError
from mmengine.visualization import Visualizer
from mmseg.engine.hooks import SegVisualizationHook
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer


@pytest.fixture
def outputs(tmp_path: Path) -> list[SegDataSample]:
    samples = []
    for n in range(2):
        path = str(tmp_path / f'im{n}.png')
        cv2.imwrite(path, np.full((8, 10, 3), (0, 0, 200), np.uint8))
        samples.append(
            SegDataSample(
                metainfo={'img_path': path}, pred_sem_seg=PixelData(data=torch.zeros(8, 10, dtype=torch.long))
            )
        )
    return samples


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple]]:
    calls: list[tuple] = []
    made = SegLocalVisualizer.get_instance('test_visualization_hook')
    monkeypatch.setattr(made, 'add_datasample', lambda *a, **k: calls.append((a, k)))
    yield calls
    for kind in (Visualizer, SegLocalVisualizer):
        kind._instance_dict.pop('test_visualization_hook')


def run(hook: Any, outputs: list, mode: str = 'val', batches: int = 6) -> None:
    for batch_idx in range(batches):
        getattr(hook, f'after_{mode}_iter')(SimpleNamespace(iter=12), batch_idx, None, outputs)


@pytest.mark.parametrize('mode', ['val', 'test'])
def test_draws_each_sample_of_every_nth_batch(mode: str, drawn: list, outputs: list) -> None:
    run(HOOKS.build({'type': 'SegVisualizationHook', 'draw': True, 'interval': 3}), outputs, mode)
    assert [a[0] for a, _ in drawn] == [f'{mode}_im0.png', f'{mode}_im1.png'] * 2
    (_, image), kwargs = drawn[0]
    assert (image == (200, 0, 0)).all(), 'RGB'
    assert kwargs == {'data_sample': outputs[0], 'show': False, 'wait_time': 0.0, 'step': 12}


def test_draws_nothing_unless_asked_to(drawn: list, outputs: list) -> None:
    run(SegVisualizationHook(), outputs)
    run(SegVisualizationHook(draw=True, interval=7), outputs)
    SegVisualizationHook(draw=True, interval=1).after_train_iter(SimpleNamespace(iter=1), 0, None, {'loss': 1})  # type: ignore[arg-type]
    assert drawn == []
    with pytest.raises(ConfigError, match='interval'):
        SegVisualizationHook(interval=0)


def test_show_reaches_the_visualizer(drawn: list, outputs: list) -> None:
    run(SegVisualizationHook(draw=True, interval=6, show=True, wait_time=0.5), outputs)
    assert all(k['show'] and k['wait_time'] == 0.5 for _, k in drawn) and len(drawn) == 2

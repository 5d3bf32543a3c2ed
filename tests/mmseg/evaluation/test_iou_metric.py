"""IoUMetric against the definitions, written plainly in NumPy; in one process and in two."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError, DataError
from mmseg.evaluation import IoUMetric
from mmseg.evaluation.metrics.iou_metric import _histogram
from mmseg.structures import SegDataSample

IGNORE = 255
ALL = ['mIoU', 'mDice', 'mFscore']


def sample(pred: Any, label: Any, path: str = 'x.png', **meta: Any) -> dict:
    element = SegDataSample(metainfo={'img_path': path, **meta})
    element.pred_sem_seg = PixelData(data=torch.as_tensor(pred))
    element.gt_sem_seg = PixelData(data=torch.as_tensor(label))
    return element.to_dict()


def metric(classes: int, **kwargs: Any) -> IoUMetric:
    made = IoUMetric(**kwargs)
    made.dataset_meta = {'classes': [f'class{c}' for c in range(classes)]}
    return made


def plainly(
    preds: Sequence[np.ndarray], labels: Sequence[np.ndarray], classes: int, beta: float = 1
) -> dict[str, float]:
    """The definitions, class by class, over all pixels that are not ignored."""
    pred = np.concatenate([p.ravel() for p in preds])
    label = np.concatenate([y.ravel() for y in labels])
    pred, label = pred[label != IGNORE], label[label != IGNORE]
    rows: dict[str, list[float]] = {k: [] for k in ('IoU', 'Acc', 'Dice', 'Fscore', 'Precision', 'Recall')}
    for c in range(classes):
        tp, fp, fn = (
            int(x.sum()) for x in ((pred == c) & (label == c), (pred == c) & (label != c), (pred != c) & (label == c))
        )
        nan = float('nan')
        precision, recall = tp / (tp + fp) if tp + fp else nan, tp / (tp + fn) if tp + fn else nan
        weighted = beta**2 * precision + recall
        rows['IoU'].append(tp / (tp + fp + fn) if tp + fp + fn else nan)
        rows['Acc'].append(recall)
        rows['Dice'].append(2 * tp / (2 * tp + fp + fn) if tp + fp + fn else nan)
        rows['Precision'].append(precision)
        rows['Recall'].append(recall)
        rows['Fscore'].append((1 + beta**2) * precision * recall / weighted if weighted else nan)
    means = {f'm{k}': np.nanmean(v) if not np.all(np.isnan(v)) else np.nan for k, v in rows.items()}
    return {'aAcc': (pred == label).mean() if label.size else np.nan, **means}


@pytest.fixture
def log(capsys: pytest.CaptureFixture) -> Iterator[Callable[[], str]]:
    """What is logged to a logger of this test's own."""
    MMLogger.get_instance('test_log', log_level='INFO')
    yield lambda: capsys.readouterr().out
    MMLogger._instance_dict.pop('test_log')


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 4), st.sampled_from([1, 2]))
def test_equals_the_definitions(seed: int, classes: int, images: int, beta: int) -> None:
    rng = np.random.default_rng(seed)
    preds, labels = [], []
    for _ in range(images):
        size = tuple(rng.integers(1, 7, 2))
        preds.append(rng.integers(0, classes, size))
        labels.append(np.where(rng.random(size) < 0.2, IGNORE, rng.integers(0, classes, size)))
    made = metric(classes, iou_metrics=ALL, beta=beta)
    for pred, label in zip(preds, labels, strict=True):
        made.process({}, [sample(pred, label.astype(np.uint8) if seed % 2 else label)])
    found = made.evaluate(images)
    expected = plainly(preds, labels, classes, beta)
    assert list(found) == ['aAcc', 'mIoU', 'mAcc', 'mDice', 'mFscore', 'mPrecision', 'mRecall']
    for name, value in found.items():
        assert value == pytest.approx(expected[name] * 100, abs=0.00501, nan_ok=True), name


def test_numbers_of_the_reference() -> None:
    """Made with mmsegmentation 1.2.2 from the same generator."""
    torch.manual_seed(0)
    samples = []
    for _ in range(3):
        pred, label = torch.randint(0, 4, (1, 8, 9)), torch.randint(0, 4, (1, 8, 9))
        label[0, 0, :3] = 255
        samples.append(sample(pred, label))
    expected = {
        'aAcc': 23.19,
        'mIoU': 13.08,
        'mAcc': 23.41,
        'mDice': 23.11,
        'mFscore': 23.11,
        'mPrecision': 23.15,
        'mRecall': 23.41,
    }
    made = metric(4, iou_metrics=ALL)
    made.process({}, samples)
    assert made.evaluate(3) == expected
    for kwargs, numbers in (
        (
            {'iou_metrics': ['mFscore'], 'beta': 2},
            {'aAcc': 23.19, 'mFscore': 23.25, 'mPrecision': 23.15, 'mRecall': 23.41},
        ),
        ({'nan_to_num': -1}, {'aAcc': 23.19, 'mIoU': -9.54, 'mAcc': -1.27}),
    ):
        made = metric(5, **kwargs)
        made.process({}, samples)
        assert made.evaluate(3) == numbers


def test_keeps_one_matrix_and_no_results() -> None:
    made = metric(2)
    assert made.confusion_matrix is None
    for _ in range(3):
        made.process({}, [sample([[0, 1], [1, 1]], [[0, 0], [1, IGNORE]])])
    assert made.results == [] and made.confusion_matrix is not None
    assert made.confusion_matrix.dtype == torch.int64 and made.confusion_matrix.tolist() == [[3, 3], [0, 3]]
    made.evaluate(3)
    assert made.confusion_matrix is None, 'the next validation starts anew'


def test_ignored_pixels_count_nowhere_and_wrong_predictions_only_against() -> None:
    made = metric(2, iou_metrics=['mIoU'])
    made.process({}, [sample([[0, 1, 7, 1]], [[0, 0, 1, IGNORE]])])
    # Class 0: 1 of 2, predicted 1; class 1: 0 of 1, predicted once, at a 0.
    assert made.evaluate(1) == {'aAcc': 33.33, 'mIoU': 25.0, 'mAcc': 25.0}
    made = metric(2, ignore_index=-1)
    made.process({}, [sample([[0, 1]], [[0, -1]])])
    assert made.evaluate(1)['aAcc'] == 100
    made = metric(2, ignore_index=0)
    made.process({}, [sample([[0, 1]], [[0, 1]])])
    assert made.confusion_matrix.tolist() == [[0, 0], [0, 1]]  # type: ignore[union-attr]


def test_labels_that_are_no_class_are_reported_with_their_images() -> None:
    made = metric(2)
    made.process({}, [sample([[0, 1]], [[0, 1]], 'good.png'), sample([[0, 1, 1]], [[2, 2, 7]], 'bad.png')])
    made.process({}, [sample([[0]], [[-3]], 'worse.png'), sample([[0]], [[300]], 'worst.png', seg_map_path='mask.png')])
    with pytest.raises(DataError) as caught:
        made.evaluate(4)
    text = str(caught.value)
    assert '2 (2 pixels), 7 (1 pixels), other (2 pixels), in 3 images' in text
    assert 'bad.png: 3 pixels' in text and 'worse.png: 1' in text and 'mask.png: 1' in text and 'good.png' not in text
    assert '0..1' in text and '255' in text and 'reduce_zero_label' in text


def test_sizes_and_classes_must_be_known() -> None:
    with pytest.raises(DataError, match=r'a.png has the size \(1, 2\), but its prediction \(1, 3\)'):
        metric(2).process({}, [sample([[0, 0, 0]], [[0, 0]], 'a.png')])
    with pytest.raises(ConfigError, match='classes'):
        IoUMetric().process({}, [sample([[0]], [[0]])])


def test_padding_at_the_end_counts_once() -> None:
    made = metric(2)
    evaluator = Evaluator(made)
    evaluator.dataset_meta = made.dataset_meta  # type: ignore[assignment]
    evaluator.expect(2)
    right, wrong = sample([[0, 1]], [[0, 1]]), sample([[1, 0]], [[0, 1]])
    evaluator.process([right, right])
    evaluator.process([wrong])
    assert evaluator.evaluate(2)['aAcc'] == 100


def test_a_loop_that_does_not_tell_the_size_is_warned(log: Callable[[], str]) -> None:
    made = metric(2)
    made.process({}, [sample([[0, 1]], [[0, 1]])] * 3)
    made.evaluate(2)
    assert 'evaluator.expect' in log()


def test_a_class_table_is_logged(log: Callable[[], str]) -> None:
    made = metric(2, iou_metrics=['mIoU'])
    made.dataset_meta = {'classes': ['road', 'traffic light']}
    made.process({}, [sample([[0, 1, 1]], [[0, 0, 1]])])
    made.evaluate(1)
    lines = log().splitlines()[-4:]
    assert lines[0].split() == ['class', 'IoU', 'Acc'] and lines[2].split() == ['road', '50.00', '50.00']
    assert lines[3].split() == ['traffic', 'light', '50.00', '100.00']
    assert len({len(line) for line in lines}) == 1, 'columns are aligned'


@pytest.mark.parametrize('reduce', [True, False])
def test_predictions_are_written(tmp_path: Path, reduce: bool) -> None:
    made = metric(3, output_dir=str(tmp_path / 'out'), format_only=True)
    data = sample([[0, 1], [2, 2]], [[0, 0], [0, 0]], '/data/im.jpg', reduce_zero_label=reduce)
    del data['gt_sem_seg']
    made.process({}, [data])
    assert made.evaluate(1) == {}
    written = np.asarray(Image.open(tmp_path / 'out' / 'im.png'))
    assert written.dtype == np.uint8 and written.tolist() == [[0 + reduce, 1 + reduce], [2 + reduce, 2 + reduce]]


def test_many_classes_need_more_bits(tmp_path: Path) -> None:
    made = metric(300, output_dir=str(tmp_path))
    made.process({}, [sample([[0, 299]], [[1, 299]], 'im.jpg')])
    assert np.asarray(Image.open(tmp_path / 'im.png')).tolist() == [[0, 299]]
    assert made.evaluate(1)['aAcc'] == 50


def test_derived_metrics_that_collect_areas_work() -> None:
    class Own(IoUMetric):
        def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
            for data in data_samples:
                pred, label = data['pred_sem_seg']['data'].squeeze(), data['gt_sem_seg']['data'].squeeze()
                self.results.append(self.intersect_and_union(pred, label, 3, self.ignore_index))

    torch.manual_seed(0)
    samples = [sample(torch.randint(0, 3, (1, 5, 6)), torch.randint(0, 3, (1, 5, 6))) for _ in range(4)]
    own, plain = Own(iou_metrics=ALL), metric(3, iou_metrics=ALL)
    own.dataset_meta = plain.dataset_meta
    for made in (own, plain):
        made.process({}, samples)
    assert own.evaluate(4) == plain.evaluate(4)
    assert own.results == []


def test_derived_metrics_that_compute_get_areas() -> None:
    class Own(IoUMetric):
        def compute_metrics(self, results: list) -> dict[str, float]:
            intersect, union, pred, label = (sum(part) for part in zip(*results, strict=True))
            return {**super().compute_metrics(results), 'hits': float(intersect.sum() + union.sum() - pred.sum())}

    made = Own(iou_metrics=['mIoU', 'mOwn'][:1])
    made.dataset_meta = {'classes': ['a', 'b']}
    made.process({}, [sample([[0, 1]], [[0, 0]])])
    assert made.evaluate(1) == {'aAcc': 50.0, 'mIoU': 25.0, 'mAcc': 50.0, 'hits': 2.0}


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigError, match='mIoU, mDice, mFscore, but got mIou'):
        IoUMetric(iou_metrics=['mIou'])
    with pytest.raises(ConfigError, match='output_dir'):
        IoUMetric(format_only=True)


def test_areas_and_metrics_as_functions() -> None:
    areas = IoUMetric.intersect_and_union(torch.tensor([[0, 1], [1, 7]]), torch.tensor([[0, 0], [255, 1]]), 3, 255)
    assert [a.tolist() for a in areas] == [[1, 0, 0], [2, 2, 0], [1, 1, 0], [2, 1, 0]]
    found = IoUMetric.total_area_to_metrics(*areas, ['mIoU'], nan_to_num=0)
    assert found['aAcc'] == pytest.approx(1 / 3) and found['IoU'].tolist() == [0.5, 0, 0]


def test_the_histogram_of_accelerators_equals_bincount() -> None:
    values = torch.randint(0, 9, (1000,), generator=torch.Generator().manual_seed(0))
    other = torch.zeros(12, dtype=torch.int64).scatter_add_(0, values, torch.ones_like(values))
    assert torch.equal(other, _histogram(values, 12))


SCRIPT = """
import torch
from mmengine import dist
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.utils.errors import DataError
from mmseg.evaluation import IoUMetric

dist.init_dist('pytorch', timeout=60)
rank = dist.get_rank()

def sample(index, bad=False):
    g = torch.Generator().manual_seed(index)
    pred, label = (torch.randint(0, 3, (1, 4, 5), generator=g) for _ in range(2))
    if bad:
        label[0, 0, 0] = 9
    return dict(pred_sem_seg=dict(data=pred), gt_sem_seg=dict(data=label), img_path=f'{index}.png')

def alone(size):
    areas = [IoUMetric.intersect_and_union(s['pred_sem_seg']['data'], s['gt_sem_seg']['data'], 3, 255)
             for s in map(sample, range(size))]
    metric = IoUMetric()
    metric.dataset_meta = dict(classes='abc')
    return metric.compute_metrics(areas)

class Count(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += [s['img_path'] for s in data_samples]
    def compute_metrics(self, results):
        assert results == [f'{i}.png' for i in range(len(results))], results
        return {'count': len(results)}

class Fails(Count):
    def compute_metrics(self, results):
        raise ZeroDivisionError('on rank 0')

for size in (1, 4, 5):
    for shuffle, metrics in ((False, [IoUMetric(), Count()]), (True, [IoUMetric()])):
        evaluator = Evaluator(metrics)
        evaluator.dataset_meta = dict(classes='abc')
        evaluator.expect(size)
        indices = list(DefaultSampler(range(size), shuffle=shuffle, seed=0))
        for start in range(0, len(indices), 2):
            evaluator.process([sample(int(i)) for i in indices[start : start + 2]])
        found = evaluator.evaluate(size)
        assert found.pop('count', size) == size
        assert found == alone(size), (size, found, alone(size))

# A rank without any sample.
evaluator = Evaluator(IoUMetric())
evaluator.dataset_meta = dict(classes='abc')
evaluator.expect(1)
evaluator.process([sample(0)] if rank == 0 else [])
assert evaluator.evaluate(1) == alone(1)

# Wrong labels on one rank are reported on all.
evaluator.expect(2)
evaluator.process([sample(rank, bad=rank == 1)])
try:
    evaluator.evaluate(2)
except DataError as error:
    assert '9 (1 pixels), in 1 images' in str(error) and '1.png' in str(error), error
else:
    raise AssertionError('no error')

# A failure on rank 0 ends the others, too.
evaluator = Evaluator(Fails())
evaluator.process([sample(rank)])
try:
    evaluator.evaluate(2)
except (ZeroDivisionError if rank == 0 else RuntimeError) as error:
    assert 'on rank 0' in str(error)
else:
    raise AssertionError('no error')
torch.distributed.destroy_process_group()
"""


@pytest.mark.dist
def test_two_processes_count_each_sample_once() -> None:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    common = {
        **os.environ,
        'MASTER_ADDR': '127.0.0.1',
        'MASTER_PORT': str(port),
        'WORLD_SIZE': '2',
        'OMP_NUM_THREADS': '1',
    }
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', SCRIPT],
            env={**common, 'RANK': str(rank), 'LOCAL_RANK': str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=120)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], '\n'.join(outputs)

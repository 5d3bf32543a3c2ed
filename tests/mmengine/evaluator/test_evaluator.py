from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch

from mmengine.evaluator import BaseMetric, DumpResults, Evaluator, get_metric_value
from mmengine.evaluator.metric import _to_cpu, samples_of_rank
from mmengine.fileio import load
from mmengine.logging import MMLogger
from mmengine.registry import EVALUATOR, METRICS
from mmengine.structures import BaseDataElement
from mmengine.utils.errors import ConfigError


class Count(BaseMetric):
    """Collects."""

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        self.results.extend(data_samples)
        self.batch = data_batch

    def compute_metrics(self, results: list) -> dict:
        return {'count': len(results)}


class Total(BaseMetric):
    """Accumulates: the protocol of `gather_results`."""

    total = 0

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        self.total += sum(s['n'] for s in data_samples)

    def gather_results(self, size: int) -> list:
        total, self.total = self.total, 0
        return [total]

    def compute_metrics(self, results: list) -> dict:
        return {'total': results[0]}


@pytest.fixture
def registered() -> Iterator[None]:
    METRICS.register_module(name='CountOfTest', module=Count)
    yield
    METRICS.module_dict.pop('CountOfTest')


@pytest.fixture
def log(capsys: pytest.CaptureFixture) -> Iterator[Callable[[], str]]:
    """What is logged to a logger of this test's own."""
    MMLogger.get_instance('test_log', log_level='INFO')
    yield lambda: capsys.readouterr().out
    MMLogger._instance_dict.pop('test_log')


def test_results_are_collected_and_cleared() -> None:
    metric = Count()
    for _ in range(2):
        metric.process(None, [{}, {}, {}])
        assert metric.evaluate(3) == {'count': 3}
        assert metric.results == []


def test_what_pads_the_last_batch_is_cut_off() -> None:
    metric = Count()
    metric.process(None, [{}] * 4)
    assert metric.evaluate(3) == {'count': 3}


def test_prefixes() -> None:
    class Named(Count):
        default_prefix = 'mine'

    assert list(Named().evaluate(0)) == ['mine/count'] and list(Named(prefix='x').evaluate(0)) == ['x/count']


def test_an_empty_metric_says_so(log: Callable[[], str]) -> None:
    assert Count().evaluate(2) == {'count': 0}
    assert 'Count has no results' in log()


def test_a_metric_may_accumulate(log: Callable[[], str]) -> None:
    metric = Total(prefix='p')
    for _ in range(2):
        metric.process(None, [{'n': 1}, {'n': 4}])
        assert metric.evaluate(2) == {'p/total': 5}
    assert 'no results' not in log()


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigError, match='collect_dir'):
        Count(collect_device='gpu', collect_dir='x')
    with pytest.raises(ValueError, match='collect_device|device'):
        Count(collect_device='tpu').evaluate(1)
    with pytest.raises(TypeError, match='abstract'):
        BaseMetric()  # type: ignore[abstract]


def test_evaluator_builds_metrics_and_joins_their_results(registered: None) -> None:
    evaluator = Evaluator([{'type': 'CountOfTest', 'prefix': 'a'}, Total()])
    evaluator.process([BaseDataElement(n=2, metainfo={'path': 'x'}), {'n': 3}], data_batch='batch')
    first = evaluator.metrics[0]
    assert first.results == [{'path': 'x', 'n': 2}, {'n': 3}] and first.batch == 'batch'  # type: ignore[attr-defined]
    assert evaluator.evaluate(2) == {'a/count': 2, 'total': 5}
    assert len(Evaluator({'type': 'CountOfTest'}).metrics) == len(Evaluator(Count()).metrics) == 1
    assert isinstance(EVALUATOR.build({'type': 'Evaluator', 'metrics': Count()}), Evaluator)


def test_dataset_meta_and_size_reach_all_metrics() -> None:
    evaluator = Evaluator([Count(), Total()])
    assert evaluator.dataset_meta is None
    evaluator.dataset_meta = {'classes': ('a',)}
    evaluator.expect(7)
    assert all(m.dataset_meta == {'classes': ('a',)} and m.dataset_size == 7 for m in evaluator.metrics)


def test_the_same_name_twice_names_both_metrics() -> None:
    class Other(Count):
        pass

    evaluator = Evaluator([Count(), Other()])
    with pytest.raises(ConfigError, match="Count and Other both give the metric 'count'.*prefix"):
        evaluator.evaluate(0)


@pytest.mark.parametrize('chunk_size', [1, 2, 10])
def test_offline_evaluation(chunk_size: int) -> None:
    evaluator = Evaluator([Count(), Total()])
    assert evaluator.offline_evaluate([{'n': n} for n in range(5)], list(range(5)), chunk_size) == {
        'count': 5,
        'total': 10,
    }
    assert evaluator.metrics[0].batch[-1] == 4  # type: ignore[attr-defined]
    assert evaluator.offline_evaluate([{'n': 1}])['count'] == 1
    with pytest.raises(ValueError, match='1 predictions'):
        evaluator.offline_evaluate([{'n': 1}], [1, 2])


def test_dump_results_writes_cpu_tensors(tmp_path: Any) -> None:
    path = str(tmp_path / 'out.pkl')
    metric = DumpResults(path)
    metric.process(None, [{'pred': torch.ones(2)}, {'pred': torch.zeros(2)}])
    assert metric.evaluate(2) == {}
    assert [float(r['pred'].sum()) for r in load(path)] == [2, 0]
    with pytest.raises(ConfigError, match='pkl'):
        DumpResults('out.json')


def test_to_cpu_goes_through_containers() -> None:
    data = {'a': [torch.ones(1)], 'b': (BaseDataElement(t=torch.ones(1)), 'text')}
    moved = _to_cpu(data)
    assert moved['a'][0].device.type == 'cpu' and isinstance(moved['b'], tuple) and moved['b'][1] == 'text'


@pytest.mark.parametrize('world', [1, 2, 3, 7])
def test_shares_of_ranks_add_up(world: int) -> None:
    for size in range(10):
        shares = [samples_of_rank(size, rank, world) for rank in range(world)]
        assert shares == [len(range(rank, size, world)) for rank in range(world)]


def test_finding_metrics_by_name() -> None:
    metrics = {'seg/mIoU': 1, 'loss': 2, 'det/loss': 3}
    assert get_metric_value('mIoU', metrics) == 1 and get_metric_value('seg/mIoU', metrics) == 1
    for name in ('acc', 'seg/acc'):
        with pytest.raises(ValueError, match=f'{name}.*seg/mIoU'):
            get_metric_value(name, metrics)
    with pytest.raises(ValueError, match='loss, det/loss'):
        get_metric_value('loss', metrics)

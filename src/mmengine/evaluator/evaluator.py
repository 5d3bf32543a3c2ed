"""Several metrics over the same predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.dataset import pseudo_collate
from mmengine.registry import EVALUATOR, METRICS
from mmengine.structures import BaseDataElement
from mmengine.utils.errors import ConfigError

from .metric import BaseMetric


@EVALUATOR.register_module()
class Evaluator:
    """Hands predictions to metrics and joins what they find.

    Args:
        metrics: metrics or their configs, one or several.
    """

    def __init__(self, metrics: dict | BaseMetric | Sequence) -> None:
        self._dataset_meta: dict | None = None
        given = metrics if isinstance(metrics, Sequence) else [metrics]
        self.metrics: list[BaseMetric] = [METRICS.build(m) if isinstance(m, dict) else m for m in given]

    @property
    def dataset_meta(self) -> dict | None:
        """`metainfo` of the dataset; setting it sets that of all metrics."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self._dataset_meta = dataset_meta
        for metric in self.metrics:
            metric.dataset_meta = dataset_meta

    def expect(self, size: int | None) -> None:
        """Say before the first batch how many samples the dataset has; what a rank sees beyond its share is padding."""
        for metric in self.metrics:
            metric.dataset_size = size

    def process(self, data_samples: Sequence[BaseDataElement | dict], data_batch: Any = None) -> None:
        """Hand a batch to all metrics; data elements become dicts."""
        plain = [s.to_dict() if isinstance(s, BaseDataElement) else s for s in data_samples]
        for metric in self.metrics:
            metric.process(data_batch, plain)

    def evaluate(self, size: int) -> dict:
        """All metrics by name.

        Args:
            size: number of samples, padding not counted.

        Raises:
            ConfigError: two metrics give the same name.
        """
        merged: dict[str, Any] = {}
        owners: dict[str, str] = {}
        for metric in self.metrics:
            for name, value in metric.evaluate(size).items():
                kind = type(metric).__name__
                if name in merged:
                    raise ConfigError(
                        f'{owners[name]} and {kind} both give the metric {name!r}; set `prefix` of one of them'
                    )
                merged[name], owners[name] = value, kind
        return merged

    def offline_evaluate(self, data_samples: Sequence, data: Sequence | None = None, chunk_size: int = 1) -> dict:
        """The metrics of predictions that exist already, `chunk_size` at a time."""
        if data is not None and len(data) != len(data_samples):
            raise ConfigError(f'{len(data_samples)} predictions do not fit {len(data)} samples of data')
        self.expect(None)
        for start in range(0, len(data_samples), chunk_size):
            end = start + chunk_size
            self.process(data_samples[start:end], None if data is None else pseudo_collate(data[start:end]))
        return self.evaluate(len(data_samples))

"""What the metrics of this package yield, so that `save_best` can be checked; and their arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.config.checking import CheckContext, Finding, nearest, rule
from mmengine.registry.check_types import Part, parts_at
from mmengine.runner.check_run import YIELDS
from mmseg.evaluation.metrics.iou_metric import METRICS_OF

DEPTH_METRICS = ('d1', 'd2', 'd3', 'abs_rel', 'sq_rel', 'rmse', 'rmse_log', 'log10', 'silog')


def _iou(part: Part) -> list[str]:
    if part.get('format_only'):
        return []
    asked: Any = part.get('iou_metrics')
    names = [asked] if isinstance(asked, str) else asked if isinstance(asked, (list, tuple)) else []
    return list(dict.fromkeys(['aAcc', *(f'm{each}' for name in names for each in METRICS_OF.get(str(name), ()))]))


YIELDS['IoUMetric'] = _iou
YIELDS['CityscapesMetric'] = lambda part: (
    []
    if part.get('format_only')
    else [f'averageScore{of}' for of in ('Classes', 'Categories', 'InstClasses', 'InstCategories')]
)
YIELDS['DepthMetric'] = lambda part: list(part.get('depth_metrics') or DEPTH_METRICS)


@rule('iou-metrics')
def iou_metrics_exist(ctx: CheckContext) -> Iterator[Finding]:
    """`iou_metrics` has something else than mIoU, mDice and mFscore, or `format_only` has no `output_dir`."""
    for part in parts_at(ctx, 'val_evaluator', 'test_evaluator'):
        if part.name != 'IoUMetric':
            continue
        asked = part.get('iou_metrics')
        for name in [asked] if isinstance(asked, str) else asked if isinstance(asked, (list, tuple)) else ():
            if str(name) not in METRICS_OF:
                yield ctx.at(part.node, 'iou_metrics', f'there is no metric {name!r}', nearest(str(name), METRICS_OF))
        if part.get('format_only') and part.get('output_dir') is None:
            yield ctx.at(part.node, 'format_only', 'format_only writes predictions to files', 'set output_dir')

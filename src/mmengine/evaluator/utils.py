"""Finding metrics by name."""

from __future__ import annotations

import logging
from typing import Any

from mmengine.logging import print_log
from mmengine.utils.errors import ConfigError


def get_metric_value(indicator: str, metrics: dict[str, Any]) -> Any:
    """The metric called `indicator`, or the only one that ends in `/indicator`.

    Raises:
        ConfigError: none, or several.
    """
    if '/' in indicator:
        if indicator in metrics:
            return metrics[indicator]
        raise ConfigError(f'there is no metric {indicator!r}; there are {", ".join(metrics)}')
    matched = [k for k in metrics if k.split('/')[-1] == indicator]
    if not matched:
        raise ConfigError(f'there is no metric {indicator!r}; there are {", ".join(metrics)}')
    if len(matched) > 1:
        raise ConfigError(f'{indicator!r} stands for several metrics: {", ".join(matched)}; use one of these')
    if matched[0] != indicator:
        print_log(f'{indicator} means the metric {matched[0]}', 'current', logging.INFO)
    return metrics[matched[0]]

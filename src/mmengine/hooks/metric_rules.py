"""Whether more or less of a metric is better."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from mmengine.utils.errors import ConfigError

RULES: dict[str, Callable[[Any, Any], bool]] = {'greater': operator.gt, 'less': operator.lt}
WORST = {'greater': -inf, 'less': inf}
GREATER_KEYS = ['acc', 'top', 'AR@', 'auc', 'precision', 'mAP', 'mDice', 'mIoU', 'mAcc', 'aAcc']
LESS_KEYS = ['loss']


def rule_of(metric: str, greater_keys: Sequence[str], less_keys: Sequence[str], asked_by: str) -> str:
    """'greater' or 'less', by the name of a metric: equal to a key, else containing one, whatever the case.

    Of a name such as `val/loss` the last part counts first.

    Raises:
        ConfigError: the name tells nothing.
    """
    known = {'greater': [k.lower() for k in greater_keys], 'less': [k.lower() for k in less_keys]}
    whole, last = metric.lower(), metric.rsplit('/', 1)[-1].lower()
    for rule, keys in known.items():
        if whole in keys or last in keys:
            return rule
    for name in (last, whole):
        for rule, keys in known.items():
            if any(key in name for key in keys):
                return rule
    raise ConfigError(
        f'{asked_by}: whether a greater or a less {metric!r} is better cannot be told from its name; '
        "set rule='greater' or rule='less'"
    )

"""Polynomial decay to a share of each group's learning rate."""

from __future__ import annotations

from typing import Any

from mmengine.optim import PolyLR
from mmseg.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class PolyLRRatio(PolyLR):
    """`PolyLR` whose smallest value is `eta_min_ratio` of each group's initial one, if that is given."""

    def __init__(self, eta_min_ratio: float | None = None, *args: Any, **kwargs: Any) -> None:
        self.eta_min_ratio = eta_min_ratio
        super().__init__(*args, **kwargs)

    def _get_value(self) -> list:
        if self.last_step == 0 or self.eta_min_ratio is None:
            return super()._get_value()
        share = self._share_left()
        lows = [base * self.eta_min_ratio for base in self.base_values]
        return [(value - low) * share + low for value, low in zip(self._current(), lows, strict=False)]

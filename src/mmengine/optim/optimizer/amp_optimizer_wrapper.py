"""Mixed precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.utils.errors import ConfigError

from .optimizer_wrapper import OptimWrapper

_DTYPES = ('float16', 'bfloat16', 'float32', 'float64')


@OPTIM_WRAPPERS.register_module()
class AmpOptimWrapper(OptimWrapper):
    """Runs the forward in autocast, and for float16 scales the loss so that small gradients do not vanish.

    Args:
        loss_scale: for float16: `'dynamic'`, a fixed scale, or arguments of `torch.amp.GradScaler`. bfloat16 has the
            exponents of float32 and is not scaled.
        dtype: of autocast, a name or a `torch.dtype`; by default that of the device (float16 on CUDA, bfloat16 on CPU).
        use_fsdp: accepted for old configs; `GradScaler` of today serves sharded models as well.
        kwargs: for `OptimWrapper`.
    """

    valid_dtypes = _DTYPES

    def __init__(
        self,
        loss_scale: str | float | dict = 'dynamic',
        dtype: str | torch.dtype | None = None,
        use_fsdp: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        cast_dtype: torch.dtype | None = getattr(torch, dtype) if dtype in _DTYPES else dtype  # type: ignore
        if cast_dtype is not None and not isinstance(cast_dtype, torch.dtype):
            raise ConfigError(f'dtype should be one of {", ".join(_DTYPES)}, but got {dtype!r}')
        params = self._params()
        device = params[0].device.type if params else 'meta'
        self.device_type = get_device() if device == 'meta' else device
        self.cast_dtype = cast_dtype
        used = cast_dtype or torch.get_autocast_dtype(self.device_type)
        self._scale_update_param: float | None = None
        if loss_scale == 'dynamic':
            scaler: dict[str, Any] = {}
        elif isinstance(loss_scale, dict):
            scaler = dict(loss_scale)
        elif isinstance(loss_scale, int | float) and not isinstance(loss_scale, bool):
            self._scale_update_param = float(loss_scale)
            scaler = {'init_scale': float(loss_scale)}
        else:
            raise ConfigError(f"loss_scale should be 'dynamic', a number or a dict, but got {loss_scale!r}")
        scaler['enabled'] = scaler.get('enabled', True) and used == torch.float16
        self.loss_scaler = GradScaler(self.device_type, **scaler)
        # Optimizers that skip inside of their kernel tell nobody; of these the scale is compared, which waits for it.
        self._skips_inside = getattr(self.optimizer, '_step_supports_amp_scaling', False)
        if self.loss_scaler.is_enabled():
            self.optimizer.register_step_post_hook(self._note_step)

    def _note_step(self, *_: Any) -> None:
        self.step_skipped = False

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        self.step_skipped = False
        self.loss_scaler.scale(loss).backward(**kwargs)
        self._inner_count += 1

    def step(self, **kwargs: Any) -> None:
        """Clip and step; where float16 overflowed the scaler leaves the step out and lowers its scale."""
        if self.clip_grad_kwargs is not None:
            self.loss_scaler.unscale_(self.optimizer)
            self._clip_grad()
        scaled = self.loss_scaler.is_enabled()
        before = self.loss_scaler.get_scale() if scaled and self._skips_inside else 0.0
        self.step_skipped = scaled
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update(self._scale_update_param)
        if scaled and self._skips_inside:
            self.step_skipped = self.loss_scaler.get_scale() < before

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        with super().optim_context(model), torch.autocast(self.device_type, dtype=self.cast_dtype):
            yield

    def state_dict(self) -> dict:
        """That of `OptimWrapper`, and `loss_scaler`, which is empty where nothing is scaled."""
        return {**super().state_dict(), 'loss_scaler': self.loss_scaler.state_dict()}

    def load_state_dict(self, state_dict: dict) -> None:
        state = dict(state_dict)
        scaler = state.pop('loss_scaler', None)
        super().load_state_dict(state)
        if scaler and self.loss_scaler.is_enabled():
            self.loss_scaler.load_state_dict(scaler)
        elif self.loss_scaler.is_enabled():
            print_log('The checkpoint has no state of a loss scaler; its scale starts anew.', logger='current')

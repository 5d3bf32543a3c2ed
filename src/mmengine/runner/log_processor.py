"""Turns the message hub into a line of text and a dict of numbers."""

from __future__ import annotations

import copy
import datetime
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmengine.device import get_max_cuda_memory, is_cuda_available
from mmengine.registry import LOG_PROCESSORS

if TYPE_CHECKING:
    from .runner import Runner


@LOG_PROCESSORS.register_module()
class LogProcessor:
    """Args:
    window_size: iterations that losses and times are averaged over.
    by_epoch: whether lines count in epochs (`Epoch(train) [2][10/20]`) or iterations (`Iter(train) [10/40000]`).
    custom_cfg: further statistics: dicts with `data_src`, `method_name` and optionally `log_name`, `window_size`
        (an integer, 'epoch' or 'global') and further arguments of the method.
    num_digits: significant digits of logged numbers.
    log_with_hierarchy: keep the prefix `train/`, `val/` in the names of scalars.
    mean_pattern: names that match are averaged over the window; the others are logged as they are.
    """

    def __init__(
        self,
        window_size: int = 10,
        by_epoch: bool = True,
        custom_cfg: list[dict] | None = None,
        num_digits: int = 4,
        log_with_hierarchy: bool = False,
        mean_pattern: str = r'.*(loss|time|data_time|grad_norm).*',
    ) -> None:
        self.window_size = window_size
        self.by_epoch = by_epoch
        self.custom_cfg = [] if custom_cfg is None else custom_cfg
        self.num_digits = num_digits
        self.log_with_hierarchy = log_with_hierarchy
        self.mean_pattern = re.compile(mean_pattern)
        names = [c.get('log_name', c['data_src']) for c in self.custom_cfg]
        doubled = {n for n in names if names.count(n) > 1}
        if doubled:
            raise ValueError(f'custom_cfg of the log processor gives {sorted(doubled)} more than once; set log_name')
        for cfg in self.custom_cfg:
            if cfg.get('window_size') == 'epoch' and not by_epoch:
                raise ValueError(f"window_size='epoch' of {cfg['data_src']!r} needs by_epoch=True")

    def get_log_after_iter(self, runner: Runner, batch_idx: int, mode: str) -> tuple[dict, str]:
        """The numbers and the line of iteration `batch_idx` of `mode` ('train', 'val' or 'test')."""
        tag = self._collect(runner, batch_idx, mode)
        # The numbers of a parameter group (`lr`) stand first, as in `lr: 1.0000e-02`.
        parts = [self._place(runner, batch_idx, mode)]
        parts += [
            f'{k}: {v:.{self.num_digits}e}' for k, v in tag.items() if k.endswith('lr') and not isinstance(v, dict)
        ]
        eta = runner.message_hub.get_info('eta')
        if eta is not None:
            parts.append(f'eta: {datetime.timedelta(seconds=int(eta))}')
        named = {k.rsplit('/', 1)[-1]: v for k, v in tag.items()}
        for key in ('time', 'data_time'):
            if key in named:
                parts.append(f'{key}: {named[key]:.{self.num_digits}f}')
        if is_cuda_available():
            memory = get_max_cuda_memory()
            parts.append(f'memory: {memory}')
            tag['memory'] = memory
        if mode == 'train':
            skip = ('time', 'data_time', 'memory')
            parts += [
                f'{k}: {v:.{self.num_digits}f}'
                for k, v in tag.items()
                if k.rsplit('/', 1)[-1] not in skip and not k.endswith('lr')
            ]
            tag['epoch' if self.by_epoch else 'iter'] = (runner.epoch if self.by_epoch else runner.iter) + 1
        return tag, '  '.join(parts)

    def get_log_after_epoch(
        self, runner: Runner, batch_idx: int, mode: str, with_non_scalar: bool = False
    ) -> tuple[dict, str]:
        """The metrics and the line after a validation or test; with `with_non_scalar` other results as well."""
        scalars = self._collect(runner, batch_idx, mode, whole_epoch=True)
        others = {
            self._name(k, mode): v for k, v in runner.message_hub.runtime_info.items() if k.startswith(f'{mode}/')
        }
        place = self._place(runner, batch_idx - 1, mode)
        parts = [
            f'{k}: {v:.{self.num_digits}f}'
            for k, v in scalars.items()
            if k.rsplit('/')[-1] not in ('time', 'data_time')
        ]
        parts += [f'{k}: {v}' for k, v in others.items()]
        parts += [
            f'{k}: {v:.{self.num_digits}f}' for k, v in scalars.items() if k.rsplit('/')[-1] in ('time', 'data_time')
        ]
        return {**scalars, **(others if with_non_scalar else {})}, '  '.join([place, *parts])

    def _place(self, runner: Runner, batch_idx: int, mode: str) -> str:
        """`Epoch(train) [2][10/20]` or `Iter(train) [10/40000]`."""
        if mode == 'train':
            if self.by_epoch:
                length = self._get_dataloader_size(runner, mode)
                return f'Epoch(train) [{runner.epoch + 1}][{batch_idx + 1:>{len(str(length))}}/{length}]'
            return f'Iter(train) [{runner.iter + 1:>{len(str(runner.max_iters))}}/{runner.max_iters}]'
        length = self._get_dataloader_size(runner, mode)
        count = f'[{batch_idx + 1:>{len(str(length))}}/{length}]'
        if self.by_epoch:
            return f'Epoch({mode}) [{runner.epoch}]{count}' if mode == 'val' else f'Epoch({mode}) {count}'
        return f'Iter({mode}) {count}'

    def _get_dataloader_size(self, runner: Runner, mode: str) -> int:
        """How many batches the line counts to."""
        return len(self._get_cur_loop(runner, mode).dataloader)

    def _get_cur_loop(self, runner: Runner, mode: str) -> Any:
        return getattr(runner, f'{mode}_loop')

    def _name(self, key: str, mode: str) -> str:
        return key if self.log_with_hierarchy else key.removeprefix(f'{mode}/')

    def _collect(self, runner: Runner, batch_idx: int, mode: str, whole_epoch: bool = False) -> dict[str, Any]:
        hub = runner.message_hub
        tag: dict[str, Any] = {}
        buffers = {k.removeprefix(f'{mode}/'): b for k, b in hub.log_scalars.items() if k.startswith(f'{mode}/')}
        window = max(1, min(self.window_size, batch_idx + 1)) if not whole_epoch else max(1, batch_idx)
        for key, buffer in buffers.items():
            name = f'{mode}/{key}' if self.log_with_hierarchy else key
            averaged = self.mean_pattern.search(key) and (not whole_epoch or key in ('time', 'data_time'))
            tag[name] = buffer.mean(window) if averaged else buffer.current()
        for cfg in self.custom_cfg:
            cfg = copy.copy(dict(cfg))
            source, method = cfg.pop('data_src'), cfg.pop('method_name')
            if source not in buffers:
                continue
            name = cfg.pop('log_name', source)
            if 'window_size' in cfg:
                cfg['window_size'] = self._window(cfg['window_size'], runner, batch_idx)
            tag[f'{mode}/{name}' if self.log_with_hierarchy else name] = buffers[source].statistics(method, **cfg)
        return {k: v.item() if isinstance(v, (np.generic, torch.Tensor)) else v for k, v in tag.items()}

    def _window(self, size: int | str, runner: Runner, batch_idx: int) -> int:
        if size == 'epoch':
            return batch_idx + 1
        if size == 'global':
            return runner.iter + 1
        if isinstance(size, int):
            return min(size, batch_idx + 1)
        raise ValueError(f"window_size should be an integer, 'epoch' or 'global', but got {size!r}")

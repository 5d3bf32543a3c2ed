"""The count of batches in a log line can be overridden, as projects do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mmengine.logging import MessageHub
from mmengine.runner import LogProcessor


class Halved(LogProcessor):
    def _get_dataloader_size(self, runner: Any, mode: str) -> int:
        assert self._get_cur_loop(runner, mode) is runner.train_loop
        return super()._get_dataloader_size(runner, mode) // 2


def test_the_count_can_be_overridden() -> None:
    runner: Any = SimpleNamespace(
        train_loop=SimpleNamespace(dataloader=range(20)),
        message_hub=MessageHub.get_instance('test_the_count_can_be_overridden'),
        epoch=0,
        iter=2,
    )
    assert Halved().get_log_after_iter(runner, 2, 'train')[1].startswith('Epoch(train) [1][ 3/10]')
    assert LogProcessor().get_log_after_iter(runner, 2, 'train')[1].startswith('Epoch(train) [1][ 3/20]')

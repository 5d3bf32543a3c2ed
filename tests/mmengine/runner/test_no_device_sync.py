"""Between two log points nothing is read back from the device."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from helpers.toy import toy_runner

READS = ('item', 'cpu', 'tolist', 'numpy', '__bool__')


def test_nothing_is_read_between_two_log_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: Counter = Counter()

    def counted(name: str) -> None:
        original = getattr(torch.Tensor, name)

        def read(self: torch.Tensor, *args: object, **kwargs: object) -> object:
            reads[name] += self.is_floating_point()  # averaged models count their steps on the host
            return original(self, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, name, read)

    for name in READS:
        counted(name)
    monkeypatch.setattr(torch.cuda, 'synchronize', lambda *_: reads.update(['synchronize']))
    seen: list[int] = []
    runner = toy_runner(
        tmp_path,
        iters=12,
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.01, 'momentum': 0.9}, 'clip_grad': {'max_norm': 1.0}},
        custom_hooks=[{'type': 'EMAHook'}],
        default_hooks={
            'logger': {'type': 'LoggerHook', 'interval': 10},
            'checkpoint': {'type': 'CheckpointHook', 'interval': 100, 'by_epoch': False, 'save_last': False},
        },
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
    )
    runner.model.forward = _quiet(runner.model)
    runner.on('before_train_iter', lambda runner: seen.append(sum(reads.values())), priority='HIGHEST')
    runner.on('after_train_iter', lambda runner: seen.append(sum(reads.values())), priority='LOWEST')
    runner.train()
    per_iteration = [after - before for before, after in zip(seen[0::2], seen[1::2], strict=True)]
    assert len(per_iteration) == 12
    # The tenth logs.
    assert all(count == 0 for i, count in enumerate(per_iteration, 1) if i != 10), (per_iteration, reads)


def _quiet(model: torch.nn.Module):  # type: ignore[no-untyped-def]
    """The toy model without what it records for other tests."""

    def forward(inputs, data_samples=None, mode='tensor'):  # type: ignore[no-untyped-def]
        x = torch.stack(list(inputs))
        return {'loss': (model.net(x) - x.sum(1, keepdim=True)).square().mean()}

    return forward

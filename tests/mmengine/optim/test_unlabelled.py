"""Calls of optimizers without torch's profiler label do what the labelled ones do."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from mmengine.optim.optimizer import unlabelled


def optimizer_with_grad(
    kind: type[torch.optim.Optimizer] = torch.optim.SGD,
) -> tuple[torch.optim.Optimizer, nn.Parameter]:
    param = nn.Parameter(torch.ones(2))
    param.grad = torch.ones(2)
    return kind([param], lr=0.5), param  # type: ignore[call-arg]


@pytest.mark.parametrize('kind', [torch.optim.SGD, torch.optim.AdamW, torch.optim.Adagrad])
def test_steps_are_those_of_torch(kind: type[torch.optim.Optimizer]) -> None:
    (ours, a), (theirs, b) = optimizer_with_grad(kind), optimizer_with_grad(kind)
    for _ in range(3):
        unlabelled.step(ours)
        theirs.step()
    assert torch.equal(a, b) and not torch.equal(a, torch.ones(2))
    unlabelled.zero_grad(ours)
    assert a.grad is None


def test_hooks_of_the_optimizer_and_of_all_optimizers_run() -> None:
    optimizer, _ = optimizer_with_grad()
    seen = []
    handles = [
        optimizer.register_step_pre_hook(lambda *_: seen.append('before')),
        optimizer.register_step_post_hook(lambda *_: seen.append('after')),
    ]
    unlabelled.step(optimizer)
    for handle in handles:
        handle.remove()
    handle = register_optimizer_step_pre_hook(lambda *_: seen.append('any'))
    try:
        unlabelled.step(optimizer)
    finally:
        handle.remove()
    unlabelled.step(optimizer)
    assert seen == ['before', 'after', 'any']


def test_a_patched_step_and_arguments_are_respected() -> None:
    optimizer, param = optimizer_with_grad()
    unlabelled.step(optimizer, closure=lambda: float(param.grad.fill_(2.0).sum()))  # type: ignore[union-attr]
    assert param.tolist() == [0.0, 0.0]
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    unlabelled.step(optimizer)
    assert optimizer._opt_called  # type: ignore[attr-defined]  # what schedulers of torch patch in to see the order


def test_a_profiler_sees_the_label() -> None:
    optimizer, _ = optimizer_with_grad()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        unlabelled.step(optimizer)
    assert any(event.key == 'Optimizer.step#SGD.step' for event in profile.key_averages())


def test_an_optimizer_of_another_kind_is_stepped() -> None:
    class Own(torch.optim.SGD):
        def step(self, closure: object = None) -> None:  # type: ignore[override]
            super().step()
            self.stepped = True

    optimizer, param = optimizer_with_grad(Own)
    unlabelled.step(optimizer)
    assert optimizer.stepped and param.tolist() == [0.5, 0.5]  # type: ignore[attr-defined]

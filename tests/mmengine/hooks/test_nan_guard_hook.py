"""Where numbers stop being finite: found, named, kept; the run stops or goes on."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.toy import ToyModel, toy_runner
from torch import nn

from mmengine.hooks import Hook, NaNGuardHook
from mmengine.hooks.nan_guard_hook import NonFiniteError, _all_finite
from mmengine.utils.errors import ConfigError


class Spoiled(ToyModel):
    """Divides by zero in a module of its own for some samples."""

    def __init__(self, iterations: tuple[int, ...]) -> None:
        super().__init__()
        self.spoil = Spoil(iterations)
        self.tail = nn.Identity()

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        if mode != 'loss':
            return super().forward(inputs, data_samples, mode)
        x = torch.stack(list(inputs))
        indices = torch.stack(list(data_samples))
        out = self.tail(self.net(self.spoil(x, indices)))
        return {'loss': out.square().mean()}


class Spoil(nn.Module):
    def __init__(self, bad: tuple[int, ...]) -> None:
        super().__init__()
        self.bad = bad

    def forward(self, x: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        return x / 0 if any(int(i) in self.bad for i in indices) else x


def unshuffled(**options: Any) -> dict:
    """Iteration i (from 1) has the samples 2i - 2 and 2i - 1."""
    loader = toy_runner(options.pop('folder'), length=40)._train_dataloader
    return {'train_dataloader': {**loader, 'sampler': {'type': 'InfiniteSampler', 'shuffle': False}}, **options}


def spoiled_runner(tmp_path: Path, bad: tuple[int, ...], hook: NaNGuardHook, **options: Any) -> Any:
    # The first linear layer has no parameters that the samples of a spoiled batch have touched.
    return toy_runner(
        tmp_path / 'run', model=Spoiled(bad), custom_hooks=[hook], **unshuffled(folder=tmp_path / 'x', **options)
    )


@pytest.mark.parametrize('interval', [1, 4])
def test_stop_names_the_module_and_keeps_the_batch(tmp_path: Path, interval: int) -> None:
    runner = spoiled_runner(tmp_path, (10,), NaNGuardHook(interval=interval), default_hooks={'checkpoint': None})
    with pytest.raises(NonFiniteError) as info:
        runner.train()
    message = str(info.value)
    assert 'the loss of iteration 6 is not finite' in message
    assert 'that of spoil (Spoil), its inputs are finite' in message
    assert 'the parameter net.0.weight is not finite' in message
    assert f'(with the weights after iteration {5 if interval == 1 else 4})' in message
    assert f'found after iteration {6 if interval == 1 else 8}' in message
    path = tmp_path / 'run' / 'nan_guard' / 'iter_6_rank0.pth'
    assert str(path) in message
    kept = torch.load(path, weights_only=False)
    assert kept['iter'] == 6 and kept['seed'] == 7
    assert [int(i) for i in kept['data_batch']['data_samples']] == [10, 11]


def test_no_checkpoint_of_broken_weights_is_written(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteError, match='iteration 6'):
        spoiled_runner(tmp_path, (10,), NaNGuardHook(interval=100)).train()
    saved = sorted((tmp_path / 'run').glob('iter_*.pth'), key=lambda p: int(p.stem[5:]))
    assert saved[-1].name == 'iter_5.pth'


def test_without_a_copy_of_the_weights_no_module_is_named(tmp_path: Path) -> None:
    hook = NaNGuardHook(keep_weights=False)
    with pytest.raises(NonFiniteError, match='net.0.weight') as info:
        spoiled_runner(tmp_path, (10,), hook).train()
    assert 'Spoil' not in str(info.value) and not hook._good


def test_a_bad_gradient_of_finite_outputs_is_named(tmp_path: Path) -> None:
    class Root(ToyModel):
        def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
            if mode != 'loss':
                return super().forward(inputs, data_samples, mode)
            x = torch.stack(list(inputs))
            # The slope of the square root at 0 is infinite.
            return {'loss': self.net[4](torch.zeros(len(x), 8)).mul(0).sqrt().sum() + self.net(x).mean()}

    with pytest.raises(NonFiniteError, match='outputs of all modules are finite') as info:
        toy_runner(tmp_path, model=Root(), custom_hooks=[NaNGuardHook()], default_hooks={'checkpoint': None}).train()
    assert 'that of net.4' in str(info.value)


def test_a_broken_parameter_is_found_where_the_loss_does_not_show_it(tmp_path: Path) -> None:
    model = ToyModel()
    model.unused = nn.Parameter(torch.tensor([0.0, float('inf')]))
    with pytest.raises(NonFiniteError, match='the parameter unused is not finite'):
        toy_runner(tmp_path, model=model, custom_hooks=[NaNGuardHook(interval=3)]).train()


def test_skip_goes_on_with_weights_and_statistics_as_they_were(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Watch(Hook):
        priority = 'LOWEST'

        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            states.append({k: v.clone() for k, v in runner.model.state_dict().items() if 'tracked' not in k})

    states: list[dict] = []
    runner = spoiled_runner(tmp_path, (6, 12), NaNGuardHook('skip'))
    runner.register_hook(Watch())
    runner.logger.addHandler(caplog.handler)
    runner.train()
    assert runner.iter == 12
    for bad in (3, 6):
        assert all(torch.equal(v, states[bad - 1][k]) for k, v in states[bad].items())
        assert not torch.equal(states[bad]['net.0.weight'], states[bad + 1]['net.0.weight'])
    warnings = [r.message for r in caplog.records if 'not finite' in r.message and r.levelno == logging.WARNING]
    assert len(warnings) == 2 and 'iteration 4' in warnings[0] and 'spoil (Spoil)' in warnings[0]
    assert 'the step is skipped, the first bad gradient is that of net.0.weight' in warnings[0]
    assert {p.name for p in (tmp_path / 'run' / 'nan_guard').iterdir()} == {'iter_4_rank0.pth', 'iter_7_rank0.pth'}


def test_a_skipped_batch_does_not_change_what_is_drawn_after_it(tmp_path: Path) -> None:
    runner = spoiled_runner(tmp_path, (6,), NaNGuardHook('skip'))
    runner.train()
    plain = toy_runner(tmp_path / 'b', model=Spoiled(()), **unshuffled(folder=tmp_path / 'y'))
    plain.train()
    assert [s for s in runner.model.seen if s] == [s for s in plain.model.seen if s]


def test_too_many_skips_end_the_run(tmp_path: Path) -> None:
    hook = NaNGuardHook('skip', max_skips=2, max_batches=1)
    with pytest.raises(NonFiniteError, match='iteration 6.*3 iterations in a row'):
        spoiled_runner(tmp_path, (6, 8, 10), hook).train()
    assert len(list((tmp_path / 'run' / 'nan_guard').iterdir())) == 1


def test_a_healthy_run_is_not_changed(tmp_path: Path) -> None:
    plain = toy_runner(tmp_path / 'a')
    plain.train()
    for action in ('stop', 'skip'):
        guarded = toy_runner(tmp_path / action, custom_hooks=[NaNGuardHook(action, interval=3)])
        guarded.train()
        assert all(torch.equal(a, b) for a, b in zip(guarded.model.parameters(), plain.model.parameters(), strict=True))
        assert guarded.model.seen == plain.model.seen


def test_between_two_looks_nothing_is_read_from_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind(NaNGuardHook):
        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            with monkeypatch.context() as patch:
                if (runner.iter + 1) % 4:
                    for name in ('item', 'tolist', 'cpu', 'numpy', '__bool__', '__float__', '__int__'):
                        patch.setattr(torch.Tensor, name, refuse)
                super().after_train_iter(runner, batch_idx, data_batch, outputs)

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError('waits for the device')

    toy_runner(tmp_path, custom_hooks=[Blind(interval=4)], default_hooks={'checkpoint': None}).train()
    with pytest.raises(AssertionError, match='waits'):
        toy_runner(tmp_path, custom_hooks=[Blind(interval=3)], default_hooks={'checkpoint': None}).train()


def test_flags_of_tensors() -> None:
    assert _all_finite([])
    assert _all_finite([torch.ones(3), torch.ones(2, dtype=torch.float64) * 1e300, torch.tensor([1]), torch.empty(0)])
    assert _all_finite([torch.full((9,), 6e4, dtype=torch.float16)])
    for bad in (float('nan'), float('inf'), -float('inf')):
        for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            assert not _all_finite([torch.ones(3), torch.tensor([1.0, bad, 2.0], dtype=dtype)])


@pytest.mark.parametrize('options', [{'action': 'go'}, {'interval': 0}], ids=str)
def test_impossible_options_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError):
        NaNGuardHook(**options)

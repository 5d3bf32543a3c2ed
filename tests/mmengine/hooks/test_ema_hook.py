"""Averages of weights: what is validated, what is saved, and that a resumed run goes on exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.toy import ToyDataset, ToyMetric, ToyModel, assert_same, final_state, toy_runner

from mmengine.hooks import EMAHook, Hook
from mmengine.utils.errors import CheckpointError, ConfigError


class Watch(Hook):
    """Notes the weights as they are trained, and as they are validated."""

    priority = 'LOWEST'

    def __init__(self, stop_at: int = -1) -> None:
        self.trained: list[torch.Tensor] = []
        self.validated: list[tuple[int, torch.Tensor]] = []
        self.stop_at = stop_at

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.trained.append(runner.model.net[0].weight.detach().clone())
        if runner.iter + 1 == self.stop_at:
            raise ZeroDivisionError('killed')

    def before_val_epoch(self, runner: Any) -> None:
        self.validated.append((runner.iter, runner.model.net[0].weight.detach().clone()))


def ema(**options: Any) -> EMAHook:
    return EMAHook(momentum=0.25, **options)


def test_the_averages_are_those_of_the_formula_and_are_validated(tmp_path: Path) -> None:
    watch = Watch()
    toy_runner(tmp_path, custom_hooks=[ema(), watch]).train()
    average = watch.trained[0]
    expected = {}
    for done, weight in enumerate(watch.trained[1:], 2):
        average = average + 0.25 * (weight - average)
        expected[done] = average
    assert [done for done, _ in watch.validated] == [4, 8, 12]
    for done, weight in watch.validated:
        torch.testing.assert_close(weight, expected[done])


def test_a_checkpoint_holds_averages_and_the_weights_to_train(tmp_path: Path) -> None:
    watch = Watch()
    runner = toy_runner(tmp_path, custom_hooks=[ema(), watch])
    runner.train()
    saved = torch.load(tmp_path / 'iter_7.pth', weights_only=False)
    name = 'net.0.weight'
    assert torch.equal(saved['ema_state_dict'][f'module.{name}'], watch.trained[6])
    assert not torch.equal(saved['state_dict'][name], watch.trained[6])
    assert int(saved['ema_state_dict']['steps']) == 7
    assert {k.removeprefix('module.') for k in saved['ema_state_dict']} == {*saved['state_dict'], 'steps'}
    # After the run the model has the weights that were trained.
    assert torch.equal(runner.model.net[0].weight, watch.trained[-1])


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'begin_iter': 5},
        {'update_buffers': True, 'interval': 2},
        {'ema_type': 'StochasticWeightAverage', 'momentum': None},
        {'ema_type': 'MomentumAnnealingEMA', 'gamma': 3},
    ],
    ids=str,
)
@pytest.mark.parametrize('at', [2, 4, 7])
def test_resume_is_exact(tmp_path: Path, options: dict, at: int) -> None:
    def hook() -> EMAHook:
        settings = {'momentum': 0.25, **options}
        return EMAHook(**{k: v for k, v in settings.items() if v is not None})

    whole = toy_runner(tmp_path / 'whole', custom_hooks=[hook()], iters=9)
    whole.train()
    with pytest.raises(ZeroDivisionError):
        toy_runner(tmp_path / 'b', custom_hooks=[hook(), Watch(stop_at=at)], iters=9).train()
    resumed = toy_runner(tmp_path / 'b', custom_hooks=[hook()], iters=9, resume=True)
    resumed.train()
    assert_same(final_state(resumed), final_state(whole))
    last = [torch.load(tmp_path / d / 'iter_9.pth', weights_only=False) for d in ('whole', 'b')]
    assert_same(last[1]['state_dict'], last[0]['state_dict'])
    assert_same(last[1]['ema_state_dict'], last[0]['ema_state_dict'])


def test_before_begin_the_model_itself_is_validated_and_saved(tmp_path: Path) -> None:
    watch = Watch()
    toy_runner(tmp_path, custom_hooks=[ema(begin_iter=6), watch]).train()
    assert torch.equal(watch.validated[0][1], watch.trained[3])
    assert not torch.equal(watch.validated[1][1], watch.trained[7])
    saved = torch.load(tmp_path / 'iter_3.pth', weights_only=False)
    assert int(saved['ema_state_dict']['steps']) == 0
    assert torch.equal(saved['state_dict']['net.0.weight'], watch.trained[2])
    assert torch.equal(saved['ema_state_dict']['module.net.0.weight'], watch.trained[2])
    assert int(torch.load(tmp_path / 'iter_6.pth', weights_only=False)['ema_state_dict']['steps']) == 1


def test_begin_epoch_counts_from_one(tmp_path: Path) -> None:
    hook = ema(begin_epoch=2)
    toy_runner(tmp_path, by_epoch=True, iters=15, custom_hooks=[hook]).train()
    assert int(hook.ema_model.steps) == 10


def test_load_from_begins_with_the_averages(tmp_path: Path) -> None:
    toy_runner(tmp_path / 'a', custom_hooks=[ema()]).train()
    path = tmp_path / 'a' / 'iter_5.pth'
    averages = torch.load(path, weights_only=False)['state_dict']['net.0.weight']
    watch = Watch()
    runner = toy_runner(tmp_path / 'b', custom_hooks=[ema(), watch], load_from=str(path))
    metrics = runner.val()
    assert torch.equal(watch.validated[0][1], averages)
    plain = toy_runner(tmp_path / 'c', load_from=str(path), custom_hooks=[])
    assert plain.val() == metrics


def test_resuming_a_run_that_had_no_averages_begins_anew(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        toy_runner(tmp_path, custom_hooks=[Watch(stop_at=4)]).train()
    hook = ema()
    toy_runner(tmp_path, custom_hooks=[hook], resume=True).train()
    assert int(hook.ema_model.steps) == 8


def test_strict_load_refuses_what_does_not_fit(tmp_path: Path) -> None:
    toy_runner(tmp_path / 'a', custom_hooks=[ema()]).train()

    class Larger(ToyModel):
        def __init__(self) -> None:
            super().__init__()
            self.extra = torch.nn.Linear(2, 2)

    path = str(tmp_path / 'a' / 'iter_5.pth')
    toy_runner(tmp_path / 'b', model=Larger(), custom_hooks=[ema()], load_from=path).val()
    with pytest.raises(CheckpointError, match='extra'):
        toy_runner(tmp_path / 'c', model=Larger(), custom_hooks=[ema(strict_load=True)], load_from=path).val()


def test_a_test_after_the_training_uses_the_averages(tmp_path: Path) -> None:
    watch = Watch()
    watch.before_test_epoch = watch.before_val_epoch  # type: ignore[method-assign]
    loader = {'batch_size': 2, 'dataset': ToyDataset(4), 'sampler': {'type': 'DefaultSampler', 'shuffle': False}}
    test = {'test_dataloader': loader, 'test_cfg': {}, 'test_evaluator': ToyMetric()}
    runner = toy_runner(tmp_path, custom_hooks=[ema(), watch], **test)
    runner.train()
    runner.test()
    assert torch.equal(watch.validated[-1][1], watch.validated[-2][1])  # those of the last validation
    assert torch.equal(runner.model.net[0].weight, watch.trained[-1])


@pytest.mark.parametrize('options', [{'begin_iter': -1}, {'begin_epoch': -1}, {'begin_iter': 1, 'begin_epoch': 1}])
def test_impossible_beginnings_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError, match='begin'):
        EMAHook(**options)


def test_a_beginning_after_the_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'begin_iter=13.*max_iters=12'):
        toy_runner(tmp_path, custom_hooks=[ema(begin_iter=13)]).train()

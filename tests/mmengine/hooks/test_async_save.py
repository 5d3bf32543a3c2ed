"""Checkpoints that are written while the training goes on."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.toy import assert_same, final_state, toy_runner

from mmengine.fileio import get_file_backend
from mmengine.hooks import CheckpointHook, Hook, checkpoint_hook
from mmengine.hooks.background_save import BackgroundWriter, snapshot


def hook(**options: Any) -> CheckpointHook:
    return CheckpointHook(**{'interval': 1, 'by_epoch': False, 'async_save': True, **options})


def runner_with(work_dir: Path, checkpoint: CheckpointHook, **options: Any) -> Any:
    return toy_runner(work_dir, default_hooks={'checkpoint': checkpoint, 'logger': None}, **options)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Makes writing take longer than an iteration; returns the names of the threads that write."""
    threads: list[str] = []
    original = checkpoint_hook.save_checkpoint

    def save(checkpoint: Any, path: str, **kwargs: Any) -> None:
        threads.append(threading.current_thread().name)
        time.sleep(0.03)
        original(checkpoint, path, **kwargs)

    monkeypatch.setattr(checkpoint_hook, 'save_checkpoint', save)
    return threads


class StopAt(Hook):
    priority = 'LOWEST'

    def __init__(self, at: int) -> None:
        self.at = at

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if runner.iter + 1 == self.at:
            raise ZeroDivisionError('killed')


def test_the_files_are_those_of_a_training_that_waits(tmp_path: Path, slow: list[str]) -> None:
    options = {'max_keep_ckpts': 3, 'save_best': 'mean', 'rule': 'less', 'published_keys': 'state_dict'}
    hooks = [{'type': 'EMAHook', 'momentum': 0.2}]
    wrapper = {'optimizer': {'type': 'AdamW', 'lr': 0.01}, 'accumulative_counts': 2}
    for name, checkpoint in (('a', hook(**options)), ('b', hook(**options, async_save=False))):
        runner_with(tmp_path / name, checkpoint, custom_hooks=hooks, optim_wrapper=wrapper).train()
    assert set(slow) == {'checkpoint_0'}
    files = [sorted(p.name for p in (tmp_path / d).glob('*.pth') if '-' not in p.name) for d in 'ab']
    assert files[0] == files[1] and 'iter_12.pth' in files[0] and len(files[0]) == 4
    assert len(list((tmp_path / 'a').glob('*-*.pth'))) == 2
    for name in files[0]:
        one, other = (torch.load(tmp_path / d / name, weights_only=False) for d in 'ab')
        assert list(one) == list(other)
        for part in ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers'):
            assert_same(one[part], other[part], f'{name}.{part}')
    assert (tmp_path / 'a' / 'last_checkpoint').read_text() == str(tmp_path / 'a' / 'iter_12.pth')


def test_resume_is_exact(tmp_path: Path, slow: list[str]) -> None:
    whole = runner_with(tmp_path / 'whole', hook(interval=3))
    whole.train()
    with pytest.raises(ZeroDivisionError):
        runner_with(tmp_path / 'b', hook(interval=3), custom_hooks=[StopAt(7)]).train()
    time.sleep(0.2)  # the process goes on and its thread finishes, as at its exit
    resumed = runner_with(tmp_path / 'b', hook(interval=3), resume=True, custom_hooks=[])
    resumed.train()
    state, expected = final_state(resumed), final_state(whole)
    del state['hooks'], expected['hooks']
    assert_same(state, expected)


def test_a_remote_folder(tmp_path: Path) -> None:
    out = f'memory://{tmp_path.name}'
    runner_with(tmp_path / 'work', hook(interval=5, out_dir=out)).train()
    found = sorted(get_file_backend(out).list_dir_or_file(f'{out}/work', list_dir=False))
    assert found == ['iter_10.pth', 'iter_12.pth', 'iter_5.pth', 'last_checkpoint']


@pytest.mark.parametrize('at', [1, 3])
def test_an_error_of_writing_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """With the last checkpoint there is no next one to raise it at: leaving does."""
    calls = []

    def save(checkpoint: Any, path: str, **kwargs: Any) -> None:
        calls.append(path)
        if len(calls) == at:
            raise OSError('the disk is full')

    monkeypatch.setattr(checkpoint_hook, 'save_checkpoint', save)
    runner = runner_with(tmp_path, hook(interval=5))
    with pytest.raises(OSError, match='the disk is full') as info:
        runner.train()
    assert len(calls) == at
    assert any('in the background' in note for note in info.value.__notes__)
    assert not (tmp_path / 'last_checkpoint').exists() or at > 1


def test_an_interrupt_is_saved_behind_what_is_being_written(tmp_path: Path, slow: list[str]) -> None:
    class Interrupt(Hook):
        priority = 'LOWEST'

        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            if runner.iter + 1 == 5:
                runner._interrupt.signum = 15

    with pytest.raises(KeyboardInterrupt):
        runner_with(tmp_path, hook(interval=5), custom_hooks=[Interrupt()]).train()
    assert (tmp_path / 'iter_5.pth').exists()
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'interrupted_iter_5.pth')


# ------------------------------------------------------------------ snapshots


def test_a_snapshot_does_not_follow() -> None:
    weight = torch.arange(6.0)
    state = OrderedDict(a=weight, tied=weight, view=weight[2:4], nested=[{'b': (weight.clone(), 3)}], n={1, 2})
    state._metadata = {'': {'version': 1}}  # type: ignore[attr-defined]
    copied = snapshot(state)
    weight.zero_()
    state['n'].clear()
    assert copied['a'].tolist() == [0, 1, 2, 3, 4, 5] and copied['view'].tolist() == [2, 3]
    assert copied['nested'][0]['b'][1] == 3 and copied['n'] == {1, 2}
    assert isinstance(copied, OrderedDict) and copied._metadata == {'': {'version': 1}}  # type: ignore[attr-defined]
    # What was one memory is one: a file holds it once.
    assert copied['a'].data_ptr() == copied['tied'].data_ptr() == copied['view'].data_ptr() - 8
    assert copied['nested'][0]['b'][0].data_ptr() != copied['a'].data_ptr()


@pytest.mark.parametrize(
    'tensor',
    [
        torch.rand(3, 4).t(),
        torch.tensor(3, dtype=torch.int64),
        torch.empty(0, 2),
        torch.eye(3).to_sparse(),
        torch.nn.Parameter(torch.rand(2)),
        torch.rand(2).bfloat16(),
    ],
    ids=lambda t: f'{t.layout}-{t.dtype}',
)
def test_snapshots_of_all_kinds_of_tensors(tensor: torch.Tensor) -> None:
    copied = snapshot({'x': tensor})['x']
    assert copied.dtype == tensor.dtype and copied.shape == tensor.shape and not copied.requires_grad
    assert torch.equal(copied.to_dense(), tensor.detach().to_dense())


def test_jobs_run_one_after_another() -> None:
    writer, done = BackgroundWriter(), []

    def job(name: str, pause: float) -> Any:
        def run() -> None:
            time.sleep(pause)
            done.append(name)

        return run

    writer.submit(job('a', 0.05), 'a')
    assert done == []
    writer.submit(job('b', 0), 'b')
    assert done[0] == 'a'
    writer.wait()
    writer.wait()
    assert done == ['a', 'b']

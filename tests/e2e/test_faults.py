"""What goes wrong around a training, and what is kept. The table is in docs/reliability.md."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.toy import ToyDataset, ToyModel, assert_same, final_state, toy_runner
from torch.utils.data import Dataset

from mmengine.checkpoint import find_latest_checkpoint, load_from_local, save_checkpoint
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger
from mmengine.registry import VISBACKENDS
from mmengine.utils.errors import CheckpointError, ConfigError, DataError
from mmengine.visualization import BaseVisBackend, LocalVisBackend

HELPERS = Path(__file__).resolve().parents[1] / 'helpers'


def run(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.mark.slow
def test_killed_while_saving_at_ten_random_instants(tmp_path: Path) -> None:
    done = run(HELPERS / 'kill_saving.py', tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize('signum', [signal.SIGTERM, signal.SIGINT])
def test_a_step_that_hangs_ends_after_the_grace_time(tmp_path: Path, signum: int) -> None:
    arguments = [str(HELPERS / 'toy_script.py'), str(tmp_path), '--pause', '60', '--grace-time', '1']
    process = subprocess.Popen(
        [sys.executable, *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    while not list(tmp_path.glob('iter_1.pth')):  # saved before the pause
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    time.sleep(0.5)
    begun = time.monotonic()
    process.send_signal(signum)
    error = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + signum
    assert 0.9 < time.monotonic() - begun < 10
    assert 'grace_time' in error and '--resume' in error
    assert find_latest_checkpoint(tmp_path) == str(tmp_path / 'iter_1.pth')


# ---------------------------------------------------------------------- the store


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    toy_runner(tmp_path, iters=8).train()
    return tmp_path


def check_goes_on(work_dir: Path, capsys: pytest.CaptureFixture, newest: str) -> None:
    """Resume goes on from `newest`, says so, and ends where a run ends that nothing happened to."""
    capsys.readouterr()
    runner = toy_runner(work_dir, iters=8, resume=True)
    runner.train()
    assert f'the newest whole checkpoint is {work_dir / newest}' in ''.join(capsys.readouterr())
    whole = toy_runner(work_dir / 'whole', iters=8)
    whole.train()
    assert_same(final_state(runner), final_state(whole))


def test_truncated_at_ten_places(trained: Path, capsys: pytest.CaptureFixture) -> None:
    last = trained / 'iter_8.pth'
    data = last.read_bytes()
    for part in range(10):
        last.write_bytes(data[: len(data) * part // 10 + part])
        with pytest.raises(CheckpointError, match=r'iter_8\.pth'):
            load_from_local(str(last))
        assert find_latest_checkpoint(trained) == str(trained / 'iter_7.pth'), part
    check_goes_on(trained, capsys, 'iter_7.pth')


def test_one_flipped_bit(trained: Path, capsys: pytest.CaptureFixture) -> None:
    last = trained / 'iter_8.pth'
    data = last.read_bytes()
    before = load_from_local(str(last))
    draw = random.Random(0)
    refused = 0
    for _ in range(300):
        flipped = bytearray(data)
        flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        last.write_bytes(flipped)
        try:
            loaded = load_from_local(str(last))
        except CheckpointError:
            refused += 1
        else:  # in the padding between two records
            assert_same(loaded['state_dict'], before['state_dict'])
            assert_same(loaded['optimizer'], before['optimizer'])
    assert refused > 30
    flipped = bytearray(data)
    weight = before['state_dict']['net.0.weight'].numpy().tobytes()
    flipped[data.find(weight) + 7] ^= 1
    last.write_bytes(flipped)
    check_goes_on(trained, capsys, 'iter_7.pth')


def test_a_copy_under_another_name_is_verified_as_well(trained: Path, tmp_path: Path) -> None:
    data = (trained / 'iter_8.pth').read_bytes()
    (tmp_path / 'model').write_bytes(data)
    assert load_from_local(str(tmp_path / 'model'))['meta']['iter'] == 8
    (tmp_path / 'model').write_bytes(data[:-10])
    with pytest.raises(CheckpointError, match='cut off'):
        load_from_local(str(tmp_path / 'model'))


def test_checkpoints_without_checksums_load(tmp_path: Path) -> None:
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        save_checkpoint({'state_dict': {'a': torch.ones(3)}}, tmp_path / 'a.pth')
    finally:
        torch.serialization.set_crc32_options(before)
    assert load_from_local(str(tmp_path / 'a.pth'))['state_dict']['a'].tolist() == [1, 1, 1]


@pytest.mark.parametrize('async_save', [False, True])
def test_a_full_disk_while_saving_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, async_save: bool
) -> None:
    hooks = {'checkpoint': {'type': 'CheckpointHook', 'interval': 2, 'by_epoch': False, 'async_save': async_save}}
    fsync = os.fsync

    def full(descriptor: int) -> None:
        if (tmp_path / 'iter_4.pth').exists():
            raise OSError(28, 'No space left on device')
        fsync(descriptor)

    monkeypatch.setattr(os, 'fsync', full)
    # `last_checkpoint` cannot be written either, so it names a whole one that is older.
    with pytest.raises((CheckpointError, OSError), match='No space left'):
        toy_runner(tmp_path, iters=8, default_hooks=hooks).train()
    monkeypatch.undo()
    assert find_latest_checkpoint(tmp_path) in (str(tmp_path / 'iter_2.pth'), str(tmp_path / 'iter_4.pth'))
    assert not list(tmp_path.glob('.*.tmp'))
    runner = toy_runner(tmp_path, iters=8, resume=True, default_hooks=hooks)
    runner.train()
    assert runner.iter == 8


# ---------------------------------------------------------------------- logging


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs /dev/full')
def test_a_full_disk_while_logging(capsys: pytest.CaptureFixture) -> None:
    logger = MMLogger('full disk', log_file='/dev/full')
    for number in range(5):
        logger.info(f'line {number}')
    captured = capsys.readouterr()
    assert captured.err.count('WARNING') == 1 and '/dev/full' in captured.err and 'No space left' in captured.err
    assert all(f'line {number}' in captured.out for number in range(5)), 'the console still gets them'
    with contextlib.suppress(OSError):
        logger.handlers[-1].close()


def test_a_full_disk_while_writing_scalars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(LocalVisBackend, 'add_scalars', full)
    runner = toy_runner(
        tmp_path, iters=8, visualizer={'type': 'Visualizer', 'vis_backends': [{'type': 'LocalVisBackend'}]}
    )
    runner.train()
    text = ''.join(capsys.readouterr())
    assert runner.iter == 8 and text.count('LocalVisBackend failed in add_scalars') == 1 and 'No space left' in text


def test_a_logger_backend_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    class Service(BaseVisBackend):
        calls = 0

        def _init_env(self) -> None: ...

        @property
        def experiment(self) -> Any:
            return self

        def add_scalars(self, *_: object, **__: object) -> None:
            Service.calls += 1
            raise ConnectionError('the service does not answer')

        def add_config(self, *_: object, **__: object) -> None: ...
        def close(self) -> None: ...

    VISBACKENDS.register_module(module=Service, name='FailingService')
    try:
        backends = [{'type': 'FailingService'}, {'type': 'LocalVisBackend'}]
        runner = toy_runner(tmp_path, iters=9, visualizer={'type': 'Visualizer', 'vis_backends': backends})
        runner.train()
    finally:
        VISBACKENDS.module_dict.pop('FailingService')
    text = ''.join(capsys.readouterr())
    assert runner.iter == 9 and Service.calls == 1
    assert text.count('FailingService failed in add_scalars') == 1 and 'the service does not answer' in text
    lines = next(tmp_path.rglob('scalars.json')).read_text().splitlines()
    assert len(lines) >= 3, 'the other backend goes on'


def test_a_work_dir_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    for folder in ('/proc/none', tmp_path / 'file' / 'run'):
        with pytest.raises(ConfigError, match=r'cannot be written.*--work-dir'):
            toy_runner(folder)


def test_a_clock_that_jumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    jumps = itertools.cycle((0, -10_000_000, 50_000_000, -3))
    monkeypatch.setattr(time, 'time', lambda: real() + next(jumps))
    runner = toy_runner(tmp_path, iters=7)
    runner.train()
    monkeypatch.undo()
    hub = runner.message_hub
    assert all(0 <= value < 100 for key in ('time', 'data_time') for value in hub.get_scalar(f'train/{key}').data[0])
    assert hub.get_info('eta') >= 0
    # Files got any times: the newest is that with most iterations.
    for number in range(1, 8):
        os.utime(tmp_path / f'iter_{number}.pth', (100 - number, 100 - number))
    (tmp_path / 'last_checkpoint').unlink()
    assert find_latest_checkpoint(tmp_path) == str(tmp_path / 'iter_7.pth')


# ---------------------------------------------------------------------- data


class Dying(ToyDataset):
    """Its sample 3 ends the process that loads it, as the system does when memory is short."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


class Images(BaseDataset):
    """Eight images, of which some cannot be read."""

    METAINFO = {'classes': ('a', 'b')}
    bad: tuple[int, ...] = (5,)

    def load_data_list(self) -> list[dict]:
        return [{'img_path': f'images/{number}.png', 'number': number} for number in range(8)]


class Load:
    def __call__(self, data: dict) -> dict:
        if data['number'] in Images.bad:
            raise DataError(f'{data["img_path"]} is broken')
        return {'inputs': torch.full((4,), float(data['number'])), 'data_samples': torch.tensor(data['number'])}


class Divide:
    def __call__(self, data: dict) -> dict:
        if data['number'] == 5:
            data['number'] / 0
        return {'inputs': torch.zeros(4), 'data_samples': torch.tensor(0)}


def loader(dataset: Dataset, workers: int, **more: Any) -> dict:
    sampler = {'type': 'InfiniteSampler', 'shuffle': True}
    return {'batch_size': 2, 'num_workers': workers, 'dataset': dataset, 'sampler': sampler, **more}


def test_a_worker_that_dies(tmp_path: Path) -> None:
    runner = toy_runner(tmp_path, iters=30, train_dataloader=loader(Dying(10), 1))
    with pytest.raises(RuntimeError, match='killed by signal|exited unexpectedly') as info:
        runner.train()
    notes = ' '.join(info.value.__notes__)
    assert 'worker 0: sample 3' in notes and 'memory' in notes


@pytest.mark.parametrize('workers', [0, 1])
def test_a_transform_that_raises(tmp_path: Path, workers: int) -> None:
    runner = toy_runner(tmp_path, iters=30, train_dataloader=loader(Images(pipeline=[Divide()]), workers))
    with pytest.raises(ZeroDivisionError) as info:
        runner.train()
    text = str(info.value) + ' '.join(info.value.__notes__ if hasattr(info.value, '__notes__') else ())
    assert '`Divide`' in text and 'sample 5' in text and 'images/5.png' in text


@pytest.mark.parametrize('workers', [0, 1])
def test_a_corrupt_image_stops_by_default(tmp_path: Path, workers: int) -> None:
    runner = toy_runner(tmp_path, iters=30, train_dataloader=loader(Images(pipeline=[Load()]), workers))
    with pytest.raises(DataError, match=r'images/5\.png'):
        runner.train()


def test_a_corrupt_image_is_skipped_counted_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def trained(name: str, workers: int, **more: Any) -> Any:
        data = loader(Images(pipeline=[Load()]), workers, on_bad_sample='skip')
        runner = toy_runner(tmp_path / name, iters=12, train_dataloader=data, model=ToyModel(), **more)
        runner.train()
        return runner

    runner = trained('a', 0)
    text = ''.join(capsys.readouterr())
    assert text.count('skipped sample 5 (images/5.png): DataError: images/5.png is broken') == 1
    assert '1 of 8 samples could not be read and were skipped: sample 5 (images/5.png)' in text
    assert dict(runner.train_dataloader.bad_samples).keys() == {5}
    seen = runner.model.seen
    assert len(seen) == 12 and all(len(indices) == 2 and 5 not in indices for indices, _ in seen)
    # What takes its place depends on seed and index alone.
    assert trained('b', 2).model.seen == seen
    assert trained('a', 0, resume=str(tmp_path / 'a' / 'iter_4.pth')).model.seen == seen[4:]


def test_too_many_corrupt_images_stop_nevertheless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Images, 'bad', tuple(range(8)))
    data = loader(Images(pipeline=[Load()]), 0, on_bad_sample='skip')
    with pytest.raises(DataError, match='10 samples in a row cannot be read'):
        toy_runner(tmp_path, train_dataloader=data).train()


def test_evaluation_skips_nothing(tmp_path: Path) -> None:
    data = loader(Images(pipeline=[Load()], test_mode=True), 0, on_bad_sample='skip')
    with pytest.raises(ConfigError, match='for training'):
        toy_runner(tmp_path, train_dataloader=data).train()


# ---------------------------------------------------------------------- the step


def test_a_loss_that_is_nan_stops_before_it_is_saved(tmp_path: Path) -> None:
    class Broken(ToyModel):
        def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
            result = super().forward(inputs, data_samples, mode)
            return {'loss': result['loss'] * float('nan')} if mode == 'loss' and len(self.seen) == 5 else result

    with pytest.raises(FloatingPointError, match='loss of iteration 5 is not finite'):
        toy_runner(tmp_path, model=Broken(), custom_hooks=[{'type': 'NaNGuardHook'}]).train()
    assert find_latest_checkpoint(tmp_path) == str(tmp_path / 'iter_4.pth')
    assert all(v.isfinite().all() for v in load_from_local(str(tmp_path / 'iter_4.pth'))['state_dict'].values())


def test_out_of_memory_keeps_what_was_saved(tmp_path: Path) -> None:
    class Large(ToyModel):
        def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
            if mode == 'loss' and len(self.seen) == 5:
                raise torch.OutOfMemoryError('the device is full')
            return super().forward(inputs, data_samples, mode)

    with pytest.raises(torch.OutOfMemoryError):
        toy_runner(tmp_path, iters=8, model=Large()).train()
    runner = toy_runner(tmp_path, iters=8, resume=True)
    runner.train()
    whole = toy_runner(tmp_path / 'whole', iters=8)
    whole.train()
    assert_same(final_state(runner), final_state(whole))

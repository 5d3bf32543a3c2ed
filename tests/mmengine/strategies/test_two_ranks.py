"""Two gloo processes: DDP and FSDP2 against one process, exact resume, and checkpoints in shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.ranks import run_ranks
from helpers.toy import assert_same

from mmengine.checkpoint.sharded import (
    is_sharded_checkpoint,
    load_sharded_checkpoint,
    shard_checkpoint,
    unshard_checkpoint,
)

FSDP = {'type': 'FSDPStrategy', 'shard': 'Sequential', 'min_params': 60}
SHARDS = {**FSDP, 'sharded': True}
pytestmark = [pytest.mark.dist, pytest.mark.slow]


def train(work_dir: Path, ranks: int = 2, **options: Any) -> dict[str, Any]:
    run_ranks({'work_dir': str(work_dir), **options}, ranks)
    final = work_dir / 'final.pt'
    return torch.load(final, weights_only=False) if final.exists() else {}


OPTIMIZERS = {
    'adamw': {'clip': {'max_norm': 50.0}},
    'sgd': {'optimizer': {'type': 'SGD', 'lr': 0.001, 'momentum': 0.9}, 'clip': {'type': 'value', 'clip_value': 20.0}},
    'accumulate and ema': {'accumulate': 2, 'ema': True},
}


@pytest.mark.parametrize('options', OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_losses_are_those_of_one_process_with_the_same_global_batch(tmp_path: Path, options: dict) -> None:
    one = train(tmp_path / 'one', 1, batch=4, **options)
    ddp = train(tmp_path / 'ddp', **options)
    fsdp = train(tmp_path / 'fsdp', strategy=FSDP, **options)
    for name, many in (('ddp', ddp), ('fsdp', fsdp)):
        assert many['losses'] == pytest.approx(one['losses'], rel=1e-6), name
        assert many['val/mean'] == pytest.approx(one['val/mean'], rel=1e-5), name
        assert many.get('train/grad_norm', []) == pytest.approx(one.get('train/grad_norm', []), rel=1e-5), name
        for part in ('model', 'ema'):
            for key, value in one[part].items():
                torch.testing.assert_close(many[part][key], value, rtol=1e-4, atol=1e-6)


def test_without_clipping_ddp_and_fsdp_are_equal_to_the_last_bit(tmp_path: Path) -> None:
    ddp = train(tmp_path / 'ddp')
    fsdp = train(tmp_path / 'fsdp', strategy=FSDP)
    for name in ('model', 'losses', 'val/mean'):
        assert_same(
            dict(fsdp[name]) if name == 'model' else fsdp[name], dict(ddp[name]) if name == 'model' else ddp[name]
        )


RUNS = {
    'ddp': {'plain': False},
    'ddp, accumulating': {'accumulate': 3, 'plain': False, 'clip': {'max_norm': 1.0}},
    'fsdp, accumulating': {'strategy': FSDP, 'accumulate': 3, 'plain': False, 'clip': {'max_norm': 1.0}},
    'fsdp, ema, bfloat16': {'strategy': FSDP, 'ema': True, 'amp': 'bfloat16'},
    'shards, ema, accumulating': {'strategy': SHARDS, 'ema': True, 'accumulate': 3},
}


@pytest.mark.parametrize('options', RUNS.values(), ids=RUNS)
def test_resume_is_exact(tmp_path: Path, options: dict) -> None:
    whole = train(tmp_path / 'whole', **options)
    train(tmp_path / 'part', stop_at=4, **options)
    resumed = train(tmp_path / 'part', resume=True, **options)
    assert resumed['iter'] == 8 and resumed['losses'] == whole['losses'][4:]
    for part in ('model', 'optimizer', 'ema'):
        assert_same(dict(resumed[part]), dict(whole[part]), part)


def test_a_sharded_checkpoint_serves_any_number_of_ranks_and_any_strategy(tmp_path: Path) -> None:
    whole = train(tmp_path / 'whole', strategy=SHARDS, ema=True)
    folder = tmp_path / 'whole' / 'iter_4.pth'
    assert is_sharded_checkpoint(folder) and not list((tmp_path / 'whole').glob('.iter_*'))
    for name, ranks, options in (
        ('one', 1, {'batch': 4}),
        ('ddp', 2, {}),
        ('three', 3, {'strategy': SHARDS, 'batch': 4}),
    ):
        other = train(tmp_path / name, ranks, resume=True, load_from=str(folder), ema=True, **options)
        assert other['begun'] == 0 and other['iter'] == 8 and len(other['losses']) == 4
        if name != 'three':
            assert other['losses'] == pytest.approx(whole['losses'][4:], rel=1e-6), name


def test_a_folder_becomes_a_file_and_a_folder_again(tmp_path: Path) -> None:
    whole = train(tmp_path / 'whole', strategy=SHARDS, ema=True)
    unshard_checkpoint(tmp_path / 'whole' / 'iter_4.pth', tmp_path / 'file.pth')
    shard_checkpoint(tmp_path / 'file.pth', tmp_path / 'folder')
    one = train(tmp_path / 'full', strategy=FSDP, ema=True)
    assert one['losses'] == whole['losses']
    file = torch.load(tmp_path / 'file.pth', weights_only=False)
    full = torch.load(tmp_path / 'full' / 'iter_4.pth', weights_only=False)
    again = load_sharded_checkpoint(tmp_path / 'folder')
    for part in ('state_dict', 'ema_state_dict', 'optimizer'):
        assert_same(dict(file[part]), dict(full[part]), part)
        assert_same(dict(again[part]), dict(file[part]), part)
    for name, source in (('a', 'file.pth'), ('b', 'folder')):
        resumed = train(tmp_path / name, strategy=FSDP, ema=True, resume=True, load_from=str(tmp_path / source))
        assert_same(dict(resumed['model']), dict(whole['model']), source)


def test_accumulated_gradients_for_another_number_of_ranks_are_averaged(tmp_path: Path) -> None:
    whole = train(tmp_path / 'whole', accumulate=3)
    source = str(tmp_path / 'whole' / 'iter_4.pth')
    one = train(tmp_path / 'one', 1, accumulate=3, batch=4, resume=True, load_from=source)
    assert one['losses'] == pytest.approx(whole['losses'][4:], rel=1e-6)


def test_mixed_precision_of_the_shards(tmp_path: Path) -> None:
    plain = train(tmp_path / 'plain', strategy=FSDP)
    strategy = {**FSDP, 'param_dtype': 'bfloat16', 'reduce_dtype': 'float32', 'reshard_after_forward': False}
    mixed = train(tmp_path / 'mixed', strategy=strategy)
    assert mixed['losses'] != plain['losses']
    assert mixed['losses'] == pytest.approx(plain['losses'], rel=0.1)
    assert all(value.dtype == torch.float32 for value in mixed['model'].values())


def test_compile_and_strategy_are_arguments_of_the_runner(tmp_path: Path) -> None:
    compiled = train(tmp_path / 'a', strategy=FSDP, compile={'backend': 'eager'}, iters=4)
    assert compiled['losses'] == train(tmp_path / 'b', strategy=FSDP, iters=4)['losses']


@pytest.mark.parametrize('strategy', [None, FSDP], ids=['ddp', 'fsdp'])
def test_saving_on_rank_0_alone_does_not_hang(
    tmp_path: Path, strategy: dict | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('MMNEXT_SAVE_WAIT', '1')
    options = {'work_dir': str(tmp_path), 'strategy': strategy, 'accumulate': 3, 'alone_at': 4, 'iters': 6}
    if strategy is None:
        (first, _) = run_ranks(options)
        assert 'lacks the accumulated gradients of rank 1' in first
        assert (tmp_path / 'alone.pth').is_file() and (tmp_path / 'final.pt').exists()
    else:
        first, _ = run_ranks(options, codes=[1, 1])
        assert 'rank 1 does not call save_checkpoint' in first and not (tmp_path / 'alone.pth').exists()

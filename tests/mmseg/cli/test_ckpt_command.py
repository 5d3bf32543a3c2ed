"""`mmseg ckpt`: what a checkpoint holds, whether it is whole, and its way into other formats and back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from mmengine.checkpoint import load_checkpoint, save_checkpoint
from mmseg.cli import main


def mmseg(*arguments: object) -> int:
    with pytest.raises(SystemExit) as info:
        main([str(argument) for argument in ('ckpt', *arguments)])
    return info.value.code  # type: ignore[return-value]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    meta = {'epoch': 1, 'iter': 20, 'cfg': 'a = 1', 'dataset_meta': {'classes': ('road', 'sky')}, 'seed': 3}
    checkpoint = {'meta': meta, 'state_dict': model.state_dict(), 'optimizer': optimizer.state_dict()}
    save_checkpoint(checkpoint, tmp_path / 'iter_20.pth')
    return tmp_path / 'iter_20.pth'


def same_weights(a: Path, b: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    load_checkpoint(model, b, strict=True)
    for name, tensor in torch.load(a, weights_only=True)['state_dict'].items():
        assert torch.equal(tensor, model.state_dict()[name]), name


def test_info(saved: Path, capsys: pytest.CaptureFixture) -> None:
    assert mmseg('info', saved, '--json', '--keys') == 0
    found = json.loads(capsys.readouterr().out)
    assert found['iter'] == 20 and found['classes'] == '2: road, sky'
    assert set(found['parts']) == {'state_dict', 'optimizer'} and found['keys']['0.weight'] == '(4, 3) float32'
    assert mmseg('info', saved) == 0
    assert 'road, sky' in capsys.readouterr().out


def test_info_names_weights_that_are_not_finite(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    save_checkpoint({'state_dict': {'a': torch.tensor([float('nan')]), 'b': torch.ones(2)}}, tmp_path / 'a.pth')
    assert mmseg('info', tmp_path / 'a.pth') == 0
    assert 'not finite: a\n' in capsys.readouterr().out


def test_verify(saved: Path, capsys: pytest.CaptureFixture) -> None:
    folder = saved.parent
    assert mmseg('convert', saved, folder / 'iter_30.pth', '--sharded') == 0
    assert mmseg('convert', saved, folder / 'a.safetensors') == 0
    capsys.readouterr()
    assert mmseg('verify', folder) == 0
    assert capsys.readouterr().out.count('whole') == 3
    shard = next((folder / 'iter_30.pth').glob('*.distcp'))
    for path in (saved, folder / 'a.safetensors', shard):
        path.write_bytes(path.read_bytes()[:-200])
    assert mmseg('verify', folder) == 1
    assert capsys.readouterr().out.count('BROKEN') == 3
    assert mmseg('verify', folder / 'none.pth') == 1


def test_to_shards_and_back(saved: Path, tmp_path: Path) -> None:
    assert mmseg('convert', saved, tmp_path / 'shards') == 0
    assert mmseg('convert', tmp_path / 'shards', tmp_path / 'back.pth') == 0
    before, after = (torch.load(p, weights_only=True) for p in (saved, tmp_path / 'back.pth'))
    assert before['meta'] == after['meta'] and before['optimizer'].keys() == after['optimizer'].keys()
    assert torch.equal(before['optimizer']['state'][0]['exp_avg'], after['optimizer']['state'][0]['exp_avg'])
    same_weights(saved, tmp_path / 'back.pth')


def test_to_safetensors_and_back(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert mmseg('convert', saved, tmp_path / 'a.safetensors') == 0
    assert 'left out optimizer' in capsys.readouterr().out
    same_weights(saved, tmp_path / 'a.safetensors')
    assert mmseg('convert', tmp_path / 'a.safetensors', tmp_path / 'b.pth') == 0
    same_weights(saved, tmp_path / 'b.pth')
    meta = torch.load(tmp_path / 'b.pth', weights_only=True)['meta']
    assert meta['iter'] == 20 and meta['cfg'] == 'a = 1' and meta['dataset_meta'] == {'classes': ['road', 'sky']}


def test_publish(saved: Path, tmp_path: Path) -> None:
    assert mmseg('convert', saved, tmp_path / 'net.pth', '--publish') == 0
    (written,) = tmp_path.glob('*net*.pth')
    assert written.name == f'net-{hashlib.sha256(written.read_bytes()).hexdigest()[:8]}.pth'
    content = torch.load(written, weights_only=True)
    assert set(content) == {'meta', 'state_dict'} and set(content['meta']) == {'cfg', 'dataset_meta'}
    same_weights(saved, written)


def test_nothing_is_replaced_unasked(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / 'b.pth').write_text('precious')
    assert mmseg('convert', saved, tmp_path / 'b.pth') == 1
    assert '--force' in capsys.readouterr().err and (tmp_path / 'b.pth').read_text() == 'precious'
    assert mmseg('convert', saved, tmp_path / 'b.pth', '--force') == 0
    same_weights(saved, tmp_path / 'b.pth')


def test_a_broken_one_is_not_converted(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    data = bytearray(saved.read_bytes())
    place = data.find(torch.load(saved, weights_only=True)['state_dict']['0.weight'].numpy().tobytes())
    data[place + 5] ^= 1
    saved.write_bytes(data)
    assert mmseg('verify', saved) == 1
    assert mmseg('convert', saved, tmp_path / 'b.pth') == 1
    assert 'broken' in capsys.readouterr().err and not (tmp_path / 'b.pth').exists()

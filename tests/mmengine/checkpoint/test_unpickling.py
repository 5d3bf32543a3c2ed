"""Loading runs nothing, and says what is wrong with a file."""

import argparse
import datetime
import io
import os
import pathlib
import pickle
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mmengine.checkpoint import CheckpointLoader, _load_checkpoint, load_checkpoint, set_trust, trust_checkpoints
from mmengine.config import Config, ConfigDict
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.optim import (
    CosineAnnealingMomentum,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    ReduceOnPlateauLR,
    build_optim_wrapper,
)
from mmengine.utils.errors import CheckpointError

PUBLISHED = Path(__file__).resolve().parents[2] / 'data' / 'checkpoints' / 'published_format.pth'


class _Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


class _EvilEval:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return eval, (f'open({str(self.path)!r}, "w")',)


class _EvilGetattr:
    """Reaches a function by `getattr`, which published checkpoints use as well."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return getattr, (pathlib.Path, 'touch')


def _save(obj, path, how):
    if how == 'pickle':
        path.write_bytes(pickle.dumps(obj))
    else:
        torch.save(obj, path, _use_new_zipfile_serialization=how == 'zip')


@pytest.mark.parametrize('how', ['zip', 'legacy', 'pickle'])
@pytest.mark.parametrize('evil', [_Evil, _EvilEval, _EvilGetattr])
def test_a_malicious_file_runs_nothing(tmp_path, evil, how):
    mark = tmp_path / 'mark'
    path = tmp_path / 'a.pth'
    _save({'state_dict': {'a': torch.zeros(1)}, 'meta': evil(mark)}, path, how)
    with pytest.raises(CheckpointError) as raised:
        _load_checkpoint(path, logger='silent')
    assert not mark.exists()
    assert raised.value.__cause__ is not None
    if how != 'pickle':
        assert 'holds' in str(raised.value)
        assert '--trust-checkpoint' in str(raised.value)
        assert 'trust=True' in str(raised.value)


def test_the_forbidden_name_is_named_and_trust_is_the_way_past_it(tmp_path):
    mark, path = tmp_path / 'mark', tmp_path / 'a.pth'
    torch.save({'0.weight': torch.ones(1, 1), 'meta': _Evil(mark)}, path)
    with pytest.raises(CheckpointError, match=r'holds pathlib\.Path, which'):
        _load_checkpoint(path, logger='silent')
    assert not mark.exists()
    model = nn.Sequential(nn.Linear(1, 1))
    load_checkpoint(model, path, trust=True, logger='silent')
    assert mark.exists()
    assert model[0].weight == 1
    mark.unlink()
    with pytest.raises(CheckpointError):
        _load_checkpoint(path, logger='silent')
    with trust_checkpoints():
        _load_checkpoint(path, logger='silent')
    assert mark.exists()
    mark.unlink()
    set_trust(True)
    try:
        _load_checkpoint(path, logger='silent')
    finally:
        set_trust(False)
    assert mark.exists()


def test_what_is_allowed_is_allowed_while_a_file_is_read_only(tmp_path):
    before = list(torch.serialization.get_safe_globals())
    torch.save({'a': HistoryBuffer()}, tmp_path / 'a.pth')
    _load_checkpoint(tmp_path / 'a.pth', logger='silent')
    assert list(torch.serialization.get_safe_globals()) == before
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'a.pth', weights_only=True)


@pytest.mark.parametrize('legacy', [False, True])
def test_what_runs_leave_in_checkpoints_is_read(tmp_path, legacy):
    counts = defaultdict(list)
    counts['a'].append(1)
    buffer = HistoryBuffer([1.0, 2.0], [1, 3])
    config_file = tmp_path / 'c.py'
    config_file.write_text('a = dict(b=[1, dict(c=2)])')
    content = {
        'state_dict': OrderedDict(a=torch.arange(3), b=torch.ones(2, dtype=torch.bfloat16)),
        'scalars': [np.float32(1.5), np.float64(2), np.int64(3), np.bool_(True), np.float16(1)],
        'arrays': [np.arange(4).reshape(2, 2), np.zeros(2, dtype=np.uint8), np.array(['x', 'yz'])],
        'config': ConfigDict(a=1, b=[{'c': 2}]),
        'loaded': Config.fromfile(config_file).a,
        'others': [Counter('aab'), counts, {1, 2}, (1, None, True), 2 + 1j, b'x', b'', slice(1, 2)],
        'args': argparse.Namespace(lr=0.1),
        'path': Path('a/b'),
        'time': datetime.datetime(2024, 1, 2),
        'device': torch.device('cpu'),
        'size': torch.Size([1, 2]),
        'history': buffer,
    }
    torch.save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=not legacy)
    loaded = _load_checkpoint(tmp_path / 'a.pth', logger='silent')
    assert torch.equal(loaded['state_dict']['a'], torch.arange(3))
    assert loaded['scalars'] == content['scalars']
    assert [type(each) for each in loaded['scalars']] == [type(each) for each in content['scalars']]
    for mine, other in zip(content['arrays'], loaded['arrays'], strict=True):
        np.testing.assert_array_equal(mine, other)
    for key in ('config', 'loaded', 'others', 'path', 'time', 'device', 'size', 'args'):
        assert loaded[key] == content[key], key
    assert isinstance(loaded['config'].b[0], ConfigDict)
    assert loaded['history'].mean() == buffer.mean()


def test_a_checkpoint_of_the_published_implementation_continues():
    checkpoint = _load_checkpoint(PUBLISHED, map_location='cpu', logger='silent')
    model = nn.ModuleDict({'l': nn.Linear(1, 1), 'b': nn.BatchNorm1d(1)})
    load_checkpoint(model, PUBLISHED, strict=True, logger='silent')
    assert torch.equal(model['l'].weight, checkpoint['state_dict']['l.weight'])

    wrapper = build_optim_wrapper(
        model, {'optimizer': {'type': 'AdamW', 'lr': 0.1}, 'paramwise_cfg': {'bias_lr_mult': 2.0}}
    )
    schedulers = [
        LinearLR(wrapper, end=2, by_epoch=False),
        MultiStepLR(wrapper, milestones=[1]),
        CosineAnnealingMomentum(wrapper, T_max=3),
        OneCycleLR(wrapper, eta_max=0.1, total_steps=4, by_epoch=False),
        ReduceOnPlateauLR(wrapper, monitor='acc'),
    ]
    wrapper.load_state_dict(checkpoint['optimizer'])
    lr = [group['lr'] for group in checkpoint['optimizer']['param_groups']]
    assert wrapper.get_lr()['lr'] == lr
    assert wrapper.get_lr()['base_lr'] == [checkpoint['optimizer']['base_param_settings']['lr']]
    for scheduler, state in zip(schedulers, checkpoint['param_schedulers'], strict=True):
        scheduler.load_state_dict(state)
    schedulers[0].step()
    assert schedulers[0].get_last_value() == [*lr, wrapper.get_lr()['base_lr'][0]]
    assert schedulers[3].last_step == 3
    assert schedulers[4].best == np.float32(1.0)
    wrapper.update_params(model['l'](torch.ones(2, 1)).sum())

    hub = MessageHub.get_instance('test_published')
    hub.load_state_dict(checkpoint['message_hub'])
    assert hub.get_info('iter') == 3
    assert hub.get_scalar('train/loss').mean() == pytest.approx(0.8566, abs=1e-4)
    assert hub.get_scalar('val/acc').statistics('current') == 1


def _bytes_of(**kwargs):
    buffer = io.BytesIO()
    torch.save({'a': torch.arange(5000.0)}, buffer, **kwargs)
    return buffer.getvalue()


def _zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        archive.writestr('x', 'y')
    return buffer.getvalue()


BROKEN = {
    'empty': (b'', r'empty \(0 bytes\)'),
    'text': (b'hello world', r'\(11 bytes\) is no checkpoint'),
    'page': (b'<!doctype html><html>', 'a web page'),
    'pointer': (b'version https://git-lfs.github.com/spec/v1', 'Git LFS'),
    'half': (_bytes_of()[:10000], r'\(10,000 bytes\) is broken'),
    'start': (_bytes_of()[:10], 'is broken'),
    'zip': (_zip(), 'is broken'),
    'old half': (_bytes_of(_use_new_zipfile_serialization=False)[:-100], 'unexpected EOF|cut off'),
    'old start': (_bytes_of(_use_new_zipfile_serialization=False)[:20], 'cut off'),
    'plain pickle': (pickle.dumps({'a': 1}), 'is no checkpoint'),
}


@pytest.mark.parametrize('name', BROKEN)
def test_broken_files_are_said_to_be(tmp_path, name):
    content, message = BROKEN[name]
    path = tmp_path / 'a.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as raised:
        _load_checkpoint(path, logger='silent')
    assert str(path) in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_every_place_of_a_cut_raises_the_same_kind_of_error(tmp_path):
    path = tmp_path / 'a.pth'
    for content in (_bytes_of(), _bytes_of(_use_new_zipfile_serialization=False)):
        for cut in range(0, len(content), 997):
            path.write_bytes(content[:cut])
            with pytest.raises(CheckpointError):
                _load_checkpoint(path, logger='silent')


def test_a_missing_file_names_near_ones(tmp_path, monkeypatch):
    (tmp_path / 'epoch_12.pth').touch()
    for error in (CheckpointError, FileNotFoundError):
        with pytest.raises(error, match=r'can not be found; did you mean epoch_12\.pth'):
            _load_checkpoint(tmp_path / 'epoch_21.pth', logger='silent')
    with pytest.raises(CheckpointError, match='there is no folder'):
        _load_checkpoint(tmp_path / 'none' / 'a.pth', logger='silent')
    with pytest.raises(CheckpointError, match='is a folder'):
        _load_checkpoint(tmp_path, logger='silent')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=f'from {os.getcwd()}'):
        CheckpointLoader.load_checkpoint('zzz.pth', logger='silent')

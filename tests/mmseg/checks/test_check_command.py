"""`mmseg check`, and the check at the start of `mmseg train`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mmengine.runner import Runner
from mmseg.cli import main

CONFIGS = Path(__file__).with_name('configs')


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(CONFIGS, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns('__pycache__'))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as info:
        main(arguments)
    return int(info.value.code or 0)


def broken(configs: Path, old: str = 'num_classes=19', new: str = 'num_classes=7') -> None:
    file = configs / 'good.py'
    file.write_text(file.read_text().replace(old, new, 1))


def test_good(configs: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('check', 'good.py', 'epochs.py') == 0
    assert '2 configs: nothing found' in capsys.readouterr().out


def test_errors_and_their_address(configs: Path, capsys: pytest.CaptureFixture) -> None:
    broken(configs)
    assert run('check', 'good.py', 'epochs.py') == 1
    text = capsys.readouterr().out
    assert 'error[num-classes] model.decode_head.num_classes (good.py:29)' in text
    assert 'hint: num_classes=19' in text and 'and 1 more' in text
    assert '2 configs: 1 error, 0 warnings' in text, 'a mistake of a base that both have counts once'


def test_warnings_do_not_fail_unless_strict(configs: Path, capsys: pytest.CaptureFixture) -> None:
    options = ('--cfg-options', 'train_cfg.val_interval=1')
    assert run('check', 'good.py', *options) == 0
    assert 'val_interval=1 validates' in capsys.readouterr().out
    assert run('check', 'good.py', '--strict', *options) == 1


def test_ignore(configs: Path, capsys: pytest.CaptureFixture) -> None:
    broken(configs)
    assert run('check', 'good.py', '--ignore', 'num-classes') == 0
    assert run('check', 'good.py', '--ignore', 'num-clases') == 1
    assert 'num-classes' in capsys.readouterr().err


def test_json(configs: Path, capsys: pytest.CaptureFixture) -> None:
    broken(configs)
    assert run('check', 'good.py', '--json') == 1
    (finding,) = json.loads(capsys.readouterr().out)
    assert finding == {
        'config': 'good.py',
        'rule': 'num-classes',
        'severity': 'error',
        'message': 'FCNHead has 7 classes, but CityscapesDataset has 19',
        'file': str(configs / 'good.py'),
        'line': 29,
        'key': 'model.decode_head.num_classes',
        'value': '7',
        'hint': 'num_classes=19',
    }


def test_sarif(configs: Path, capsys: pytest.CaptureFixture) -> None:
    broken(configs)
    assert run('check', 'good.py', 'epochs.py', '--sarif') == 1
    report = json.loads(capsys.readouterr().out)
    assert report['version'] == '2.1.0'
    (result,) = report['runs'][0]['results']
    place = result['locations'][0]['physicalLocation']
    assert place == {'artifactLocation': {'uri': 'good.py'}, 'region': {'startLine': 29}}
    assert result['level'] == 'error' and 'model.decode_head.num_classes' in result['message']['text']
    described = {rule['id']: rule['shortDescription']['text'] for rule in report['runs'][0]['tool']['driver']['rules']}
    assert result['ruleId'] in described and all(described.values())


def test_unreadable_configs_are_findings(configs: Path, capsys: pytest.CaptureFixture) -> None:
    (configs / 'bad.py').write_text('model = dict(\n')
    assert run('check', 'bad.py', 'absent.py', 'good.py') == 1
    text = capsys.readouterr().out
    assert 'bad.py' in text and 'no such config' in text and '3 configs: 2 errors' in text


def test_static_runs_nothing_and_skips_what_is_not_known(configs: Path, capsys: pytest.CaptureFixture) -> None:
    (configs / 'stranger.py').write_text(
        """_base_ = './good.py'
open('touched', 'w')
n = len('abc')
custom_imports = dict(imports=['touches'])
model = dict(backbone=dict(type='Theirs', depth=n), decode_head=dict(num_classes=n, chanels=n))
train_cfg = dict(val_interval=n)
default_hooks = dict(checkpoint=dict(interval=n, priority=n, save_best=f'{n}'))
load_from = n
optim_wrapper = dict(optimizer=dict(momentun=0.9))
"""
    )
    (configs / 'touches.py').write_text("open('touched', 'w')")
    assert run('check', 'stranger.py', '--static', '--json') == 1
    found = json.loads(capsys.readouterr().out)
    assert [f['key'] for f in found if f['severity'] == 'error'] == ['optim_wrapper.optimizer.momentun']
    assert not [f for f in found if f['severity'] == 'warning']
    stops = [f for f in found if f['rule'] == 'not-evaluated']
    assert {f['line'] for f in stops} == {2, 3, 5, 6, 7, 8} and "len('abc')" in stops[1]['message']
    assert not Path('touched').exists()


def test_static_finds_what_is_written_down(configs: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('check', 'good.py', 'epochs.py', '--static', '--strict') == 0
    broken(configs)
    assert run('check', 'good.py', '--static') == 1
    assert 'error[num-classes] model.decode_head.num_classes (good.py:29)' in capsys.readouterr().out


def test_folders_leave_bases_out(configs: Path, capsys: pytest.CaptureFixture) -> None:
    (configs / '_base_').mkdir()
    (configs / 'runtime.py').rename(configs / '_base_' / 'runtime.py')
    broken(configs, './runtime.py', './_base_/runtime.py')
    assert run('check', '.') == 0
    assert '2 configs' in capsys.readouterr().out


@pytest.mark.slow
def test_many_configs_in_several_processes(configs: Path, capsys: pytest.CaptureFixture) -> None:
    for number in range(10):
        text = (configs / 'good.py').read_text()
        (configs / f'copy{number}.py').write_text(text.replace('num_classes=19', f'num_classes={number}', 1))
    assert run('check', '-j', '2', '--json', *(f'copy{n}.py' for n in range(10))) == 1
    found = json.loads(capsys.readouterr().out)
    assert [f['value'] for f in found if f['rule'] == 'num-classes'] == [str(n) for n in range(10)]


# ----------------------------------------------------------------------------------------------------- before a training


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Runner]:
    """Collects runners instead of making them."""
    runners: list = []

    def from_cfg(cfg: object) -> None:
        runners.append(cfg)
        raise KeyboardInterrupt

    monkeypatch.setattr(Runner, 'from_cfg', from_cfg)
    return runners


def test_training_does_not_start_with_errors(configs: Path, started: list, capsys: pytest.CaptureFixture) -> None:
    broken(configs)
    assert run('train', 'good.py') == 1
    text = capsys.readouterr().err
    assert not started and '1 mistake in good.py' in text
    assert 'model.decode_head.num_classes (good.py:29)' in text and '--no-check' in text
    run('train', 'good.py', '--no-check')
    assert started


def test_training_starts_with_warnings(configs: Path, started: list, capsys: pytest.CaptureFixture) -> None:
    broken(configs, 'val_interval=4000', 'val_interval=1')
    run('train', 'good.py')
    assert started and 'warning[val-interval]' in capsys.readouterr().err


def test_what_only_other_commands_need_does_not_stop_a_training(
    configs: Path, started: list, capsys: pytest.CaptureFixture
) -> None:
    file = configs / 'good.py'
    file.write_text(file.read_text() + "tta_model = dict(type='NoSuchModel')\n")
    assert run('check', 'good.py') == 1
    run('train', 'good.py')
    assert started and 'NoSuchModel' in capsys.readouterr().err

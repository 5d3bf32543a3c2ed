"""`mmseg show`: values and origins, parameter groups, schedules, hooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmseg.cli.main import main
from mmseg.cli.show import TOPICS

BASE = """
model = dict(type='EncoderDecoder', backbone=dict(type='ResNetV1c', depth=18, num_stages=4, out_indices=(0, 1, 2, 3)),
    decode_head=dict(type='FCNHead', in_channels=512, in_index=3, channels=8, num_convs=1, num_classes=3))
default_scope = 'mmseg'
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.01),
    paramwise_cfg=dict(custom_keys=dict(head=dict(lr_mult=10.0)), norm_decay_mult=0.0))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=100)
param_scheduler = [dict(type='LinearLR', start_factor=0.1, begin=0, end=10, by_epoch=False),
    dict(type='MultiStepLR', milestones=[50], begin=10, by_epoch=False)]
custom_hooks = [dict(type='EMAHook')]
"""
CHILD = "_base_ = 'base.py'\nwork_dir = 'w'\noptim_wrapper = dict(\n    optimizer=dict(lr=0.2))\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path('base.py').write_text(BASE)
    Path('a.py').write_text(CHILD)
    return Path('a.py')


def show(capsys: pytest.CaptureFixture, *args: object, code: int = 0) -> str:
    with pytest.raises(SystemExit) as info:
        main(['show', *map(str, args)])
    output = capsys.readouterr()
    assert (info.value.code or 0) == code, output.err
    assert '\x1b' not in output.out
    return output.out if not code else output.err


def test_values(config: Path, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    text = show(capsys, 'config', config, '--cfg-options', 'work_dir=x')
    namespace: dict = {}
    exec(text, namespace)
    assert namespace['optim_wrapper']['optimizer']['lr'] == 0.2 and namespace['work_dir'] == 'x'
    assert show(capsys, 'config', config, 'optim_wrapper.optimizer.lr') == 'lr = 0.2\n'
    assert "did you mean 'optim_wrapper'" in show(capsys, 'config', config, 'optim_wraper', code=1)


def test_origins(config: Path, capsys: pytest.CaptureFixture) -> None:
    lines = show(capsys, 'config', config, 'optim_wrapper', '--origin', '--cfg-options', 'optim_wrapper.optimizer.lr=3')
    found = {key.strip(): rest for key, _, rest in (line.partition(' = ') for line in lines.splitlines())}
    assert (
        found['optim_wrapper.optimizer.lr'].split('  # ')[1] == '--cfg-options, overrides a.py:4, overrides base.py:5'
    )
    assert found['optim_wrapper.optimizer.momentum'].endswith('# base.py:5')
    whole = show(capsys, 'config', config, '--origin')
    assert "work_dir = 'w'" in whole and 'param_scheduler.1.milestones = [50]' in whole


def test_static(config: Path, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    config.write_text(CHILD + "open('touched', 'w')\nn = len('abc')\n")
    with pytest.raises(SystemExit):
        main(['show', 'config', 'a.py', 'n', '--static', '--origin'])
    output = capsys.readouterr()
    assert output.out.startswith("n = <not evaluated: len('abc')>") and 'a.py:5: open(' in output.err
    assert not (tmp_path / 'touched').exists()


def test_hooks(config: Path, capsys: pytest.CaptureFixture) -> None:
    text = show(capsys, 'hooks', config)
    stage = text.partition('after_train_iter:')[2].partition('-----')[0]
    assert 'EMAHook' in stage and 'custom_hooks.0 (base.py:10)' in stage and '(NORMAL' in stage
    assert stage.index('RuntimeInfoHook') < stage.index('EMAHook') < stage.index('CheckpointHook')


def test_parameters(config: Path, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    lines = show(capsys, 'params', config).splitlines()
    head = next(line for line in lines if line.startswith('decode_head.conv_seg.weight')).split()
    assert head[2:] == ['2', '0.01', 'custom_keys[head]']
    norm = next(line for line in lines if line.startswith('backbone.layer1.0.bn1.weight')).split()
    assert norm[2:] == ['0.2', '0', 'norm_decay_mult']
    assert 'parameters in' in show(capsys, 'params', config, '--out', 'p.png') and Path('p.png').stat().st_size > 1000
    assert '.png' in show(capsys, 'params', config, '--out', 'p.xyz', code=1)
    config.write_text("_base_ = 'base.py'\noptim_wrapper = None\n")
    assert 'no optim_wrapper' in show(capsys, 'params', config, code=1)


def values(text: str) -> dict[int, list[float]]:
    rows = (line.split() for line in text.splitlines())
    return {
        int(r[0]): [float(r[1]), float(r[2])]
        for r in rows
        if len(r) > 2 and r[0].isdigit() and r[1] not in ('parameters', 'iterations,')
    }


def test_schedule_by_iteration(config: Path, capsys: pytest.CaptureFixture) -> None:
    text = show(capsys, 'schedule', config, '--out', 's.png')
    backbone, head = text.split('parameters (')[1:]
    assert values(backbone)[0] == pytest.approx([0.02, 0.9]) and values(head)[0] == pytest.approx([0.2, 0.9])
    assert values(backbone)[10] == pytest.approx([0.2, 0.9])
    # 50 is counted from `begin`
    assert values(backbone)[50][0] == pytest.approx(0.2) and values(backbone)[99][0] == pytest.approx(0.02)
    assert 'milestone of MultiStepLR of lr' in backbone and Path('s.png').stat().st_size > 1000


def test_schedule_by_epoch(config: Path, capsys: pytest.CaptureFixture) -> None:
    config.write_text(
        "_base_ = 'base.py'\ntrain_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=4)\n"
        "optim_wrapper = dict(_delete_=True, optimizer=dict(type='AdamW', lr=1.0))\n"
        "param_scheduler = [dict(type='StepLR', step_size=2), dict(type='ReduceOnPlateauLR', monitor='mIoU'),\n"
        "    dict(type='CosineAnnealingMomentum', eta_min=0.5, convert_to_iter_based=True)]\n"
    )
    assert '--epoch-length' in show(capsys, 'schedule', config, code=1)
    text = show(capsys, 'schedule', config, '--epoch-length', 5)
    found = values(text)
    assert '20 iterations, 5 an epoch' in text and 'ReduceOnPlateauLR goes by' in text
    assert found[0] == [1, 0.9] and found[10] == pytest.approx([0.1, 0.7]) and found[19][0] == pytest.approx(0.1)


def test_topics_are_modules_of_one_form() -> None:
    assert {'config', 'params', 'schedule', 'hooks'} <= set(TOPICS)
    for module in TOPICS.values():
        assert callable(module.add_arguments) and callable(module.run) and module.__doc__


def test_what_a_config_imports_lazily_is_shown_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path('base.py').write_text('from absent_of_show import Net\nmodel = dict(type=Net, n=1)\n')
    Path('a.py').write_text('with read_base():\n    from .base import *\nmodel.update(\n    dict(n=2))\n')
    assert "type='absent_of_show.Net'" in show(capsys, 'config', 'a.py')
    assert show(capsys, 'config', 'a.py', 'model.type') == "type = 'absent_of_show.Net'\n"
    origins = show(capsys, 'config', 'a.py', 'model', '--origin').splitlines()
    assert origins[0].split() == ['model.type', '=', 'absent_of_show.Net', '#', 'base.py:2']
    assert origins[1].endswith('# a.py:4, overrides base.py:2')
    assert 'absent_of_show.Net' in show(capsys, 'config', 'a.py', '--static')

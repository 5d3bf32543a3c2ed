"""Each kind of bad input ends in one message that says what is wrong, where, and the way out; exit status 1, nothing half
written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.shapes import small_options

from mmseg.cli import main

BASE = "_base_ = 'mmseg::quickstart.py'\n"
Mmseg = Callable[..., tuple[int, str]]


@pytest.fixture
def mmseg(tmp_path: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Mmseg:
    """Runs the command in `tmp_path` with a config and the small data set; gives exit status and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(
        config: str = BASE, *arguments: str, command: str = 'train', checkpoint: str | None = None
    ) -> tuple[int, str]:
        Path('config.py').write_text(config)
        positional = ['config.py', *([checkpoint] if checkpoint else [])]
        with pytest.raises(SystemExit) as info:
            main([command, *positional, *arguments, '--cfg-options', *small_options(shapes)])
        return info.value.code, capsys.readouterr().err  # type: ignore[return-value]

    return run


def only_message(text: str) -> bool:
    return 'Traceback' not in text


def test_unknown_type(mmseg: Mmseg) -> None:
    code, text = mmseg(BASE + "model = dict(\n    decode_head=dict(\n        type='SegfomerHead'))\n")
    assert code == 1 and only_message(text)
    assert 'model.decode_head.type (config.py:4)' in text and 'SegformerHead' in text


def test_misspelt_argument(mmseg: Mmseg) -> None:
    code, text = mmseg(BASE + 'model = dict(decode_head=dict(\n    num_clases=7))\n')
    assert code == 1 and only_message(text)
    assert 'num_clases=7' in text and 'model.decode_head.num_clases (config.py:3)' in text and 'num_classes' in text


def test_misspelt_argument_of_the_optimizer(mmseg: Mmseg) -> None:
    code, text = mmseg(BASE + 'optim_wrapper = dict(optimizer=dict(\n    weight_decy=0.1))\n')
    assert code == 1 and only_message(text)
    assert 'weight_decy' in text and 'config.py:3' in text and 'weight_decay' in text


@pytest.mark.parametrize(('body', 'root'), [(None, 'ModuleNotFoundError'), ('1 / 0\n', 'ZeroDivisionError')])
def test_custom_imports(mmseg: Mmseg, body: str | None, root: str) -> None:
    if body is not None:
        Path('broken_extension.py').write_text(body)
    name = 'no_such_extension' if body is None else 'broken_extension'
    code, text = mmseg(BASE + f"custom_imports = dict(\n    imports=['{name}'], allow_failed_imports=False)\n")
    assert code == 1 and only_message(text)
    assert root in text.splitlines()[0] and name in text and 'config.py:3' in text


def test_missing_data_folder(mmseg: Mmseg, shapes: Path) -> None:
    dataset = (
        "dataset=dict(_delete_=True, type='BaseSegDataset', metainfo=dict(classes=('a', 'b'), palette=[[0]*3, [9]*3]), "
    )
    config = (
        f"train_dataloader = dict({dataset}data_prefix=dict(img_path='imagse', seg_map_path='masks'), pipeline=[]))\n"
    )
    code, text = mmseg(BASE + config)
    assert code == 1 and only_message(text)
    assert str(shapes / 'imagse') in text and 'data_root' in text and 'images' in text


def test_images_without_masks(mmseg: Mmseg, shapes: Path) -> None:
    (shapes / 'masks' / 'train' / '0002.png').rename(shapes / 'masks' / 'train' / 'moved.png')
    code, text = mmseg()
    assert code == 1 and only_message(text)
    assert '0002' in text and str(shapes / 'masks' / 'train') in text


def test_a_label_outside_of_the_classes(mmseg: Mmseg, shapes: Path) -> None:
    for index in range(6):
        path = str(shapes / 'masks' / 'train' / f'{index:04d}.png')
        mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        mask[20:140, 20:140] = 77
        cv2.imwrite(path, mask)
    code, text = mmseg()
    assert code == 1 and only_message(text)
    assert '77' in text and str(shapes / 'masks' / 'train') in text


def test_a_corrupt_image(mmseg: Mmseg, shapes: Path) -> None:
    for index in range(6):
        path = shapes / 'images' / 'train' / f'{index:04d}.png'
        path.write_bytes(path.read_bytes()[:300])
    code, text = mmseg()
    assert code == 1 and only_message(text)
    assert str(shapes / 'images' / 'train') in text


@pytest.fixture
def trained(mmseg: Mmseg, tmp_path: Path) -> Path:
    assert mmseg()[0] == 0
    return tmp_path / 'work_dirs' / 'config' / 'iter_4.pth'


def test_truncated_checkpoint(mmseg: Mmseg, trained: Path) -> None:
    cut = trained.with_name('cut.pth')
    cut.write_bytes(trained.read_bytes()[: trained.stat().st_size // 2])
    code, text = mmseg(BASE, command='test', checkpoint=str(cut))
    assert code == 1 and only_message(text) and str(cut) in text


def test_checkpoint_of_another_model(mmseg: Mmseg, trained: Path) -> None:
    other = "model = dict(backbone=dict(_delete_=True, type='FastSCNN', out_indices=(0, 1, 2)), decode_head=dict(_delete_=True, "
    other += "type='FCNHead', in_channels=128, channels=16, in_index=2, num_classes=7))\n"
    code, text = mmseg(BASE + other, command='test', checkpoint=str(trained))
    assert code == 1 and only_message(text)
    assert 'missing' in text.lower() and 'unexpected' in text.lower() and 'backbone.' in text


def test_checkpoint_with_another_number_of_classes_lists_the_shapes(
    mmseg: Mmseg, trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code, text = mmseg(
        BASE + 'model = dict(decode_head=dict(num_classes=9))\n', command='test', checkpoint=str(trained)
    )
    log = ''.join(p.read_text() for p in Path('work_dirs').rglob('*.log'))
    assert 'decode_head.conv_seg.weight' in log and '7' in log and '9' in log


class Malicious:
    def __reduce__(self) -> tuple:
        return os.system, ('touch i_was_here',)


def test_checkpoint_with_code(mmseg: Mmseg, trained: Path) -> None:
    checkpoint = torch.load(trained, weights_only=False)
    checkpoint['meta']['extra'] = Malicious()
    evil = trained.with_name('evil.pth')
    torch.save(checkpoint, evil)
    code, text = mmseg(BASE, command='test', checkpoint=str(evil))
    assert code == 1 and only_message(text)
    assert 'posix.system' in text or 'os.system' in text
    assert '--trust-checkpoint' in text
    assert not Path('i_was_here').exists()
    assert mmseg(BASE, '--trust-checkpoint', command='test', checkpoint=str(evil))[0] == 0
    assert Path('i_was_here').exists(), 'the option is what lets the code run'


def test_a_full_disk_while_saving(mmseg: Mmseg, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work_dir = trained.parent
    before = {p.name: p.read_bytes() for p in work_dir.glob('*.pth')}
    original = torch.save

    def full(obj: object, f: object, *args: object, **kwargs: object) -> None:
        if isinstance(obj, dict) and 'state_dict' in obj:
            f.write(b'half of a checkpoint')  # type: ignore[attr-defined]
            raise OSError(28, 'No space left on device')
        original(obj, f, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(torch, 'save', full)
    code, text = mmseg()
    assert code == 1 and only_message(text)
    assert 'No space left on device' in text and str(work_dir) in text
    assert {p.name: p.read_bytes() for p in work_dir.rglob('*.pth')} == before  # moved aside, unchanged
    assert not [p for p in work_dir.iterdir() if p.name.endswith('.tmp')]


def test_no_such_config(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as info:
        main(['train', 'no_such_config.py'])
    assert info.value.code == 1 and 'no_such_config.py' in capsys.readouterr().err


def test_predict_without_images(mmseg: Mmseg, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    common = ['--config', 'config.py', '--checkpoint', str(trained), '--out-dir', 'out']
    with pytest.raises(SystemExit) as info:
        main(['predict', 'nothing_here.jpg', *common])
    assert info.value.code == 1 and 'nothing_here.jpg' in capsys.readouterr().err
    assert not Path('out').exists()
    with pytest.raises(SystemExit) as info:
        main(['predict', str(tmp_path / 'shapes' / 'images' / 'val'), *common])
    assert info.value.code == 0
    masks = sorted(Path('out').glob('????.png'))
    assert len(masks) == 3
    mask = cv2.imread(str(masks[0]), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (160, 160) and mask.max() < 7 and len(np.unique(mask)) >= 1
    shutil.rmtree('out')

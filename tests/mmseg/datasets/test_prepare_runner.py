"""Preparations: whole files, going on, verifying, and what is said when something is wrong."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.utils.errors import ConfigError, DataError
from mmseg.datasets.prepare import labels_of_colours, prepare
from mmseg.datasets.prepare import refuge as refuge_module
from mmseg.datasets.prepare.pixels import starts, tiles
from mmseg.datasets.prepare.source import Source


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A data set of six images and masks."""
    for i in range(1, 7):
        (tmp_path / 'src').mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / f'src/g{i:04d}.jpg'), np.full((4, 5, 3), i, np.uint8))
        cv2.imwrite(str(tmp_path / f'src/g{i:04d}.bmp'), np.full((4, 5), 128, np.uint8))
    return tmp_path / 'src'


def test_second_call_does_nothing(source: Path, tmp_path: Path) -> None:
    first = prepare('refuge', source, tmp_path / 'dst')
    assert (first.jobs, first.skipped) == (12, 0)
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / 'dst').rglob('*.png')}
    seen: list[tuple[int, int]] = []
    second = prepare('refuge', source, tmp_path / 'dst', progress=lambda *p: seen.append(p))
    assert second.skipped == 12 and second.folders == first.folders and seen == [(12, 12)]
    assert all(p.stat().st_mtime_ns == t for p, t in times.items())


def test_goes_on_after_an_interrupt(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare('refuge', source, tmp_path / 'dst', progress=stop)
    manifest = tmp_path / 'dst/prepare.jsonl'
    with manifest.open('a') as file:
        file.write('{"job": "cut off')
    outcome = prepare('refuge', source, tmp_path / 'dst')
    assert outcome.skipped == 5 and sum(outcome.folders.values()) == 12
    assert len(manifest.read_text().splitlines()) == 13


def test_files_that_were_changed_are_written_again(source: Path, tmp_path: Path) -> None:
    prepare('refuge', source, tmp_path / 'dst')
    target = tmp_path / 'dst/annotations/training/g0001.png'
    good = target.read_bytes()
    target.write_bytes(good[:-1])
    assert prepare('refuge', source, tmp_path / 'dst').skipped == 11
    assert target.read_bytes() == good
    target.write_bytes(good[:-1] + b'x')
    assert prepare('refuge', source, tmp_path / 'dst').skipped == 12, 'the size is the same'
    assert prepare('refuge', source, tmp_path / 'dst', verify=True).skipped == 11
    assert target.read_bytes() == good
    target.unlink()
    assert prepare('refuge', source, tmp_path / 'dst').skipped == 11


def test_other_options_begin_anew(tmp_path: Path) -> None:
    for kind in ('A', 'B', 'label'):
        (tmp_path / f'src/train/{kind}').mkdir(parents=True)
        cv2.imwrite(str(tmp_path / f'src/train/{kind}/a.png'), np.zeros((8, 8), np.uint8))
    prepare('levir_cd', tmp_path / 'src', tmp_path / 'dst', size=8)
    outcome = prepare('levir_cd', tmp_path / 'src', tmp_path / 'dst', size=4)
    assert outcome.skipped == 0 and outcome.folders['train/A'] == 4


def test_one_broken_file_does_not_stop_the_others(source: Path, tmp_path: Path) -> None:
    good = (source / 'g0003.bmp').read_bytes()
    (source / 'g0003.bmp').write_bytes(b'BM')
    with pytest.raises(DataError, match=r'1 of 12 parts of REFUGE(.|\n)*annotations/training/g0003\.png: .*g0003\.bmp'):
        prepare('refuge', source, tmp_path / 'dst')
    assert len(list((tmp_path / 'dst').rglob('*.png'))) == 11
    assert not list((tmp_path / 'dst').rglob('.*')), 'no half-written files'
    (source / 'g0003.bmp').write_bytes(good)
    assert prepare('refuge', source, tmp_path / 'dst').skipped == 11


def test_what_is_read_back_must_be_what_was_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes
    monkeypatch.setattr(Path, 'write_bytes', lambda self, data: write(self, data[:-1]))
    with pytest.raises(DataError, match='is not what was written'):
        prepare('refuge', source, tmp_path / 'dst')
    monkeypatch.undo()
    assert not list((tmp_path / 'dst').rglob('*.png'))


def test_in_several_processes(source: Path, tmp_path: Path) -> None:
    outcome = prepare('refuge', source, tmp_path / 'dst', jobs=2)
    assert outcome.folders == {'images/training': 6, 'annotations/training': 6}
    prepare('refuge', source, tmp_path / 'alone')
    for path in (tmp_path / 'alone').rglob('*.png'):
        assert (tmp_path / 'dst' / path.relative_to(tmp_path / 'alone')).read_bytes() == path.read_bytes()


def test_a_defect_keeps_its_traceback(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refuge_module, 'LABELS', None)
    with pytest.raises(TypeError):
        prepare('refuge', source, tmp_path / 'dst')


def test_names_and_options() -> None:
    with pytest.raises(ConfigError, match="did you mean 'cityscapes'"):
        prepare('cityscape', '.', '.')
    with pytest.raises(ConfigError, match='needs no conversion.*data/ade'):
        prepare('ade20k', '.', '.')
    with pytest.raises(ConfigError, match='not cut into tiles'):
        prepare('drive', '.', '.', size=3)
    with pytest.raises(ConfigError, match='between tiles'):
        prepare('potsdam', '.', '.', size=3, stride=4)
    with pytest.raises(DataError, match='does not exist'):
        prepare('potsdam', 'nowhere', '.')


def test_source_with_broken_or_double_files(tmp_path: Path) -> None:
    for folder in 'ab':
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'g0001.jpg').write_bytes(b'x')
    with pytest.raises(DataError, match=r'a/g0001\.jpg and .*b/g0001\.jpg are both g0001'):
        Source(tmp_path).find(r'(g\d+)\.jpg')
    (tmp_path / 'c.zip').write_bytes(b'PK')
    with pytest.raises(DataError, match=r'c\.zip is broken'):
        Source(tmp_path)


def test_unpacked_files_go_before_those_in_archives(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / 'all.zip', 'w') as archive:
        archive.writestr('all/g0001.jpg', b'packed')
        archive.writestr('all/g0002.jpg', b'packed')
    (tmp_path / 'all').mkdir()
    (tmp_path / 'all/g0001.jpg').write_bytes(b'plain')
    found = Source(tmp_path).find(r'(g\d+)\.jpg')
    assert [file.read() for file in found.values()] == [b'plain', b'packed']


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 30), st.data())
def test_tiles_cover_everything(length: int, size: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, size))
    begins = starts(length, size, stride)
    covered = {i for begin in begins for i in range(begin, min(begin + size, length))}
    assert covered == set(range(length)) and len(set(begins)) == len(begins)
    assert all(b - a <= stride for a, b in zip(begins, begins[1:], strict=False))


def test_tiles_and_their_places() -> None:
    array = np.arange(30).reshape(5, 6)
    for (left, top, right, bottom), tile in tiles(array, 4, 3):
        np.testing.assert_array_equal(tile, array[top:bottom, left:right])
    assert [box for box, _ in tiles(np.zeros((3, 2)), 4, 4)] == [(0, 0, 2, 3)]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.randoms(use_true_random=False))
def test_colours_and_back(count: int, random: object) -> None:
    rng = np.random.default_rng(random.randint(0, 1 << 30))  # type: ignore[attr-defined]
    codes = rng.choice(1 << 24, count, replace=False)
    palette = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)
    labels = rng.integers(0, count, (6, 7), dtype=np.uint8)
    np.testing.assert_array_equal(labels_of_colours(palette[labels], palette.tolist(), 'mask'), labels)

"""Videos as sequences of frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import mmcv
from mmengine.utils.errors import DataError


def frame(value: int) -> np.ndarray:
    return np.full((24, 32, 3), value * 20, np.uint8)


@pytest.fixture
def video(tmp_path: Path) -> str:
    """Ten frames, of which the i-th has the value 20 i."""
    path = str(tmp_path / 'a.avi')
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*'MJPG'), 10, (32, 24))
    for i in range(10):
        writer.write(frame(i))
    writer.release()
    return path


def value(image: np.ndarray | None) -> int:
    assert image is not None
    assert image.shape == (24, 32, 3)
    return round(image.mean() / 20)


@pytest.mark.parametrize('cache', [0, 3, 20])
def test_frames_in_any_order(video: str, cache: int) -> None:
    with mmcv.VideoReader(video, cache) as reader:
        assert (len(reader), reader.frame_cnt, reader.fps, reader.resolution) == (10, 10, 10, (32, 24))
        assert reader.current_frame() is None
        assert [value(reader.read()) for _ in range(3)] == [0, 1, 2]
        assert value(reader.current_frame()) == 2
        assert reader.position == 3
        assert value(reader[7]) == 7
        assert value(reader.next()) == 8
        assert value(reader[-1]) == 9
        assert reader.read() is None
        assert [value(f) for f in reader[1:8:3]] == [1, 4, 7]
        assert [value(f) for f in reader] == list(range(10))
        assert [value(f) for f in reader] == list(range(10))
        for wrong in (10, -11):
            with pytest.raises(IndexError):
                reader[wrong]
    assert not reader.opened


def test_what_is_no_video_is_named(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(FileNotFoundError, match='none.avi'):
        mmcv.VideoReader(tmp_path / 'none.avi')
    (tmp_path / 'text.avi').write_text('no video')
    with pytest.raises(DataError, match='text.avi cannot be opened'):
        mmcv.VideoReader(tmp_path / 'text.avi')


@pytest.mark.parametrize('progress', [True, False])
def test_to_frames_and_back(video: str, tmp_path: Path, progress: bool, capsys: pytest.CaptureFixture) -> None:
    folder = tmp_path / 'frames'
    mmcv.VideoReader(video).cvt2frames(folder, 5, '{:03d}.png', start=2, max_num=4, show_progress=progress)
    assert sorted(p.name for p in folder.iterdir()) == ['005.png', '006.png', '007.png', '008.png']
    assert value(mmcv.imread(str(folder / '006.png'))) == 3
    out = str(tmp_path / 'b.avi')
    mmcv.frames2video(str(folder), out, 5, 'MJPG', '{:03d}.png', start=5, end=8, show_progress=progress)
    assert [value(f) for f in mmcv.VideoReader(out)] == [2, 3, 4]
    assert ('task/s' in capsys.readouterr().out) == progress
    with pytest.raises(FileNotFoundError, match='000.png'):
        mmcv.frames2video(str(folder), out, filename_tmpl='{:03d}.png')
    with pytest.raises(ValueError, match='start'):
        mmcv.VideoReader(video).cvt2frames(folder, start=10)


def test_cache_pushes_out_the_oldest() -> None:
    cache = mmcv.Cache(2)
    for key in 'abb' + 'c':
        cache.put(key, key)
    assert (cache.size, cache.capacity, cache.get('a'), cache.get('b'), cache.get('z', 1)) == (2, 2, None, 'b', 1)
    with pytest.raises(ValueError, match='positive'):
        mmcv.Cache(0)

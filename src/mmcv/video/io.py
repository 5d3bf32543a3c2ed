"""Reading videos frame by frame, and writing them from images. Decoding is OpenCV's."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmcv.image import imread, imwrite
from mmengine.utils import check_file_exist, mkdir_or_exist, track_progress
from mmengine.utils.errors import DataError


class Cache:
    """Keeps the `capacity` entries that were put in first; further ones push out the oldest."""

    def __init__(self, capacity: int) -> None:
        if int(capacity) <= 0:
            raise ValueError(f'capacity should be positive, but got {capacity}')
        self._entries: OrderedDict[Any, Any] = OrderedDict()
        self._capacity = int(capacity)

    @property
    def capacity(self) -> int:
        return self._capacity

    @property
    def size(self) -> int:
        return len(self._entries)

    def put(self, key: Any, val: Any) -> None:
        if key in self._entries:
            return
        if len(self._entries) >= self._capacity:
            self._entries.popitem(last=False)
        self._entries[key] = val

    def get(self, key: Any, default: Any = None) -> Any:
        return self._entries.get(key, default)


class VideoReader:
    """A video as a sequence of BGR frames `(H, W, 3)` uint8: `len`, indices, slices, iteration, `with`.

    Args:
        filename: path or `http(s)://` address.
        cache_capacity: how many decoded frames are kept; 0 for none.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: it cannot be decoded.
    """

    def __init__(self, filename: str | Path, cache_capacity: int = 10) -> None:
        name = str(filename)
        if not name.startswith(('http://', 'https://')):
            check_file_exist(name, 'Video file not found: ' + name)
        self._vcap = cv2.VideoCapture(name)
        if not self._vcap.isOpened():
            raise DataError(f'{name} cannot be opened as a video')
        self._cache = Cache(cache_capacity) if cache_capacity > 0 else None
        self._position = 0
        self._width = int(self._vcap.get(cv2.CAP_PROP_FRAME_WIDTH))
        self._height = int(self._vcap.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self._fps = self._vcap.get(cv2.CAP_PROP_FPS)
        self._frame_cnt = int(self._vcap.get(cv2.CAP_PROP_FRAME_COUNT))
        self._fourcc = int(self._vcap.get(cv2.CAP_PROP_FOURCC))

    @property
    def vcap(self) -> cv2.VideoCapture:
        """The decoder of OpenCV."""
        return self._vcap

    @property
    def opened(self) -> bool:
        return self._vcap.isOpened()

    @property
    def width(self) -> int:
        return self._width

    @property
    def height(self) -> int:
        return self._height

    @property
    def resolution(self) -> tuple[int, int]:
        """(width, height)."""
        return self._width, self._height

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self._fps

    @property
    def frame_cnt(self) -> int:
        return self._frame_cnt

    @property
    def fourcc(self) -> int:
        """Code of the codec."""
        return self._fourcc

    @property
    def position(self) -> int:
        """Index of the frame that `read` gives next."""
        return self._position

    def _get_real_position(self) -> int:
        return round(self._vcap.get(cv2.CAP_PROP_POS_FRAMES))

    def _set_real_position(self, frame_id: int) -> None:
        if frame_id == self._get_real_position():
            return
        self._vcap.set(cv2.CAP_PROP_POS_FRAMES, frame_id)
        # Seeking may land on a key frame before: read up to the one wanted.
        for _ in range(frame_id - self._get_real_position()):
            self._vcap.read()
        self._position = frame_id

    def read(self) -> np.ndarray | None:
        """The next frame; None at the end."""
        position = self._position
        frame = self._cache.get(position) if self._cache is not None else None
        if frame is None:
            if position != self._get_real_position():
                self._set_real_position(position)
            decoded, frame = self._vcap.read()
            if not decoded:
                return None
            if self._cache is not None:
                self._cache.put(position, frame)
        self._position = position + 1
        return frame

    def get_frame(self, frame_id: int) -> np.ndarray | None:
        """The frame at an index; `read` goes on behind it.

        Raises:
            IndexError: there is no such frame.
        """
        if not 0 <= frame_id < self._frame_cnt:
            raise IndexError(f'frame_id should be from 0 to {self._frame_cnt - 1}, but got {frame_id}')
        self._position = frame_id
        return self.read()

    def current_frame(self) -> np.ndarray | None:
        """The frame that was read last; None before the first."""
        return None if self._position == 0 else self.get_frame(self._position - 1)

    def cvt2frames(
        self,
        frame_dir: str | Path,
        file_start: int = 0,
        filename_tmpl: str = '{:06d}.jpg',
        start: int = 0,
        max_num: int = 0,
        show_progress: bool = True,
    ) -> None:
        """Write frames as images.

        Args:
            frame_dir: folder, made if needed.
            file_start: number in the name of the first file.
            filename_tmpl: of the names.
            start: index of the first frame.
            max_num: at most so many; 0 for all.
        """
        mkdir_or_exist(frame_dir)
        count = self._frame_cnt - start if max_num == 0 else min(self._frame_cnt - start, max_num)
        if count <= 0:
            raise ValueError(f'start should be less than the number of frames, {self._frame_cnt}, but got {start}')
        self._position = start

        def write(index: int) -> None:
            frame = self.read()
            if frame is not None:
                imwrite(frame, os.path.join(frame_dir, filename_tmpl.format(index)))

        numbers = range(file_start, file_start + count)
        if show_progress:
            track_progress(write, numbers)
        else:
            for number in numbers:
                write(number)

    def __len__(self) -> int:
        return self._frame_cnt

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self.get_frame(i) for i in range(*index.indices(self._frame_cnt))]
        if index < 0:
            index += self._frame_cnt
            if index < 0:
                raise IndexError(f'the video has {self._frame_cnt} frames')
        return self.get_frame(index)

    def __iter__(self) -> Iterator[np.ndarray]:
        self._position = 0
        return self

    def __next__(self) -> np.ndarray:
        frame = self.read()
        if frame is None:
            raise StopIteration
        return frame

    next = __next__

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self._vcap.release()


def frames2video(
    frame_dir: str,
    video_file: str,
    fps: float = 30,
    fourcc: str = 'XVID',
    filename_tmpl: str = '{:06d}.jpg',
    start: int = 0,
    end: int = 0,
    show_progress: bool = True,
) -> None:
    """Write a video from images.

    Args:
        frame_dir: folder of the images, all of one size.
        fourcc: name of the codec.
        filename_tmpl: of their names.
        start, end: numbers in the names of the first file and behind the last; `end=0` takes as many as there are files
            with that extension.

    Raises:
        FileNotFoundError: an image is not there.
        DataError: the codec is not available.
    """
    if end == 0:
        extension = os.path.splitext(filename_tmpl)[1]
        end = sum(name.endswith(extension) for name in os.listdir(frame_dir))
    first = os.path.join(frame_dir, filename_tmpl.format(start))
    check_file_exist(first, 'The start frame not found: ' + first)
    height, width = imread(first).shape[:2]
    writer = cv2.VideoWriter(video_file, cv2.VideoWriter.fourcc(*fourcc), fps, (width, height))
    if not writer.isOpened():
        raise DataError(f'{video_file} cannot be written with the codec {fourcc!r}')

    def write(number: int) -> None:
        path = os.path.join(frame_dir, filename_tmpl.format(number))
        check_file_exist(path, 'The frame not found: ' + path)
        writer.write(imread(path))

    try:
        if show_progress:
            track_progress(write, range(start, end))
        else:
            for number in range(start, end):
                write(number)
    finally:
        writer.release()

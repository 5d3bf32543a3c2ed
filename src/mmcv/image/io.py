"""Decode and encode images. Arrays are `(H, W, C)` or `(H, W)`, colour is BGR unless asked otherwise."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from mmcv.image.tiff import TiffLayout, read_tiff, tiff_layout
from mmengine import fileio

supported_backends = ['cv2', 'turbojpeg', 'pillow', 'tifffile']

CV2_FLAGS = {
    'color': cv2.IMREAD_COLOR,
    'grayscale': cv2.IMREAD_GRAYSCALE,
    'unchanged': cv2.IMREAD_UNCHANGED,
    'color_ignore_orientation': cv2.IMREAD_IGNORE_ORIENTATION | cv2.IMREAD_COLOR,
    'grayscale_ignore_orientation': cv2.IMREAD_IGNORE_ORIENTATION | cv2.IMREAD_GRAYSCALE,
}
# What transparent grey images are laid upon: black would hide black objects.
CANVAS_RGB = (124, 117, 104)

imread_backend = 'cv2'


def use_backend(backend: str) -> None:
    """Decode with `backend` wherever none is named. `turbojpeg` is OpenCV's own JPEG decoder, orientation ignored."""
    global imread_backend
    imread_backend = _known_backend(backend)


def _known_backend(backend: str | None) -> str:
    backend = imread_backend if backend is None else backend
    if backend not in supported_backends:
        raise ValueError(f'backend {backend!r} is not one of {supported_backends}')
    return backend


def _flag_name(flag: str | int) -> str:
    if isinstance(flag, str) and flag in CV2_FLAGS:
        return flag
    names = [name for name, value in CV2_FLAGS.items() if value == flag]
    if not names:
        raise ValueError(f'flag {flag!r} is not one of {sorted(CV2_FLAGS)}')
    return names[0]


def imread(
    img_or_path: np.ndarray | str | Path,
    flag: str = 'color',
    channel_order: str = 'bgr',
    backend: str | None = None,
    file_client_args: dict | None = None,
    *,
    backend_args: dict | None = None,
) -> np.ndarray:
    """Read an image from any storage that `mmengine.fileio` knows; an array is returned as it is.

    `None` where OpenCV cannot decode the content, as `cv2.imread` does.
    """
    if isinstance(img_or_path, np.ndarray):
        return img_or_path
    if not isinstance(img_or_path, str | Path):
        raise TypeError(f'"img" must be a numpy array, a str or a pathlib.Path, but got {type(img_or_path)}')
    content = read_bytes(img_or_path, file_client_args, backend_args)
    return imfrombytes(content, flag=flag, channel_order=channel_order, backend=backend)


def read_bytes(path: str | Path, file_client_args: dict | None, backend_args: dict | None) -> bytes:
    """The content of a file. `file_client_args` is the old spelling of `backend_args`."""
    if file_client_args is not None:
        if backend_args is not None:
            raise ValueError('"file_client_args" and "backend_args" cannot be set at the same time')
        return bytes(fileio.FileClient.infer_client(file_client_args, path).get(str(path)))
    return fileio.get(str(path), backend_args=backend_args)


def imfrombytes(
    content: bytes, flag: str = 'color', channel_order: str = 'bgr', backend: str | None = None
) -> np.ndarray:
    """Decode an image file held in memory. `None` where OpenCV cannot decode it."""
    backend, flag = _known_backend(backend), _flag_name(flag)
    if channel_order not in ('bgr', 'rgb'):
        raise ValueError(f'channel order must be "bgr" or "rgb", but got {channel_order!r}')
    if backend == 'pillow':
        with Image.open(io.BytesIO(content)) as image:
            return _pillow_to_array(image, flag, channel_order)
    if backend == 'tifffile':
        return read_tiff(content)
    cv2_flag = CV2_FLAGS[flag]
    if backend == 'turbojpeg' and flag != 'unchanged':
        cv2_flag |= cv2.IMREAD_IGNORE_ORIENTATION
    if not content:
        return None  # type: ignore[return-value]  # as for any other content that is no image
    if flag == 'unchanged' and (layout := tiff_layout(content)) is not None and layout.bands > 1:
        return _tiff_as_by_cv2(content, layout, cv2_flag)
    image_array = cv2.imdecode(np.frombuffer(content, np.uint8), cv2_flag)
    if image_array is not None and channel_order == 'rgb' and flag.startswith('color'):
        cv2.cvtColor(image_array, cv2.COLOR_BGR2RGB, image_array)
    return image_array  # type: ignore[return-value]


def _tiff_as_by_cv2(content: bytes, layout: TiffLayout, cv2_flag: int) -> np.ndarray:
    """All bands: by OpenCV where it gives them (colour as BGR), else in the order of the file."""
    if layout.channels in (3, 4) and layout.pages == 1:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2_flag)
        if decoded is not None and decoded.shape[2:] == (layout.channels,):
            return decoded
    return read_tiff(content)


def _pillow_to_array(image: Image.Image, flag: str, channel_order: str) -> np.ndarray:
    if flag == 'unchanged':
        array = np.array(image)
        if array.ndim >= 3 and array.shape[2] >= 3:  # BGR whatever the order asked for, as from OpenCV
            array[:, :, :3] = array[:, :, 2::-1]
        return array
    if not flag.endswith('ignore_orientation'):
        image = ImageOps.exif_transpose(image)
    if image.mode == 'LA':
        rgba = image.convert('RGBA')
        image = Image.new('RGB', rgba.size, CANVAS_RGB)
        image.paste(rgba, mask=rgba.getchannel('A'))
    if flag.startswith('grayscale'):
        return np.array(image.convert('L'))
    array = np.array(image.convert('RGB'))
    return cv2.cvtColor(array, cv2.COLOR_RGB2BGR, array) if channel_order == 'bgr' else array


def imwrite(
    img: np.ndarray,
    file_path: str,
    params: list | None = None,
    auto_mkdir: bool | None = None,
    file_client_args: dict | None = None,
    *,
    backend_args: dict | None = None,
) -> bool:
    """Encode by the suffix of `file_path` and write; folders are made. `params` as for `cv2.imencode`.

    `auto_mkdir` is accepted and has no effect.
    """
    if file_client_args is not None and backend_args is not None:
        raise ValueError('"file_client_args" and "backend_args" cannot be set at the same time')
    path = Path(file_path)
    ok, encoded = cv2.imencode(path.suffix or '.png', img, params or [])
    content = encoded.tobytes()
    if file_client_args is not None:
        fileio.FileClient.infer_client(file_client_args, str(file_path)).put(content, str(file_path))
    else:
        fileio.put(content, str(file_path), backend_args=backend_args)
    return bool(ok)

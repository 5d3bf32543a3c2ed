"""Images in windows, with boxes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mmcv.image import imread, imwrite
from mmcv.visualization.color import ColorType, color_val
from mmengine.utils.errors import MissingDependencyError


def imshow(img: str | np.ndarray, win_name: str = '', wait_time: int = 0) -> None:
    """Show an image (path or BGR array) in a window.

    Args:
        wait_time: milliseconds; 0 waits for a key or for the window to be closed.

    Raises:
        MissingDependencyError: OpenCV was built without windows.
    """
    try:
        cv2.imshow(win_name, imread(img))
    except cv2.error as e:
        raise MissingDependencyError(
            'this build of OpenCV has no windows: save the image with `out_file` or mmcv.imwrite, '
            "or put 'opencv-python' in place of 'opencv-python-headless'"
        ) from e
    if wait_time != 0:
        cv2.waitKey(wait_time)
        return
    while cv2.waitKey(1) < 0 and cv2.getWindowProperty(win_name, cv2.WND_PROP_VISIBLE) > 0:
        pass


def _finish(img: np.ndarray, show: bool, win_name: str, wait_time: int, out_file: str | None) -> np.ndarray:
    if show:
        imshow(img, win_name, wait_time)
    if out_file is not None:
        imwrite(img, out_file)
    return img


def imshow_bboxes(
    img: str | np.ndarray,
    bboxes: list | np.ndarray,
    colors: Any = 'green',
    top_k: int = -1,
    thickness: int = 1,
    show: bool = True,
    win_name: str = '',
    wait_time: int = 0,
    out_file: str | None = None,
) -> np.ndarray:
    """Draw boxes on a copy of an image and return it.

    Args:
        bboxes: `(N, 4)` x1, y1, x2, y2, or a list of such, one for each colour.
        colors: a colour, or a list of them.
        top_k: at most so many of each array, if positive.
        out_file: where to write the image.
    """
    img = np.ascontiguousarray(imread(img)).copy()
    groups = [bboxes] if isinstance(bboxes, np.ndarray) else bboxes
    shades = colors if isinstance(colors, list) else [colors] * len(groups)
    if len(shades) != len(groups):
        raise ValueError(f'there should be a colour for each of {len(groups)} arrays of boxes, but got {len(shades)}')
    for boxes, color in zip(groups, shades, strict=True):
        for box in boxes[: top_k if top_k > 0 else None].astype(np.int32):
            cv2.rectangle(img, box[:2].tolist(), box[2:4].tolist(), color_val(color), thickness=thickness)
    return _finish(img, show, win_name, wait_time, out_file)


def imshow_det_bboxes(
    img: str | np.ndarray,
    bboxes: np.ndarray,
    labels: np.ndarray,
    class_names: list[str] | None = None,
    score_thr: float = 0,
    bbox_color: ColorType = 'green',
    text_color: ColorType = 'green',
    thickness: int = 1,
    font_scale: float = 0.5,
    show: bool = True,
    win_name: str = '',
    wait_time: int = 0,
    out_file: str | None = None,
) -> np.ndarray:
    """Draw boxes with class names, and scores where there are any, on a copy of an image and return it.

    Args:
        bboxes: `(N, 4)` x1, y1, x2, y2 or `(N, 5)` with the score.
        labels: `(N,)`.
        score_thr: boxes of lower scores are left out, if positive; they need scores then.
    """
    if bboxes.ndim != 2 or bboxes.shape[1] not in (4, 5) or labels.shape != bboxes.shape[:1]:
        raise ValueError(f'bboxes should be (N, 4 or 5) and labels (N,), but got {bboxes.shape} and {labels.shape}')
    if score_thr > 0:
        if bboxes.shape[1] != 5:
            raise ValueError('with score_thr the boxes should have scores, (N, 5)')
        kept = bboxes[:, 4] > score_thr
        bboxes, labels = bboxes[kept], labels[kept]
    img = np.ascontiguousarray(imread(img)).copy()
    for box, label in zip(bboxes, labels, strict=True):
        left, top, right, bottom = box[:4].astype(np.int32).tolist()
        cv2.rectangle(img, (left, top), (right, bottom), color_val(bbox_color), thickness=thickness)
        text = class_names[label] if class_names is not None else f'cls {label}'
        if len(box) == 5:
            text += f'|{box[4]:.02f}'
        cv2.putText(img, text, (left, top - 2), cv2.FONT_HERSHEY_COMPLEX, font_scale, color_val(text_color))
    return _finish(img, show, win_name, wait_time, out_file)

"""Drawn scenes whose classes are told apart by shape and texture, never by colour.

A scene is a function of its seed: colours of all things come from one distribution, things cover one another, and a
noisy background with a gradient of light carries lines that belong to no class.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

CLASSES = ('background', 'disc', 'square', 'triangle', 'star', 'ring', 'stripes')
SIDE = 160
# Sub-pixel bits of the coordinates that OpenCV takes.
_SHIFT = 4


def _colour(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(25, 231, 3)


def _colour_apart_from(rng: np.random.Generator, other: np.ndarray) -> np.ndarray:
    """A colour that differs from `other` by enough to be seen."""
    while True:
        colour = _colour(rng)
        if np.abs(colour - other).sum() >= 100:
            return colour


def _smooth_noise(rng: np.random.Generator, cells: int, amplitude: int) -> np.ndarray:
    """`(SIDE, SIDE, 1)` int16 clouds in [-amplitude, amplitude], common to the channels."""
    grid = rng.integers(0, 2 * amplitude + 1, (cells, cells), dtype=np.uint8)
    return cv2.resize(grid, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR_EXACT)[..., None].astype(np.int16) - amplitude


def _fill_polygon(mask: np.ndarray, points: np.ndarray) -> None:
    cv2.fillPoly(mask, [np.rint(points * (1 << _SHIFT)).astype(np.int32)], 1, shift=_SHIFT)


def _regular(centre: np.ndarray, radii: Sequence[float], angle: float) -> np.ndarray:
    """Corners at equal angles around `centre`, at the given distances."""
    angles = angle + np.arange(len(radii)) * (2 * np.pi / len(radii))
    return centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.asarray(radii)[:, None]


def _outline(kind: str, centre: np.ndarray, radius: float, angle: float) -> np.ndarray:
    """A uint8 mask, 1 inside the thing."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    if kind in ('disc', 'ring'):
        _fill_polygon(mask, _regular(centre, [radius] * 48, angle))
        if kind == 'ring':
            hole = np.zeros_like(mask)
            _fill_polygon(hole, _regular(centre, [radius * 0.55] * 48, angle))
            mask[hole == 1] = 0
    elif kind == 'star':
        _fill_polygon(mask, _regular(centre, [radius * 1.25, radius * 0.5] * 5, angle))
    else:
        corners = {'square': 4, 'triangle': 3}[kind]
        _fill_polygon(mask, _regular(centre, [radius * 1.15] * corners, angle))
    return mask


def _stripes(rng: np.random.Generator) -> np.ndarray:
    """A boolean pattern of parallel stripes of random direction, 3 to 5 pixels wide."""
    angle, width = rng.uniform(0, np.pi), rng.uniform(3, 5)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    across = columns * np.cos(angle) + rows * np.sin(angle) + rng.uniform(0, 2 * width)
    return np.floor(across / width).astype(np.int64) % 2 == 0


def scene(seed: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """An image `(SIDE, SIDE, 3)` BGR uint8 and its labels `(SIDE, SIDE)` uint8, always the same for a seed."""
    rng = np.random.default_rng(list(seed))
    base = _colour(rng)
    canvas = base + _smooth_noise(rng, 6, 30)
    canvas = np.clip(canvas, 0, 255).astype(np.uint8)
    for _ in range(rng.integers(4, 9)):
        ends = rng.integers(0, SIDE, (2, 2))
        colour = _colour(rng).tolist()
        cv2.line(canvas, ends[0].tolist(), ends[1].tolist(), colour, int(rng.integers(1, 4)))
    labels = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(rng.integers(5, 10)):
        label = int(rng.integers(1, len(CLASSES)))
        kind = CLASSES[label]
        # Stripes make their class on any outline.
        outline = CLASSES[int(rng.integers(1, 4))] if kind == 'stripes' else kind
        radius, angle = rng.uniform(15, 32), rng.uniform(0, 2 * np.pi)
        inside = _outline(outline, rng.uniform(12, SIDE - 12, 2), radius, angle) == 1
        colour = _colour_apart_from(rng, base)
        surface = np.broadcast_to(colour, canvas.shape)
        if kind == 'stripes':
            surface = np.where(_stripes(rng)[..., None], surface, _colour_apart_from(rng, colour))
        textured = np.clip(surface + _smooth_noise(rng, 10, 18), 0, 255).astype(np.uint8)
        canvas[inside] = textured[inside]
        labels[inside] = label
    canvas = cv2.GaussianBlur(canvas, (3, 3), 0)
    # Light that falls off in a random direction, and noise of the sensor.
    slope = rng.uniform(-45, 45, 2)
    unit = np.linspace(-1, 1, SIDE)
    light = (unit[:, None] * slope[0] + unit[None] * slope[1])[..., None]
    noise = rng.integers(-14, 15, canvas.shape)
    return np.clip(np.rint(canvas + light) + noise, 0, 255).astype(np.uint8), labels

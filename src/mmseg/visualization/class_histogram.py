"""The share of each class in a data set, as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROW, NAME, BAR, NUMBER = 18, 220, 480, 90
FEWEST = 1e-6


def draw_histogram(
    title: str, names: Sequence[str], shares: Sequence[float], palette: Sequence[Sequence[int]]
) -> np.ndarray:
    """A row a class with its colour, name and a bar, RGB `(H, W, 3)` uint8. The scale is logarithmic: rare classes
    are what one looks for. A class that never occurs has no bar and a red name.
    """
    width, height = NAME + BAR + NUMBER, ROW * (len(names) + 2)
    picture = Image.new('RGB', (width, height), 'white')
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    draw.text((6, 4), title, 'black', font)
    span = -np.log10(FEWEST)
    for power in range(int(span) + 1):
        x = NAME + int(BAR * (1 - power / span))
        draw.line([(x, ROW), (x, height)], '#dddddd')
    for row, (name, share) in enumerate(zip(names, shares, strict=True), start=1):
        top = ROW * row + 2
        colour = tuple(palette[row - 1]) if row <= len(palette) else (90, 120, 200)
        draw.rectangle([6, top + 2, 18, top + 14], fill=colour, outline='black')
        draw.text((24, top), name[:30], 'black' if share else 'red', font)
        if share:
            length = BAR * max(1 + np.log10(max(share, FEWEST)) / span, 0.005)
            draw.rectangle([NAME, top + 2, NAME + length, top + 14], fill=colour, outline='black')
        draw.text((NAME + BAR + 6, top), f'{share:.3%}' if share else 'never', 'black' if share else 'red', font)
    return np.array(picture)

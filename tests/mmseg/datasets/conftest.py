from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images b, a, sub/c (.jpg) and masks (.png) with labels 0..4 and four rows of 255, and a split of a and b."""
    rng = np.random.default_rng(0)
    for name in ('b', 'a', 'sub/c'):
        for kind in ('img', 'ann'):
            (tmp_path / kind / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / 'img' / f'{name}.jpg'), rng.integers(0, 255, (40, 60, 3), dtype=np.uint8))
        mask = rng.integers(0, 5, (40, 60), dtype=np.uint8)
        mask[:4] = 255
        cv2.imwrite(str(tmp_path / 'ann' / f'{name}.png'), mask)
    (tmp_path / 'split.txt').write_text('a\nb \n\n')
    return tmp_path

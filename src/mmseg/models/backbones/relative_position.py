"""Relative positions of the tokens of a window, and tables of biases for them, also of other window sizes."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def relative_position_index(height: int, width: int) -> Tensor:
    """For each pair of tokens of a window the row of a table of biases, `(H*W, H*W)`.

    The table has a row for each offset: `(2H-1) * (2W-1)`, vertical offsets outside.
    """
    rows, cols = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    rows, cols = rows.flatten(), cols.flatten()
    down = rows[:, None] - rows[None] + height - 1
    right = cols[:, None] - cols[None] + width - 1
    return down * (2 * width - 1) + right


def relative_position_index_with_cls(height: int, width: int) -> Tensor:
    """The same with a class token in front, `(H*W+1, H*W+1)`.

    The last three rows of the table are: class token to patch, patch to class token, class token to itself.
    """
    num_offsets = (2 * height - 1) * (2 * width - 1)
    index = F.pad(relative_position_index(height, width), (1, 0, 1, 0))
    index[0, :] = num_offsets
    index[:, 0] = num_offsets + 1
    index[0, 0] = num_offsets + 2
    return index


def resize_bias_table(table: Tensor, window: Sequence[int]) -> Tensor:
    """A table `(S*S, heads)` of a square window, resampled for another window (bicubic, as Swin does)."""
    side = round(len(table) ** 0.5)
    size = (2 * window[0] - 1, 2 * window[1] - 1)
    grid = table.float().T.reshape(1, -1, side, side)
    return F.interpolate(grid, size=size, mode='bicubic').flatten(2)[0].T.to(table.dtype).contiguous()


def resize_bias_table_with_cls(table: Tensor, window: Sequence[int]) -> Tensor:
    """A table `(S*S + 3, heads)` of a square window with class token, resampled for another window (as BEiT does).

    The known offsets are placed at distances that grow geometrically up to those of the new window, so that near
    offsets keep their meaning; a cubic spline goes through them.
    """
    offsets, special = table[:-3], table[-3:]
    side = round(len(offsets) ** 0.5)
    down, right = (torch.from_numpy(_spline_matrix(side, 2 * length - 1)) for length in window)
    grid = offsets.double().cpu().reshape(side, side, -1)
    resized = torch.einsum('hi,wj,ijn->hwn', down, right, grid).flatten(0, 1)
    return torch.cat([resized.to(table), special])


def _spline_matrix(num: int, num_new: int) -> np.ndarray:
    """What maps the values at `num` places, stretched geometrically, to those at `num_new` evenly spaced ones."""
    half, half_new = num // 2, num_new // 2
    low, high = 1.01, 1.5
    while high - low > 1e-6:
        ratio = (low + high) / 2
        low, high = (low, ratio) if (1 - ratio**half) / (1 - ratio) > half_new else (ratio, high)
    distances = np.cumsum(ratio ** np.arange(half))
    known = np.concatenate([-distances[::-1], [0.0], distances])
    wanted = np.arange(-half_new, half_new + 1).clip(known[0], known[-1])
    knots = np.concatenate([[known[0]] * 4, known[2:-2], [known[-1]] * 4])
    return _cubic_basis(knots, wanted) @ np.linalg.inv(_cubic_basis(knots, known))


def _cubic_basis(knots: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values of the cubic B-splines of `knots` (Cox and de Boor), `(len(at), len(knots) - 4)`."""
    interval = np.searchsorted(knots, at, side='right').clip(4, len(knots) - 4) - 1
    basis = np.eye(len(knots) - 1)[interval]
    at = np.asarray(at, dtype=float)[:, None]
    for degree in range(1, 4):
        start, end = knots[: -degree - 1], knots[degree + 1 :]
        width_left, width_right = knots[degree:-1] - start, end - knots[1:-degree]
        # A spline between equal knots is zero; any width will do there.
        left = (at - start) / np.where(width_left > 0, width_left, 1) * basis[:, :-1]
        right = (end - at) / np.where(width_right > 0, width_right, 1) * basis[:, 1:]
        basis = left + right
    return basis

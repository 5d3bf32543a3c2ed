"""Drawing on an image, call by call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np
import torch

from mmengine.dist import master_only

from . import drawing
from .canvas import Canvas, show_window
from .featmap import draw_featmap
from .utils import check_type, check_type_and_length, tensor2ndarray, value2list

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

Array = np.ndarray | torch.Tensor
ColorOf = str | tuple | list[str] | list[tuple]
Styles = str | list[str]
Widths = int | float | list[int | float]

_ANCHORS = {
    'left': 'l',
    'center': 'm',
    'right': 'r',
    'top': 'a',
    'bottom': 'd',
    'baseline': 's',
    'center_baseline': 'm',
}


class Painter:
    """The image of a visualizer and the methods that draw on it; see `Visualizer`."""

    fig_save_cfg: dict
    fig_show_cfg: dict

    def __init__(self) -> None:
        super().__init__()
        self._image: np.ndarray | None = None
        self._canvas: Canvas | None = None
        self._canvas_used = False  # whether matplotlib has drawn what is not in `_image` yet

    @master_only
    def set_image(self, image: np.ndarray) -> None:
        """Draw on a copy of `image`, RGB `(H, W, 3)` or grey `(H, W)`, in 0..255."""
        check_type('image', image, np.ndarray)
        image = image.astype(np.uint8)  # a copy
        if image.ndim == 3 and image.shape[2] == 1:
            image = image[..., 0]
        self._image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else np.ascontiguousarray(image)
        self._canvas_used = False
        self.height, self.width = image.shape[:2]
        self._default_font_size = max(int(np.sqrt(self.height * self.width) // 90), 10)

    @master_only
    def get_image(self) -> np.ndarray:
        """A copy of the image as it is, RGB `(H, W, 3)` uint8.

        Raises:
            ValueError: there is none.
        """
        return self._pixels().copy()

    def _pixels(self) -> np.ndarray:
        """The array to draw on."""
        if self._image is None:
            raise ValueError('the visualizer has no image; call set_image first')
        if self._canvas_used and self._canvas is not None:
            self._image = self._canvas.pixels()
            self._canvas_used = False
        return self._image

    def _matplotlib(self) -> Canvas:
        if not self._canvas_used:
            image = self._pixels()
            if self._canvas is None:
                self._canvas = Canvas(image, self.fig_save_cfg)
            else:
                self._canvas.load(image)
            self._canvas_used = True
        assert self._canvas is not None
        return self._canvas

    @property
    def ax_save(self) -> Any:
        """A matplotlib axes with the image; what is drawn there is in `get_image()`. Needs the extra `viz`."""
        return self._matplotlib().axes

    @property
    def fig_save(self) -> Any:
        """The matplotlib figure of `ax_save`."""
        return self._matplotlib().figure

    @property
    def fig_save_canvas(self) -> Any:
        """The matplotlib canvas of `ax_save`."""
        return self._matplotlib().canvas

    @property
    def dpi(self) -> float:
        """Of `fig_save`."""
        return self._matplotlib().figure.dpi

    @master_only
    def show(
        self,
        drawn_img: np.ndarray | None = None,
        win_name: str = 'image',
        wait_time: float = 0.0,
        continue_key: str = ' ',
        backend: str = 'matplotlib',
    ) -> None:
        """Show `drawn_img`, or the current image, in a window.

        Args:
            wait_time: seconds; 0: until `continue_key` is pressed or the window is closed.
            backend: `'matplotlib'` or `'cv2'`.

        Raises:
            RuntimeError: there is no screen.
        """
        image = self.get_image() if drawn_img is None else drawn_img
        if backend == 'matplotlib':
            show_window(image, win_name, wait_time, continue_key, self.fig_show_cfg)
        elif backend == 'cv2':
            try:
                cv2.imshow(win_name, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
                cv2.waitKey(round(wait_time * 1000))
            except cv2.error as error:
                raise RuntimeError('this OpenCV opens no windows: use backend="matplotlib", or write files') from error
        else:
            raise ValueError(f"backend should be 'matplotlib' or 'cv2', but got {backend!r}")

    # ------------------------------------------------------------------ shapes

    @master_only
    def draw_points(
        self, positions: Array, colors: ColorOf = 'g', marker: str | None = None, sizes: Array | None = None
    ) -> Self:
        """Dots.

        Args:
            positions: `(N, 2)` or `(2,)`.
            marker: has no effect; all are round.
            sizes: areas `(N,)` in points squared; 36 by default.
        """
        points = self._rows('positions', positions, 2)
        areas = np.full(len(points), 36.0) if sizes is None else np.broadcast_to(tensor2ndarray(sizes), len(points))
        for point, color, area in zip(points, self._colors('colors', colors, len(points)), areas, strict=True):
            if color is not None:
                drawing.circle(self._pixels(), point, np.sqrt(area) / 2 * 100 / 72, color, -1)
        return self

    @master_only
    def draw_texts(
        self,
        texts: str | list[str],
        positions: Array,
        font_sizes: int | list[int] | None = None,
        colors: ColorOf = 'g',
        vertical_alignments: str | list[str] = 'top',
        horizontal_alignments: str | list[str] = 'left',
        font_families: str | list[str] = 'sans-serif',
        bboxes: dict | list[dict] | None = None,
        font_properties: FontProperties | list[FontProperties] | None = None,
    ) -> Self:
        """Texts.

        Args:
            positions: `(N, 2)` or `(2,)`.
            font_sizes: in points, 100 pixels being 72 of them; grows with the image by default.
            vertical_alignments: `'top'`, `'center'`, `'bottom'`.
            horizontal_alignments: `'left'`, `'center'`, `'right'`.
            font_families: the path of a font file, for letters that the built-in font lacks.
            bboxes: boxes behind the texts: dicts of `facecolor`, `edgecolor`, `alpha`, `pad`.
            font_properties: of matplotlib; their font file is used.
        """
        lines = value2list(texts, str, 1)
        count = len(lines)
        points = self._rows('positions', positions, 2)
        check_type_and_length('positions', points.tolist(), list, count)
        sizes = value2list(self._default_font_size if font_sizes is None else font_sizes, (int, float), count)
        families = value2list(font_families, str, count)
        if font_properties is not None:
            given = font_properties if isinstance(font_properties, list) else [font_properties] * count
            families = [properties.get_file() or '' for properties in given]
        rows = zip(
            lines,
            points,
            sizes,
            self._colors('colors', colors, count),
            value2list(vertical_alignments, str, count),
            value2list(horizontal_alignments, str, count),
            families,
            value2list(bboxes, (dict, type(None)), count),
            strict=False,
        )
        for line, (x, y), size, color, vertical, horizontal, family, box in rows:
            for alignment in (vertical, horizontal):
                if alignment not in _ANCHORS:
                    raise ValueError(f'an alignment should be one of {", ".join(_ANCHORS)}, but got {alignment!r}')
            anchor = _ANCHORS[horizontal] + _ANCHORS[vertical]
            face = drawing.font(max(1, round(size * 100 / 72)), family)
            drawing.write(self._pixels(), line, (float(x), float(y)), color, face, anchor, box)
        return self

    @master_only
    def draw_lines(
        self,
        x_datas: Array,
        y_datas: Array,
        colors: ColorOf = 'g',
        line_styles: Styles = '-',
        line_widths: Widths = 2,
    ) -> Self:
        """Lines from the first to the second column of `x_datas (N, 2)`, `y_datas (N, 2)`."""
        xs, ys = self._rows('x_datas', x_datas, 2), self._rows('y_datas', y_datas, 2)
        if len(xs) != len(ys):
            raise ValueError(f'x_datas has {len(xs)} lines, but y_datas {len(ys)}')
        lines = np.stack([xs, ys], axis=2)
        return self._shapes(list(lines), colors, line_styles, line_widths, 'none', 1.0, closed=False)

    @master_only
    def draw_bboxes(
        self,
        bboxes: Array,
        edge_colors: ColorOf = 'g',
        line_styles: Styles = '-',
        line_widths: Widths = 2,
        face_colors: ColorOf = 'none',
        alpha: float = 0.8,
    ) -> Self:
        """Boxes `(N, 4)` or `(4,)` of x1, y1, x2, y2."""
        boxes = self._rows('bboxes', bboxes, 4)
        if (boxes[:, :2] > boxes[:, 2:]).any():
            raise ValueError(f'bboxes should be x1, y1, x2, y2 with x1 <= x2 and y1 <= y2, but got {boxes.tolist()}')
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        return self._shapes(list(corners), edge_colors, line_styles, line_widths, face_colors, alpha)

    @master_only
    def draw_polygons(
        self,
        polygons: Array | list[Array],
        edge_colors: ColorOf = 'g',
        line_styles: Styles = '-',
        line_widths: Widths = 2,
        face_colors: ColorOf = 'none',
        alpha: float = 0.8,
    ) -> Self:
        """Polygons, each `(K, 2)`."""
        many = polygons if isinstance(polygons, list) else [polygons]
        points = [self._rows('polygons', polygon, 2) for polygon in many]
        return self._shapes(points, edge_colors, line_styles, line_widths, face_colors, alpha)

    @master_only
    def draw_circles(
        self,
        center: Array,
        radius: Array,
        edge_colors: ColorOf = 'g',
        line_styles: Styles = '-',
        line_widths: Widths = 2,
        face_colors: ColorOf = 'none',
        alpha: float = 0.8,
    ) -> Self:
        """Circles around `center (N, 2)` with `radius (N,)`."""
        centers, radii = self._rows('center', center, 2), np.atleast_1d(tensor2ndarray(radius))
        if len(centers) != len(radii):
            raise ValueError(f'there are {len(centers)} centres, but {len(radii)} radii')
        angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        outlines = [middle + r * unit for middle, r in zip(centers, radii, strict=True)]
        return self._shapes(outlines, edge_colors, line_styles, line_widths, face_colors, alpha)

    @master_only
    def draw_binary_masks(self, binary_masks: Array, colors: ColorOf = 'g', alphas: float | list[float] = 0.8) -> Self:
        """Colour the pixels of masks `(N, H, W)` or `(H, W)` bool with opacities `alphas`."""
        check_type('binary_masks', binary_masks, (np.ndarray, torch.Tensor))
        masks = tensor2ndarray(binary_masks)
        masks = masks[None] if masks.ndim == 2 else masks
        image = self._pixels()
        if masks.dtype != bool or masks.shape[1:] != image.shape[:2]:
            raise ValueError(
                f'binary_masks should be bool of size {image.shape[:2]}, not {masks.dtype} {masks.shape[1:]}'
            )
        opacities = value2list(alphas, (int, float), len(masks))
        for mask, color, alpha in zip(masks, self._colors('colors', colors, len(masks)), opacities, strict=False):
            image[mask] = (image[mask] * (1 - alpha) + np.array(color) * alpha).round().astype(np.uint8)
        return self

    draw_featmap = staticmethod(draw_featmap)

    def _shapes(
        self,
        outlines: list[np.ndarray],
        edge_colors: ColorOf,
        line_styles: Styles,
        line_widths: Widths,
        face_colors: ColorOf,
        alpha: float,
        closed: bool = True,
    ) -> Self:
        if not outlines:
            return self
        count = len(outlines)
        edges, faces = self._colors('edge_colors', edge_colors, count), self._colors('face_colors', face_colors, count)
        styles = value2list(line_styles, str, count)
        widths = value2list(line_widths, (int, float), count)
        image = self._pixels()
        painted = image.copy()
        for outline, face in zip(outlines, faces, strict=False):
            if face is not None:
                drawing.fill(painted, outline, face)
        for outline, edge, style, width in zip(outlines, edges, styles, widths, strict=False):
            if edge is not None:
                drawing.stroke(painted, outline, edge, width, style, closed)
        drawing.blend(image, painted, alpha)
        return self

    @staticmethod
    def _rows(name: str, value: Array, columns: int) -> np.ndarray:
        check_type(name, value, (np.ndarray, torch.Tensor))
        rows = np.atleast_2d(tensor2ndarray(value)).astype(np.float64)
        if rows.shape[-1] != columns or rows.ndim != 2:
            raise ValueError(f'{name} should have the shape (N, {columns}), but has {tuple(value.shape)}')
        return rows

    @staticmethod
    def _colors(name: str, colors: ColorOf, count: int) -> list:
        """RGB of each shape, None for 'none'."""
        check_type(name, colors, (str, tuple, list))
        many = value2list(colors, (str, tuple), count)
        check_type_and_length(name, many, list, count)
        return [None if isinstance(c, str) and c == 'none' else drawing.rgb(c) for c in many[:count]]


__all__ = ['Painter']

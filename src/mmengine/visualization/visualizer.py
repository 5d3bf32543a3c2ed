"""Draws on images, and hands scalars, images and configs to the backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch

from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.registry import VISBACKENDS, VISUALIZERS
from mmengine.structures import BaseDataElement
from mmengine.utils import ManagerMixin
from mmengine.utils.errors import ConfigError

from .utils import convert_overlay_heatmap, tensor2ndarray
from .vis_backend import BaseVisBackend

NAMED = {
    'r': (255, 0, 0), 'g': (0, 128, 0), 'b': (0, 0, 255), 'w': (255, 255, 255), 'k': (0, 0, 0), 'y': (255, 255, 0),
    'red': (255, 0, 0), 'green': (0, 128, 0), 'blue': (0, 0, 255), 'white': (255, 255, 255), 'black': (0, 0, 0),
    'yellow': (255, 255, 0), 'cyan': (0, 255, 255), 'magenta': (255, 0, 255), 'orange': (255, 165, 0),
}  # fmt: skip


@VISUALIZERS.register_module()
class Visualizer(ManagerMixin):
    """Drawing methods return the visualizer, so that calls chain; `get_image` gives the picture.

    Args:
        name: of the instance.
        image: RGB `(H, W, 3)` uint8 to draw on.
        vis_backends: backends, their configs, or names to configs.
        save_dir: folder of the backends' files; backends that need one are left out without it.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        image: np.ndarray | None = None,
        vis_backends: list | dict | None = None,
        save_dir: str | None = None,
        fig_save_cfg: dict | None = None,
        fig_show_cfg: dict | None = None,
    ) -> None:
        super().__init__(name)
        self._dataset_meta: dict | None = None
        self._image: np.ndarray | None = None
        self._vis_backends: dict[str, BaseVisBackend] = {}
        for backend in vis_backends or []:
            self._add_backend(backend, save_dir)
        if image is not None:
            self.set_image(image)

    def _add_backend(self, backend: Any, save_dir: str | None) -> None:
        name = None
        if isinstance(backend, dict):
            cfg = dict(backend)
            name = cfg.pop('name', None)
            if save_dir is not None:
                cfg.setdefault('save_dir', f'{save_dir}/vis_data')
            elif 'save_dir' not in cfg:
                return
            backend = VISBACKENDS.build(cfg)
        name = name or type(backend).__name__
        if name in self._vis_backends:
            raise ConfigError(f'vis_backends has two of {name}; give one of them a `name`')
        self._vis_backends[name] = backend

    @property
    def dataset_meta(self) -> dict | None:
        """`metainfo` of the dataset: classes and palette."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self._dataset_meta = dataset_meta

    def get_backend(self, name: str) -> BaseVisBackend:
        return self._vis_backends[name]

    # ------------------------------------------------------------------ drawing

    @master_only
    def set_image(self, image: np.ndarray) -> None:
        """The picture to draw on, RGB `(H, W, 3)` or grey `(H, W)` uint8; a copy is taken."""
        image = image.astype(np.uint8)
        self._image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image.copy()

    @master_only
    def get_image(self) -> np.ndarray:
        """The picture as it is, RGB `(H, W, 3)` uint8."""
        if self._image is None:
            raise ValueError('there is no picture; call set_image first')
        return self._image

    def _canvas(self) -> np.ndarray:
        return self.get_image()

    @staticmethod
    def _colors(colors: Any, number: int) -> list[tuple[int, int, int]]:
        many = colors if isinstance(colors, list) else [colors] * number
        return [NAMED.get(c, (0, 255, 0)) if isinstance(c, str) else tuple(int(v) for v in c) for c in many]  # type: ignore[misc]

    @master_only
    def draw_points(self, positions: Any, colors: Any = 'g', marker: str | None = None, sizes: Any = None) -> Visualizer:
        """Dots at `(N, 2)` x, y."""
        points = np.atleast_2d(tensor2ndarray(positions))
        radii = np.full(len(points), 3) if sizes is None else np.broadcast_to(sizes, len(points))
        for point, color, radius in zip(points, self._colors(colors, len(points)), radii, strict=True):
            cv2.circle(self._canvas(), _pixel(point), max(1, int(radius)), color, -1, cv2.LINE_AA)
        return self

    @master_only
    def draw_lines(
        self, x_datas: Any, y_datas: Any, colors: Any = 'g', line_styles: Any = '-', line_widths: Any = 2
    ) -> Visualizer:
        """Lines from `(N, 2)` x values to `(N, 2)` y values."""
        xs, ys = np.atleast_2d(tensor2ndarray(x_datas)), np.atleast_2d(tensor2ndarray(y_datas))
        for x, y, color, width in zip(xs, ys, self._colors(colors, len(xs)), _each(line_widths, len(xs)), strict=True):
            cv2.line(self._canvas(), _pixel((x[0], y[0])), _pixel((x[1], y[1])), color, int(width), cv2.LINE_AA)
        return self

    @master_only
    def draw_circles(
        self, center: Any, radius: Any, edge_colors: Any = 'g', line_widths: Any = 2, face_colors: Any = 'none', **_: Any
    ) -> Visualizer:
        """Circles at `(N, 2)` with radii `(N,)`."""
        centers, radii = np.atleast_2d(tensor2ndarray(center)), np.atleast_1d(tensor2ndarray(radius))
        for point, r, color in zip(centers, radii, self._colors(edge_colors, len(centers)), strict=True):
            cv2.circle(self._canvas(), _pixel(point), int(r), color, int(_each(line_widths, 1)[0]), cv2.LINE_AA)
        return self

    @master_only
    def draw_bboxes(
        self, bboxes: Any, edge_colors: Any = 'g', line_widths: Any = 2, face_colors: Any = 'none', **_: Any
    ) -> Visualizer:
        """Boxes `(N, 4)` x1, y1, x2, y2 in pixels."""
        boxes = np.atleast_2d(tensor2ndarray(bboxes))
        widths = _each(line_widths, len(boxes))
        for box, color, width in zip(boxes, self._colors(edge_colors, len(boxes)), widths, strict=True):
            cv2.rectangle(self._canvas(), _pixel(box[:2]), _pixel(box[2:]), color, int(width))
        return self

    @master_only
    def draw_polygons(
        self, polygons: Any, edge_colors: Any = 'g', line_widths: Any = 2, face_colors: Any = 'none', alpha: float = 0.8, **_: Any
    ) -> Visualizer:
        """Outlines through the points `(K, 2)` of each polygon; filled with opacity `alpha` if `face_colors` is a colour."""
        many = [tensor2ndarray(p) for p in (polygons if isinstance(polygons, list) else [polygons])]
        for points, color in zip(many, self._colors(edge_colors, len(many)), strict=True):
            outline = points.round().astype(np.int32)
            if face_colors != 'none':
                filled = cv2.fillPoly(self._canvas().copy(), [outline], self._colors(face_colors, 1)[0])
                self._image = cv2.addWeighted(self._canvas(), 1 - alpha, filled, alpha, 0)
            cv2.polylines(self._canvas(), [outline], True, color, int(_each(line_widths, 1)[0]), cv2.LINE_AA)
        return self

    @master_only
    def draw_texts(
        self, texts: str | list[str], positions: Any, font_sizes: Any = None, colors: Any = 'g', bboxes: Any = None, **_: Any
    ) -> Visualizer:
        """Texts whose upper left corners are at `(N, 2)`; `bboxes` puts a dark box behind them."""
        lines = [texts] if isinstance(texts, str) else texts
        points = np.atleast_2d(tensor2ndarray(positions))
        sizes = [max(10, min(self._canvas().shape[:2]) // 25)] * len(lines) if font_sizes is None else _each(font_sizes, len(lines))
        for line, point, color, size in zip(lines, points, self._colors(colors, len(lines)), sizes, strict=True):
            scale = float(size) / 24
            (width, height), base = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
            x, y = _pixel(point)
            if bboxes is not None:
                cv2.rectangle(self._canvas(), (x - 1, y - 1), (x + width + 1, y + height + base), (0, 0, 0), -1)
            cv2.putText(self._canvas(), line, (x, y + height), cv2.FONT_HERSHEY_SIMPLEX, scale, color, 1, cv2.LINE_AA)
        return self

    @master_only
    def draw_binary_masks(self, binary_masks: Any, colors: Any = 'g', alphas: Any = 0.8) -> Visualizer:
        """Masks `(N, H, W)` or `(H, W)` bool in colours with opacities `alphas`."""
        masks = tensor2ndarray(binary_masks).astype(bool)
        masks = masks[None] if masks.ndim == 2 else masks
        for mask, color, alpha in zip(masks, self._colors(colors, len(masks)), _each(alphas, len(masks)), strict=True):
            image = self._canvas()
            image[mask] = (image[mask] * (1 - alpha) + np.array(color) * alpha).round().astype(np.uint8)
        return self

    @staticmethod
    def draw_featmap(
        featmap: torch.Tensor,
        overlaid_image: np.ndarray | None = None,
        channel_reduction: str | None = 'squeeze_mean',
        topk: int = 20,
        arrangement: tuple[int, int] = (4, 5),
        resize_shape: tuple | None = None,
        alpha: float = 0.5,
    ) -> np.ndarray:
        """A feature map `(C, H, W)` as a heat map RGB: reduced over channels, or the `topk` channels as a grid."""
        if featmap.ndim != 3:
            raise ValueError(f'a feature map should be (C, H, W), but its shape is {tuple(featmap.shape)}')
        size = overlaid_image.shape[:2] if overlaid_image is not None else resize_shape
        if size is not None and tuple(featmap.shape[1:]) != tuple(size):
            featmap = torch.nn.functional.interpolate(featmap[None], tuple(size), mode='bilinear')[0]
        if channel_reduction is not None:
            reduce = {'squeeze_mean': lambda f: f.mean(0), 'select_max': lambda f: f[f.sum((1, 2)).argmax()]}
            if channel_reduction not in reduce:
                raise ValueError(f'channel_reduction should be one of {", ".join(reduce)}, but got {channel_reduction!r}')
            return convert_overlay_heatmap(reduce[channel_reduction](featmap), overlaid_image, alpha)
        count = len(featmap) if topk <= 0 else min(topk, len(featmap))
        chosen = featmap.sum((1, 2)).topk(count).indices
        tiles = [convert_overlay_heatmap(featmap[i], overlaid_image, alpha) for i in chosen]
        rows, columns = arrangement
        tiles += [np.zeros_like(tiles[0])] * (rows * columns - len(tiles))
        return np.vstack([np.hstack(tiles[r * columns : (r + 1) * columns]) for r in range(rows)])

    @master_only
    def show(
        self, drawn_img: np.ndarray | None = None, win_name: str = 'image', wait_time: float = 0.0, continue_key: str = ' ', **_: Any
    ) -> None:
        """Show the picture in a window for `wait_time` seconds (0: until a key); needs an OpenCV with windows."""
        image = self.get_image() if drawn_img is None else drawn_img
        try:
            cv2.imshow(win_name, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
            cv2.waitKey(int(wait_time * 1000))
        except cv2.error as error:
            raise RuntimeError('this OpenCV cannot open windows; write the picture to a file with out_file') from error

    # ------------------------------------------------------------------ backends

    @master_only
    def add_config(self, config: Config, **kwargs: Any) -> None:
        for backend in self._vis_backends.values():
            backend.add_config(config, **kwargs)

    @master_only
    def add_graph(self, model: torch.nn.Module, data_batch: Sequence[dict], **kwargs: Any) -> None:
        for backend in self._vis_backends.values():
            backend.add_graph(model, data_batch, **kwargs)

    @master_only
    def add_image(self, name: str, image: np.ndarray, step: int = 0) -> None:
        for backend in self._vis_backends.values():
            backend.add_image(name, image, step)

    @master_only
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        for backend in self._vis_backends.values():
            backend.add_scalar(name, value, step, **kwargs)

    @master_only
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        for backend in self._vis_backends.values():
            backend.add_scalars(scalar_dict, step, file_path, **kwargs)

    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: BaseDataElement | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        step: int = 0,
    ) -> None:
        """Draw a sample; derived classes know how."""

    def close(self) -> None:
        for backend in self._vis_backends.values():
            backend.close()


def _pixel(point: Any) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _each(value: Any, number: int) -> list:
    return list(value) if isinstance(value, (list, tuple, np.ndarray)) else [value] * number

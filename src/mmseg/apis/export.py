"""Trained models as files that run without this package: ONNX, and programs of `torch.export`."""

from __future__ import annotations

import copy
import importlib
import logging
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mmengine.utils.errors import ConfigError, MissingDependencyError, MMError
from mmseg.models import BaseSegmentor

SUFFIXES = {'onnx': '.onnx', 'torch': '.pt2'}


class ExportError(MMError, RuntimeError):
    """A model that the format cannot express, or whose file gives other results."""


class Exported(NamedTuple):
    """A written file, and how far its logits are from the model's, relative to the largest of them."""

    file: Path
    difference: float


class Logits(nn.Module):
    """Images `(N, C, H, W)` to what a model says about each of their pixels.

    Args:
        pixels: take images as they are loaded (0 to 255, channels as in the file reader's order), and normalise them
            in the graph; otherwise what the data preprocessor gives.
        labels: give labels `(N, H, W)` int64 instead of logits `(N, classes, H, W)`.
        number: of images that are told to the heads, which look at the first; a list cannot vary in an exported file.
    """

    def __init__(self, model: BaseSegmentor, pixels: bool = False, labels: bool = False, number: int = 1) -> None:
        super().__init__()
        self.number = number
        self.model: Any = model
        self.pixels = pixels
        self.labels = labels

    def forward(self, inputs: Tensor) -> Tensor:
        """Whole images, whatever `test_cfg.mode` says."""
        if self.pixels:
            preprocessor = self.model.data_preprocessor
            if preprocessor.channel_conversion and inputs.shape[1] == 3:
                inputs = inputs.flip(1)
            if preprocessor._enable_normalize:
                inputs = (inputs - preprocessor.mean) / preprocessor.std
        size = tuple(inputs.shape[2:])
        meta = {'img_shape': size, 'ori_shape': size, 'pad_shape': size, 'padding_size': [0, 0, 0, 0]}
        logits = self.model.encode_decode(inputs, [meta] * self.number)
        if not self.labels:
            return logits
        if logits.shape[1] == 1:
            return (logits[:, 0].sigmoid() > self.model.decode_head.threshold).long()
        return logits.argmax(1)


def export_model(
    model: BaseSegmentor,
    file: str | Path,
    format: str = 'onnx',
    shape: tuple[int, ...] = (1, 3, 512, 512),
    pixels: bool = False,
    labels: bool = False,
    dynamic: bool = False,
    tolerance: float = 1e-3,
) -> Exported:
    """Write a model, and compare what the file computes with what the model does.

    Args:
        model: from `init_model`; it stays as it is.
        format: `'onnx'`, for onnxruntime and others, or `'torch'`, for `torch.export.load`.
        shape: of the images, `(N, C, H, W)`.
        pixels, labels: see `Logits`.
        dynamic: let the number of images vary.
        tolerance: the largest difference of logits, relative to the largest of them; of labels, the largest share
            of pixels.

    Raises:
        ExportError: the format cannot express the model, or the file gives another result; there is no file then.
        MissingDependencyError: ONNX needs the extra `export`.
    """
    if format not in SUFFIXES:
        raise ConfigError(f"format should be 'onnx' or 'torch', but is {format!r}")
    if len(shape) != 4 or min(shape) < 1:
        raise ConfigError(f'shape should be (N, C, H, W), all positive, but is {tuple(shape)}')
    if format == 'onnx':
        for package in ('onnx', 'onnxscript', 'onnxruntime'):
            _require(package)
    target = Path(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    wrapped = Logits(copy.deepcopy(model).cpu().float(), pixels, labels, 1 if dynamic else shape[0]).eval()
    # Two images, where their number varies: torch takes a length of 1 for a constant.
    images = _images((max(shape[0], 2) if dynamic else shape[0], *shape[1:]), pixels)
    part = target.with_name(f'.{target.stem}.part{SUFFIXES[format]}')
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore')  # those of the exporters are about their own insides
            expected = wrapped(images)
            try:
                (_write_onnx if format == 'onnx' else _write_torch)(wrapped, images, part, dynamic)
            except MMError:
                raise
            except Exception as error:
                raise ExportError(
                    f'{_name(model)} cannot be exported as {format}: {type(error).__name__}: {_first_line(error)}'
                ) from error
            other = _images((images.shape[0] + dynamic, *images.shape[1:]), pixels, seed=1)
            difference = max(
                _difference(run(part, format, images), expected),
                _difference(run(part, format, other), wrapped(other)),
            )
        if not difference <= tolerance:
            what = 'share of labels' if labels else 'relative to the largest logit'
            raise ExportError(f'{target} would give other results: they differ by {difference:.1e} ({what})')
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return Exported(target, difference)


def run(file: str | Path, format: str, images: Tensor) -> Tensor:
    """What an exported file gives for images."""
    if format == 'torch':
        return torch.export.load(file).module()(images)
    session = _require('onnxruntime').InferenceSession(str(file), providers=['CPUExecutionProvider'])
    return torch.from_numpy(session.run(None, {'images': images.numpy()})[0])


def _write_onnx(wrapped: Logits, images: Tensor, file: Path, dynamic: bool) -> None:
    for name in ('torch.onnx', 'onnxscript', 'onnx_ir'):  # they tell of constants that they did not fold
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.onnx.export(
        wrapped,
        (images,),
        str(file),
        dynamo=True,
        external_data=False,
        input_names=['images'],
        output_names=['labels' if wrapped.labels else 'logits'],
        dynamic_shapes=_dynamic_shapes(dynamic),
        verbose=False,
    )
    _require('onnx').checker.check_model(str(file))


def _write_torch(wrapped: Logits, images: Tensor, file: Path, dynamic: bool) -> None:
    torch.export.save(torch.export.export(wrapped, (images,), dynamic_shapes=_dynamic_shapes(dynamic)), file)


def _dynamic_shapes(dynamic: bool) -> Any:
    return ({0: torch.export.Dim('batch')},) if dynamic else None


def _images(shape: tuple[int, ...], pixels: bool, seed: int = 0) -> Tensor:
    images = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return (images * 60 + 120).clamp(0, 255) if pixels else images


def _difference(found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        return float('inf')
    if not expected.is_floating_point():
        return float((found != expected).float().mean())
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-12))


def _require(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingDependencyError(f"ONNX needs {package}: pip install 'mmnext[export]'") from error


def _name(model: Any) -> str:
    return f'{type(model).__name__} with {type(model.backbone).__name__} and {type(model.decode_head).__name__}'


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else ''

"""Look at some samples before training: wrong labels and broken files fail late, or not at all."""

from __future__ import annotations

import io
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from mmcv.image.io import read_bytes
from mmcv.transforms import LoadImageFromFile
from mmengine.utils.errors import DataError
from mmseg.datasets.transforms.crop import label_counts
from mmseg.datasets.transforms.loading import LoadAnnotations


def check_mask(mask: np.ndarray, num_classes: int, ignore_index: int = 255, path: str = '') -> dict[int, int]:
    """The number of pixels of each label that occurs.

    Raises:
        DataError: a label is neither below `num_classes` nor `ignore_index`, or the mask holds colours; names the
            file, the labels and the usual reason.
    """
    where = f'the mask {path}' if path else 'the mask'
    if mask.ndim not in (2, 3) or mask.shape[2:] in ((3,), (4,)):
        raise DataError(
            f'{where} has shape {mask.shape}: it holds colours, where one class id a pixel is needed. Convert it '
            'with the palette of the dataset, or save it as a palette or grey image.'
        )
    labels, counts = label_counts(mask)
    found = {int(label): int(count) for label, count in zip(labels, counts, strict=True)}
    wrong = [label for label in found if label != ignore_index and not 0 <= label < num_classes]
    if not wrong:
        return found
    shown = ', '.join(f'{label} ({found[label]} pixels)' for label in wrong[:8]) + (', …' if len(wrong) > 8 else '')
    message = (
        f'{where} has labels outside the {num_classes} classes 0..{num_classes - 1} and the ignored {ignore_index}: '
        f'{shown}.'
    )
    if wrong == [num_classes]:
        message += (
            ' Labels seem to run from 1: if 0 means "not labelled", set `reduce_zero_label=True` in the dataset; '
            'if 0 is a class of its own, add it to `metainfo.classes`.'
        )
    elif wrong == [255] and num_classes > 2:
        message += ' 255 usually marks what does not count: set `ignore_index=255` in the dataset.'
    elif wrong == [255]:
        message += ' A black and white mask has 255 for class 1: divide it by 255.'
    elif len(found) <= num_classes + 1:
        message += (
            ' The labels look like grey values or original ids: map them to 0, 1, 2, … in the order of the classes.'
        )
    else:
        message += ' Check `metainfo.classes`, or map the labels that do not count to the ignored one.'
    raise DataError(message)


@dataclass
class SampleReport:
    """What `check_samples` has seen."""

    checked: int = 0
    pixels: Counter[int] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)

    def absent_classes(self, classes: tuple[str, ...]) -> list[str]:
        """Classes that occur in no checked mask."""
        return [name for label, name in enumerate(classes) if not self.pixels[label]]


def leaf_datasets(dataset: Any) -> list[Any]:
    """The datasets inside wrappers such as `RepeatDataset` and `ConcatDataset`."""
    if hasattr(dataset, 'datasets'):
        return [leaf for inner in dataset.datasets for leaf in leaf_datasets(inner)]
    return leaf_datasets(dataset.dataset) if hasattr(dataset, 'dataset') else [dataset]


class SampleReader:
    """Reads the images and masks of a dataset as its pipeline does, but checks them.

    Args:
        dataset: one without wrappers.
    """

    def __init__(self, dataset: Any) -> None:
        dataset.full_init()
        self.dataset = dataset
        self.classes = dataset.metainfo.get('classes')
        self.ignore_index = getattr(dataset, 'ignore_index', 255)
        loading = [t for t in dataset.pipeline.transforms if type(t).__name__.startswith('Load')]
        about_masks = [t for t in loading if 'Annotation' in type(t).__name__]
        self.load_images = [t for t in loading if t not in about_masks]
        if not self.load_images:
            backend_args = getattr(dataset, 'backend_args', None)
            self.load_images = [LoadImageFromFile(color_type='unchanged', backend_args=backend_args)]
        self.load_masks = about_masks
        self.reads_labels = 'seg_map_path' in (dataset.get_data_info(0) if len(dataset) else {})
        if not self.load_masks and self.reads_labels and not dataset.test_mode:
            self.load_masks = [LoadAnnotations()]

    def check(self, index: int) -> tuple[dict[int, int], int]:
        """The number of pixels of each label, and the number of channels of the image.

        Raises:
            DataError: a file is broken, an image and its mask differ in size, or a label is outside the classes; names
                the file.
        """
        results = self.dataset.get_data_info(index)
        for load in self.load_images:
            results = load(results)
            if results is None:
                raise DataError(f'sample {index} has an image that cannot be read, which `ignore_empty` hides')
        image, path = results['img'], results.get('seg_map_path', '')
        channels = 1 if image.ndim == 2 else image.shape[0] if image.ndim == 4 else image.shape[2]
        size = image.shape[1:] if image.ndim == 4 else image.shape[:2]
        if not self.load_masks:
            return {}, channels
        try:
            for load in self.load_masks:
                results = load(results)
        except DataError as error:
            hint = colour_hint(path, self.dataset) if 'colours' in str(error) else ''
            raise DataError(f'{error}{hint}') from error
        if 'gt_depth_map' in results:
            return self._check_depth(results, size), channels
        mask = results.get('gt_seg_map')
        if mask is None:
            return {}, channels
        if mask.shape != size and mask.ndim == len(size):
            raise DataError(
                f'the image {results["img_path"]} is {_text(size)}, but its mask {path} is {_text(mask.shape)} '
                '(width x height)'
            )
        if self.classes is None:
            labels, counts = label_counts(mask)
            return dict(zip(labels.tolist(), counts.tolist(), strict=True)), channels
        return check_mask(mask, len(self.classes), self.ignore_index, path), channels

    @staticmethod
    def _check_depth(results: dict, size: tuple[int, ...]) -> dict[int, int]:
        depth, path = results['gt_depth_map'], results['depth_map_path']
        if depth.shape != size:
            raise DataError(
                f'the image {results["img_path"]} is {_text(size)}, but its depth map {path} is {_text(depth.shape)} '
                '(width x height)'
            )
        if not np.isfinite(depth).all() or not (depth > 0).any():
            raise DataError(f'the depth map {path} holds values that are not finite, or none above 0')
        return {}


def _text(size: tuple[int, ...]) -> str:
    return ' x '.join(str(length) for length in reversed(size))


def colour_hint(path: str, dataset: Any) -> str:
    """What to do about a mask that was read in colours: a palette image, or the colours of the classes."""
    content = read_bytes(path, None, getattr(dataset, 'backend_args', None))
    with Image.open(io.BytesIO(content)) as image:
        if image.mode == 'P':
            return (
                '. The file is a palette image, whose indices are the labels: '
                "LoadAnnotations(imdecode_backend='pillow') reads those"
            )
        colours = set(map(tuple, np.unique(np.array(image.convert('RGB')).reshape(-1, 3), axis=0).tolist()))
    palette = {tuple(colour) for colour in dataset.metainfo.get('palette') or ()}
    if colours and colours <= palette | {(0, 0, 0)}:
        return (
            ". All its colours are those of the dataset's palette: `mmseg.datasets.prepare.labels_of_colours` gives "
            'the labels, to be saved in place of the colours'
        )
    shown = ', '.join(f'#{r:02x}{g:02x}{b:02x}' for r, g, b in sorted(colours - palette)[:4])
    return f'. {len(colours - palette)} of its {len(colours)} colours are none of the palette: {shown}'


def check_samples(dataset: Any, limit: int = 8, seconds: float | None = None) -> SampleReport:
    """Read up to `limit` images and masks of each dataset inside `dataset`, spread evenly, and check them.

    Args:
        seconds: begin no further sample after this time.

    Raises:
        DataError: a file is broken, an image and its mask differ in size, a label is outside the classes, or all
            labels are ignored; names the file.
    """
    report = SampleReport()
    end = None if seconds is None else time.monotonic() + seconds
    for leaf in leaf_datasets(dataset):
        reader = SampleReader(leaf)
        pixels: Counter[int] = Counter()
        read = 0
        for index in spread(len(leaf), limit):
            if end is not None and time.monotonic() > end:
                break
            labels, channels = reader.check(index)
            pixels.update(labels)
            report.channels[channels] += 1
            read += bool(labels)
        if read and set(pixels) == {reader.ignore_index}:
            raise DataError(
                f'{type(leaf).__name__}: all labels of {read} masks are ignored ({reader.ignore_index}), among them '
                f'those of {leaf.get_data_info(0).get("seg_map_path")}'
            )
        report.checked += read
        report.pixels.update(pixels)
    return report


def spread(length: int, limit: int) -> list[int]:
    """Up to `limit` indices, evenly over the whole length."""
    return np.unique(np.linspace(0, length - 1, min(limit, length)).astype(int)).tolist() if length else []

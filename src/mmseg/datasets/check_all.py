"""Check every sample of a data set: files, sizes, labels; and what the labels as a whole look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any

from mmengine.utils.errors import MMError
from mmseg.datasets.check import SampleReader, leaf_datasets, spread

MOSTLY = 0.9


@dataclass
class DataReport:
    """What was found in a dataset.

    Args:
        name: phase and class.
        total, checked: number of samples, and of those that were read.
        pixels: number of pixels by label, as a model sees them.
        channels: number of images by number of channels.
        problems: what makes samples unusable, one a sample.
        warnings: what may be a mistake.
    """

    name: str
    total: int
    checked: int = 0
    classes: Sequence[str] = ()
    palette: Sequence[Sequence[int]] = ()
    ignore_index: int = 255
    pixels: Counter[int] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def shares(self) -> list[float]:
        """The share of each class in the pixels that count."""
        counts = [self.pixels[label] if label != self.ignore_index else 0 for label in range(len(self.classes))]
        return [count / (sum(counts) or 1) for count in counts]

    @property
    def ignored(self) -> float:
        """The share of ignored pixels."""
        return self.pixels[self.ignore_index] / (self.pixels.total() or 1)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        counts = {key: {str(k): v for k, v in sorted(found[key].items())} for key in ('pixels', 'channels')}
        return {**found, **counts}


def check_dataset(
    dataset: Any,
    name: str,
    number: int | None = None,
    jobs: int = 1,
    progress: Callable[[int], None] = lambda count: None,
) -> list[DataReport]:
    """Check the samples of each dataset inside `dataset`.

    Args:
        number: check so many, spread evenly, instead of all.
        jobs: number of threads; decoding leaves Python's lock alone.
        progress: called with the number of samples that were read since the last call.
    """
    return [_check_leaf(leaf, name, number, jobs, progress) for leaf in leaf_datasets(dataset)]


def _check_leaf(leaf: Any, name: str, number: int | None, jobs: int, progress: Callable[[int], None]) -> DataReport:
    reader = SampleReader(leaf)
    meta = leaf.metainfo
    report = DataReport(
        f'{name} {type(leaf).__name__}',
        len(leaf),
        classes=list(meta.get('classes') or ()) if reader.reads_labels else (),
        palette=meta.get('palette') or (),
        ignore_index=reader.ignore_index,
    )
    indices = range(len(leaf)) if number is None else spread(len(leaf), number)

    def check(index: int) -> tuple[dict[int, int], int] | str:
        try:
            return reader.check(index)
        except (MMError, OSError) as error:
            return str(error)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            for found in pool.map(check, indices):
                report.checked += 1
                progress(1)
                if isinstance(found, str):
                    report.problems.append(found)
                else:
                    report.pixels.update(found[0])
                    report.channels[found[1]] += 1
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    report.warnings += _suspicions(report, getattr(leaf, 'reduce_zero_label', False))
    return report


def _suspicions(report: DataReport, reduce_zero_label: bool) -> list[str]:
    """What the labels as a whole suggest."""
    found = []
    if len(report.channels) > 1:
        kinds = ', '.join(f'{n} of {channels}' for channels, n in sorted(report.channels.items()))
        found.append(f'images differ in their number of channels: {kinds}')
    if not report.classes or not report.pixels:
        return found
    last = len(report.classes) - 1
    absent = [label for label in range(last + 1) if not report.pixels[label]]
    if 0 <= report.ignore_index <= last:
        name = report.classes[report.ignore_index]
        found.append(f'ignore_index={report.ignore_index} is the class {name!r}: it is never learned nor measured')
    if absent == [last] and reduce_zero_label and report.pixels[255]:
        found.append(
            f'the last class {report.classes[last]!r} never occurs, but labels are 0, which `reduce_zero_label=True` '
            'ignores: do the labels begin at 0? Then it should be False'
        )
    elif absent == [0] and not reduce_zero_label:
        found.append(
            f'label 0, the class {report.classes[0]!r}, never occurs: do the labels begin at 1? Then the dataset needs '
            '`reduce_zero_label=True`'
        )
    elif absent:
        names = ', '.join(repr(report.classes[label]) for label in absent[:10])
        more = f' and {len(absent) - 10} more' if len(absent) > 10 else ''
        found.append(f'{len(absent)} of {last + 1} classes never occur: {names}{more}')
    if report.ignored > MOSTLY:
        found.append(f'{report.ignored:.1%} of the pixels are ignored')
    return found


def check_shared_images(datasets: dict[str, Any]) -> list[str]:
    """Images of `train` that another phase has as well."""
    paths = {name: _images_of(dataset) for name, dataset in datasets.items()}
    train = paths.pop('train', set())
    found = []
    for name, others in paths.items():
        if shared := sorted(train & others):
            found.append(f'{len(shared)} of {len(others)} images of {name} are in train as well, such as {shared[0]}')
    return found


def _images_of(dataset: Any) -> set[str]:
    return {leaf.get_data_info(index)['img_path'] for leaf in leaf_datasets(dataset) for index in range(len(leaf))}


def channels_wanted(model: Any) -> int | None:
    """How many channels the normalisation of a model's config is for."""
    mean = (model or {}).get('data_preprocessor', {}).get('mean') if isinstance(model, dict) else None
    return len(mean) if isinstance(mean, (list, tuple)) and len(mean) > 1 else None


def check_channels(reports: Sequence[DataReport], wanted: int | None) -> None:
    """Add to `problems` where images have not the channels that are normalised."""
    for report in reports:
        other = {channels for channels in report.channels if wanted is not None and channels != wanted}
        if other:
            report.problems.append(
                f'images have {", ".join(map(str, sorted(other)))} channels, but model.data_preprocessor has mean and '
                f'std for {wanted}'
            )

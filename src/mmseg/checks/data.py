"""Checks of datasets against each other, their pipelines and the preprocessor. No file of a dataset is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.config import ConfigDict
from mmengine.config.checking import ERROR, WARNING, CheckContext, Finding, nearest, rule
from mmengine.registry.check_types import FOREIGN, Part, parts_at

PHASES = ('train', 'val', 'test')
LOADS_IMAGE = re.compile('Load.*Image|InferencerLoader')
FOREIGN.add(('Albu', 'transforms'))  # those are classes of albumentations


@dataclass(frozen=True, slots=True)
class Data:
    """A dataset of a phase, without its wrappers."""

    phase: str
    part: Part
    transforms: list[Part]

    @property
    def classes(self) -> Sequence[str] | None:
        """The class names by `metainfo`, else those of the dataset's class; None where neither says."""
        own = self.part.node.get('metainfo')
        found = own.get('classes') if isinstance(own, dict) else None
        if found is None:
            found = getattr(self.part.target, 'METAINFO', {}).get('classes')
        return found if isinstance(found, (list, tuple)) else None

    @property
    def segments(self) -> bool:
        """Whether label maps are read, rather than depth or nothing."""
        return any(p.is_a('LoadAnnotations') for p in self.transforms)


def datasets(ctx: CheckContext) -> list[Data]:
    """All datasets of all phases."""
    found = []
    for phase in PHASES:
        parts = parts_at(ctx, f'{phase}_dataloader')
        for part in parts:
            if part.target is not None and hasattr(part.target, 'METAINFO') and part.place.registry.name == 'dataset':
                inside = [p for p in parts if p.place.registry.name == 'transform' and _inside(p, part)]
                found.append(Data(phase, part, inside))
    return found


def _inside(part: Part, outer: Part) -> bool:
    return part.node._path.startswith(f'{outer.node._path}.')


def preprocessor(ctx: CheckContext) -> Part | None:
    """The data preprocessor of the model."""
    return next(iter(parts_at(ctx, 'model.data_preprocessor')), None)


@rule('dataset-classes')
def subset_of_the_classes(ctx: CheckContext) -> Iterator[Finding]:
    """`metainfo.classes` names a class that the dataset does not have, or is no list of names."""
    for data in ctx.fact(datasets):
        node = data.part.node.get('metainfo')
        if not isinstance(node, ConfigDict):
            continue
        if isinstance(node.get('classes'), str):
            yield ctx.at(node, 'classes', 'classes should be a list of names, but is one string', "('a', 'b')")
            continue
        known = getattr(data.part.target, 'METAINFO', {}).get('classes')
        if not known:
            continue
        for key in node:
            if key not in ('classes', 'palette') and nearest(str(key), ['classes', 'palette'], fallback=False):
                yield ctx.at(node, key, f'metainfo has {key!r}', nearest(str(key), ['classes', 'palette']), WARNING)
        unknown = [c for c in node.get('classes') or () if c not in known]
        if unknown:
            message = f'{data.part.name} has no class {unknown[0]!r}; metainfo.classes takes a subset of its classes'
            yield ctx.at(node, 'classes', message, nearest(str(unknown[0]), known))


@rule('palette')
def a_colour_for_each_class(ctx: CheckContext) -> Iterator[Finding]:
    """`metainfo.palette` has fewer colours than there are classes."""
    for data in ctx.fact(datasets):
        node = data.part.node.get('metainfo')
        palette = node.get('palette') if isinstance(node, ConfigDict) else None
        if palette and data.classes and len(palette) < len(data.classes):
            yield ctx.at(node, 'palette', f'there are {len(palette)} colours for {len(data.classes)} classes')


@rule('same-classes', WARNING)
def the_same_classes_everywhere(ctx: CheckContext) -> Iterator[Finding]:
    """Training and validation have as many classes, but under other names."""
    found = {d.phase: d for d in reversed(ctx.fact(datasets)) if d.classes}
    train, val = found.get('train'), found.get('val')
    if train and val and train.classes is not None and val.classes is not None:
        one, other = list(train.classes), list(val.classes)
        if len(one) == len(other) and one != other:
            different = next((a, b) for a, b in zip(one, other, strict=True) if a != b)
            message = f'{val.part.name} calls a class {different[1]!r} that {train.part.name} calls {different[0]!r}'
            yield ctx.at(val.part.node, 'type', message)


@rule('reduce-zero-label')
def zero_is_reduced_alike(ctx: CheckContext) -> Iterator[Finding]:
    """`reduce_zero_label` of dataset, `LoadAnnotations` and the other phases differ: labels are off by one."""
    found = ctx.fact(datasets)
    for data in found:
        own = data.part.get('reduce_zero_label')
        for transform in data.transforms:
            said = transform.node.get('reduce_zero_label')
            if transform.is_a('LoadAnnotations') and isinstance(said, bool) and isinstance(own, bool) and said != own:
                message = f'reduce_zero_label={said} contradicts {data.part.name}, which has {own}'
                yield ctx.at(transform.node, 'reduce_zero_label', message, f'reduce_zero_label={own}, or leave it out')
    first = next((d for d in found if d.phase == 'train'), None)
    for data in found if first is not None else ():
        assert first is not None
        if data.part.target is first.part.target and data.part.get('reduce_zero_label') != first.part.get(
            'reduce_zero_label'
        ):
            key = 'reduce_zero_label' if 'reduce_zero_label' in data.part.node else None
            message = f'{data.phase} has reduce_zero_label={data.part.get("reduce_zero_label")}, but train has another'
            yield ctx.at(data.part.node, key, message)


@rule('ignore-index', WARNING)
def ignored_labels_agree(ctx: CheckContext) -> Iterator[Finding]:
    """Dataset, transforms, preprocessor, heads and metrics ignore different labels."""
    found = [d for d in ctx.fact(datasets) if d.segments]
    base = next((d.part.get('ignore_index') for d in found if d.phase == 'train'), None)
    if base is None:
        base = next((d.part.get('ignore_index') for d in found), None)
    if not isinstance(base, int):
        return
    for part, key in _ignoring(ctx):
        value = part.get(key)
        if isinstance(value, (int, float)) and value != base:
            present = key if key in part.node else None
            message = f'{key} of {part.name} is {value}, but the dataset ignores {base}'
            yield ctx.at(part.node, present, message, f'{key}={base}')


def _ignoring(ctx: CheckContext) -> Iterator[tuple[Part, str]]:
    """The parts that have an ignored label, and the argument that holds it."""
    for part in parts_at(ctx, 'model.decode_head', 'model.auxiliary_head'):
        if part.is_a('BaseDecodeHead'):
            yield part, 'ignore_index'
    for part in parts_at(ctx, 'val_evaluator', 'test_evaluator'):
        if part.is_a('IoUMetric', 'CityscapesMetric'):
            yield part, 'ignore_index'
    pre = preprocessor(ctx)
    if pre is not None and pre.is_a('SegDataPreProcessor'):
        yield pre, 'seg_pad_val'
    for data in ctx.fact(datasets):
        for part in data.transforms:
            if part.is_a('RandomCrop', 'RandomMosaic'):
                yield part, 'ignore_index' if part.is_a('RandomCrop') else 'seg_pad_val'
            if part.is_a('RandomRotate', 'RandomCutOut'):
                yield part, 'seg_pad_val' if part.is_a('RandomRotate') else 'seg_fill_in'


@rule('crop-size', WARNING)
def crops_fill_the_batch(ctx: CheckContext) -> Iterator[Finding]:
    """`size` of the preprocessor, to which a batch is padded, is another than that of the crops."""
    pre = preprocessor(ctx)
    size = _pair(pre.node.get('size')) if pre is not None else None
    if pre is None or size is None:
        return
    for data in ctx.fact(datasets):
        crops = [p for p in data.transforms if p.is_a('RandomCrop')]
        if data.phase != 'train' or not crops:
            continue
        crop = _pair(crops[-1].node.get('crop_size'))
        changed = [p for p in data.transforms if p.is_a('Resize', 'RandomResize', 'Pad', 'RandomMosaic')]
        if crop is None or crop == size or any(_after(p, crops[-1], data) for p in changed):
            continue
        larger = crop[0] > size[0] or crop[1] > size[1]
        message = f'crops are {crop[0]} x {crop[1]}, but the preprocessor makes batches of {size[0]} x {size[1]} (h, w)'
        yield ctx.at(pre.node, 'size', message, f'size={crop}', ERROR if larger else '')


def _after(part: Part, other: Part, data: Data) -> bool:
    return data.transforms.index(part) > data.transforms.index(other)


def _pair(value: Any) -> tuple[int, int] | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value, value
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(v, int) for v in value):
        return value[0], value[1]
    return None


@rule('pipeline', WARNING)
def pipelines_are_whole(ctx: CheckContext) -> Iterator[Finding]:
    """A pipeline lacks what later steps need: the image, the annotations, or the packing into a sample."""
    for data in ctx.fact(datasets):
        steps = data.transforms
        if not steps or any(p.target is None for p in steps) or not all(is_ours(p) for p in steps):
            continue  # a transform of a project may do any of it
        path = f'{data.part.node._path}.pipeline'
        if not any(p.is_a('LoadImageFromFile') or LOADS_IMAGE.match(p.name) for p in steps):
            yield ctx.at(data.part.node, 'pipeline', f'{path} loads no image', "dict(type='LoadImageFromFile') first")
        packing = [p for p in steps if p.name.startswith('Pack')]
        if not packing and not any(p.is_a('TestTimeAug') for p in steps):
            yield ctx.at(data.part.node, 'pipeline', f'{path} does not pack its results', "dict(type='PackSegInputs')")
        loads = any(p.is_a('LoadAnnotations') or 'Depth' in p.name for p in steps)
        if data.phase == 'train' and not loads:
            message = f'{path} loads no annotations: there is nothing to learn from'
            yield ctx.at(data.part.node, 'pipeline', message, "dict(type='LoadAnnotations')", ERROR)
        if data.phase == 'val' and not loads and _needs_labels(ctx):
            message = f'{path} loads no annotations, which the evaluator compares with'
            yield ctx.at(data.part.node, 'pipeline', message, "dict(type='LoadAnnotations')", ERROR)


def is_ours(part: Part) -> bool:
    """Whether a transform is one of these packages, so that it is known what it does."""
    return getattr(part.target, '__module__', '').startswith(('mmseg.', 'mmcv.'))


def _needs_labels(ctx: CheckContext) -> bool:
    return any(p.is_a('IoUMetric') and not p.get('format_only') for p in parts_at(ctx, 'val_evaluator'))

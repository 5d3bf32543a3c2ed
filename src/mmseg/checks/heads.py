"""Checks of heads against datasets, losses and inference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.config.checking import ERROR, WARNING, CheckContext, Finding, rule
from mmengine.registry.check_types import Part, parts_at
from mmengine.runner.check_places import MODEL, PARTS

from .data import datasets, is_ours

SLOTS = ('data_preprocessor', 'backbone', 'neck', 'decode_head', 'auxiliary_head', 'loss_decode')
PARTS.update(dict.fromkeys(SLOTS, MODEL))
SEGMENTORS = ('EncoderDecoder', 'CascadeEncoderDecoder', 'MultimodalEncoderDecoder')


def heads(ctx: CheckContext) -> list[Part]:
    """Decode and auxiliary heads, and those inside of them."""
    found = parts_at(ctx, 'model.decode_head', 'model.auxiliary_head')
    return [p for p in found if p.target is not None and p.place.registry.name == 'model' and 'num_classes' in p.node]


@rule('num-classes')
def heads_have_the_classes_of_the_data(ctx: CheckContext) -> Iterator[Finding]:
    """`num_classes` of a head is not the number of classes of the dataset."""
    counts = {d.phase: (len(d.classes), d.part.name) for d in reversed(ctx.fact(datasets)) if d.classes and d.segments}
    if not counts:
        return
    wanted, name = counts.get('train') or counts.get('val') or counts['test']
    # A transform of a project may change the labels.
    sure = all(is_ours(step) for data in ctx.fact(datasets) for step in data.transforms)
    for part in ctx.fact(heads):
        number = part.node['num_classes']
        if not isinstance(number, int) or number == wanted or not _counts_classes(part):
            continue
        message = f'{part.name} has {number} classes, but {name} has {wanted}'
        yield ctx.at(
            part.node, 'num_classes', message, f'num_classes={wanted}', ERROR if sure and number < wanted else WARNING
        )
    for phase in ('val', 'test'):
        count, other = counts.get(phase, (wanted, name))
        if 'train' in counts and count != wanted:
            data = next(d for d in ctx.fact(datasets) if d.phase == phase)
            message = f'{other} has {count} classes in {phase}, but {name} has {wanted} in train'
            yield ctx.at(data.part.node, 'type', message, severity=WARNING)


def _counts_classes(part: Part) -> bool:
    """Whether `num_classes` is about the data: losses may count one more for nothing, STDCHead tells edges."""
    return part.name.endswith('Head') and part.name != 'STDCHead'


@rule('binary-head')
def binary_heads_use_a_sigmoid(ctx: CheckContext) -> Iterator[Finding]:
    """A head has one channel, or one class, with a softmax, which is always 1."""
    for part in ctx.fact(heads):
        out, number = part.node.get('out_channels'), part.node['num_classes']
        if not part.is_a('BaseDecodeHead'):
            continue
        if number == 1 and out is None:
            message = 'one class with a softmax is always right: nothing is learnt'
            yield ctx.at(
                part.node, 'num_classes', message, 'num_classes=2, out_channels=1 and a loss with use_sigmoid=True'
            )
        for loss in parts_at(ctx, f'{part.node._path}.loss_decode'):
            if loss.is_a('CrossEntropyLoss') and out == 1 and not loss.get('use_sigmoid'):
                message = 'a softmax over the one channel of the head is always 1'
                key = 'use_sigmoid' if 'use_sigmoid' in loss.node else None
                yield ctx.at(loss.node, key, message, 'use_sigmoid=True')


@rule('class-weight')
def a_weight_for_each_class(ctx: CheckContext) -> Iterator[Finding]:
    """`class_weight` of a loss has not one entry for each class of its head."""
    for part in ctx.fact(heads):
        number = part.node['num_classes']
        for loss in parts_at(ctx, f'{part.node._path}.loss_decode'):
            weight = loss.node.get('class_weight')
            if (
                isinstance(weight, (list, tuple))
                and isinstance(number, int)
                and len(weight) not in (number, number + 1)
            ):
                message = f'class_weight has {len(weight)} entries, but the head {number} classes'
                yield ctx.at(loss.node, 'class_weight', message)


@rule('test-mode')
def inference_is_complete(ctx: CheckContext) -> Iterator[Finding]:
    """`model.test_cfg` asks for sliding windows without their size, with gaps between them, or for an unknown mode."""
    node = ctx.node('model.test_cfg')
    if not any(p.node._path == 'model' and p.name in SEGMENTORS for p in parts_at(ctx, 'model')):
        return  # others have modes of their own
    mode: Any = node.get('mode', 'whole')
    if mode not in ('slide', 'whole'):
        yield ctx.at(node, 'mode', f'mode should be slide or whole, but is {mode!r}')
    if mode != 'slide':
        return
    missing = [key for key in ('crop_size', 'stride') if key not in node]
    for key in missing:
        yield ctx.at(node, 'mode', f"mode='slide' needs {key}", f'{key}=(512, 512)' if key == 'crop_size' else '')
    if missing:
        return
    crop, stride = node['crop_size'], node['stride']
    pairs = all(isinstance(v, (list, tuple)) and len(v) == 2 for v in (crop, stride))
    if not pairs:
        key = 'stride' if isinstance(crop, (list, tuple)) else 'crop_size'
        yield ctx.at(node, key, f'{key} should be (height, width), but is {node[key]!r}')
    elif any(s > c for s, c in zip(stride, crop, strict=True)):
        yield ctx.at(
            node, 'stride', f'stride {tuple(stride)} exceeds crop_size {tuple(crop)}: pixels between are left out'
        )

"""MaskFormer and Mask2Former, and their parts, which configs name in the scope of mmdet."""

import itertools
import math
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mmengine.config.stand_ins import stand_in_of
from mmengine.structures import InstanceData, PixelData
from mmengine.utils.errors import ConfigError, DataError, MissingDependencyError
from mmseg.models.assigners import (
    ClassificationCost,
    CrossEntropyLossCost,
    DiceCost,
    FocalLossCost,
    HungarianAssigner,
)
from mmseg.models.decode_heads import Mask2FormerHead, MaskFormerHead
from mmseg.models.mask_classification import (
    MaskCrossEntropyLoss,
    MaskDiceLoss,
    MaskFocalLoss,
    MaskHungarianAssigner,
    MaskPseudoSampler,
    MSDeformAttnPixelDecoder,
    PixelDecoder,
    SinePositionalEncoding,
    get_uncertain_point_coords_with_randomness,
    masks_of_classes,
    semantic_inference,
)
from mmseg.registry import MODELS, TASK_UTILS
from mmseg.structures import SegDataSample

pytestmark = pytest.mark.skipif(stand_in_of('mmdet') is None, reason='mmdet is installed: it answers itself')

CHANNELS = [4, 6, 8, 10]
CLASSES = 3
DIMS = 16
GN = {'type': 'GN', 'num_groups': 4}


def features(batch: int = 2, side: int = 16) -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(batch, width, side // 2**level, side // 2**level) for level, width in enumerate(CHANNELS)]


def samples(*labels: Tensor, **meta: Any) -> list[SegDataSample]:
    result = []
    for label in labels:
        size = tuple(label.shape[-2:])
        one = SegDataSample(metainfo={'img_shape': size, 'pad_shape': size, 'ori_shape': size, **meta})
        one.gt_sem_seg = PixelData(data=label[None])
        result.append(one)
    return result


def blocks() -> list[SegDataSample]:
    label = torch.zeros(2, 32, 32, dtype=torch.int64)
    label[0, :16] = 1
    label[1, :, :8] = 2
    label[:, 28:] = 255
    return samples(*label)


def attention() -> dict:
    return {'embed_dims': DIMS, 'num_heads': 2, 'attn_drop': 0.0, 'proj_drop': 0.0, 'dropout_layer': None}


def transformer(layers: int) -> dict:
    ffn = {'embed_dims': DIMS, 'feedforward_channels': 32, 'num_fcs': 2, 'act_cfg': {'type': 'ReLU', 'inplace': True}}
    layer = {'self_attn_cfg': attention(), 'cross_attn_cfg': attention(), 'ffn_cfg': ffn}
    return {'return_intermediate': True, 'num_layers': layers, 'layer_cfg': layer, 'init_cfg': None}


def common() -> dict[str, Any]:
    return {
        'in_channels': CHANNELS,
        'feat_channels': DIMS,
        'out_channels': DIMS,
        'num_classes': CLASSES,
        'num_queries': 5,
        'positional_encoding': {'num_feats': DIMS // 2, 'normalize': True},
        'loss_cls': {'type': 'mmdet.CrossEntropyLoss', 'class_weight': [1.0] * CLASSES + [0.1]},
        'loss_dice': {'type': 'mmdet.DiceLoss', 'naive_dice': True, 'eps': 1.0},
    }


def costs(mask_cost: dict) -> dict:
    dice = {'type': 'mmdet.DiceCost', 'pred_act': True, 'eps': 1.0}
    match_costs = [{'type': 'mmdet.ClassificationCost', 'weight': 1.0}, mask_cost, dice]
    return {
        'assigner': {'type': 'mmdet.HungarianAssigner', 'match_costs': match_costs},
        'sampler': {'type': 'mmdet.MaskPseudoSampler'},
    }


def maskformer(**kwargs: Any) -> MaskFormerHead:
    torch.manual_seed(0)
    cfg = {
        **common(),
        'type': 'MaskFormerHead',
        'in_index': [0, 1, 2, 3],
        'pixel_decoder': {'type': 'mmdet.PixelDecoder', 'norm_cfg': GN, 'act_cfg': {'type': 'ReLU'}},
        'enforce_decoder_input_project': False,
        'transformer_decoder': transformer(2),
        'loss_mask': {'type': 'mmdet.FocalLoss', 'gamma': 2.0, 'alpha': 0.25, 'loss_weight': 20.0},
        'train_cfg': costs({'type': 'mmdet.FocalLossCost', 'weight': 20.0, 'binary_input': True}),
    }
    return MODELS.build({**cfg, **kwargs})


def mask2former(**kwargs: Any) -> Mask2FormerHead:
    torch.manual_seed(0)
    deformable = {'embed_dims': DIMS, 'num_heads': 2, 'num_levels': 3, 'num_points': 2, 'dropout': 0.0}
    ffn = {'embed_dims': DIMS, 'feedforward_channels': 32, 'ffn_drop': 0.0}
    pixel_decoder = {
        'type': 'mmdet.MSDeformAttnPixelDecoder',
        'num_outs': 3,
        'norm_cfg': GN,
        'act_cfg': {'type': 'ReLU'},
        'encoder': {'num_layers': 1, 'layer_cfg': {'self_attn_cfg': deformable, 'ffn_cfg': ffn}},
        'positional_encoding': {'num_feats': DIMS // 2, 'normalize': True},
    }
    points = {'num_points': 64, 'oversample_ratio': 3.0, 'importance_sample_ratio': 0.75}
    cfg = {
        **common(),
        'type': 'Mask2FormerHead',
        'strides': [4, 8, 16, 32],
        'num_transformer_feat_level': 3,
        'pixel_decoder': pixel_decoder,
        'transformer_decoder': transformer(4),
        'loss_mask': {'type': 'mmdet.CrossEntropyLoss', 'use_sigmoid': True, 'loss_weight': 5.0},
        'train_cfg': {**points, **costs({'type': 'mmdet.CrossEntropyLossCost', 'weight': 5.0, 'use_sigmoid': True})},
    }
    return MODELS.build({**cfg, **kwargs})


HEADS = pytest.mark.parametrize(('build', 'outputs'), [(maskformer, 2), (mask2former, 5)])


@HEADS
def test_losses_reach_all_parameters(build: Any, outputs: int) -> None:
    head = build()
    head.init_weights()
    losses = head.loss(features(), blocks(), {})
    names = {'loss_cls', 'loss_mask', 'loss_dice'}
    assert set(losses) == names | {f'd{i}.{name}' for i in range(outputs - 1) for name in names}
    assert all(value.isfinite() for value in losses.values())
    sum(losses.values()).backward()  # type: ignore[union-attr]
    without = [name for name, parameter in head.named_parameters() if parameter.grad is None]
    assert not without


@HEADS
def test_a_batch_without_any_class_teaches_that_nothing_is_there(build: Any, outputs: int) -> None:
    head = build()
    losses = head.loss(features(), samples(*torch.full((2, 32, 32), 255)), {})
    assert losses['loss_mask'] == losses['loss_dice'] == 0 < losses['loss_cls']
    sum(losses.values()).backward()  # type: ignore[union-attr]
    assert all(parameter.grad is not None for parameter in head.parameters())


@HEADS
def test_predictions_have_the_size_of_the_padded_image_or_of_a_window(build: Any, outputs: int) -> None:
    head = build(train_cfg=None).eval()
    meta = {'img_shape': (60, 50), 'pad_shape': (64, 64)}
    scores = head.predict(features(), [meta, meta], {})
    assert scores.shape == (2, CLASSES, 64, 64) and scores.min() >= 0
    window = {**meta, 'img_shape': torch.Size((32, 48))}
    assert head.predict(features(), [window, window], {}).shape[2:] == (32, 48)


@HEADS
def test_a_wrong_number_of_class_weights_is_named(build: Any, outputs: int) -> None:
    with pytest.raises(ConfigError, match='num_classes \\+ 1 = 4'):
        build(loss_cls={'type': 'mmdet.CrossEntropyLoss', 'class_weight': [1.0] * CLASSES})


def test_a_model_learns_masks() -> None:
    """Both classes of a picture are found after a few steps on it."""
    head = mask2former()
    head.init_weights()
    label = torch.zeros(1, 32, 32, dtype=torch.int64)
    label[:, :, 16:] = 1
    x = features(batch=1)
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        sum(head.loss(x, samples(*label), {}).values()).backward()  # type: ignore[union-attr]
        optimizer.step()
    with torch.no_grad():
        scores = head.predict(x, [{'img_shape': (32, 32), 'pad_shape': (32, 32)}], {})
    assert (scores.argmax(1) == label).float().mean() > 0.95


def test_queries_do_not_see_padding() -> None:
    head = maskformer().eval()
    x = features(batch=1, side=32)  # the last feature is 4x4, of an image of 128x128
    shape = {'img_shape': (64, 100), 'pad_shape': (128, 128)}
    changed = [feature.clone() for feature in x]
    head.pixel_decoder.forward = lambda feats, metas: (x[0][:, :1].expand(-1, DIMS, -1, -1), feats[-1])
    changed[-1][:, :, 2:] += 5
    logits = [head(feats, [SegDataSample(metainfo=shape)])[0] for feats in (x, changed)]
    torch.testing.assert_close(logits[0], logits[1])
    changed[-1][:, :, :, 3] += 5  # the last column is of the image in its first pixels
    assert not torch.allclose(logits[0], head(changed, [SegDataSample(metainfo=shape)])[0])


def test_queries_look_where_their_mask_is_or_everywhere() -> None:
    head = mask2former()
    head.mask_embed = nn.Identity()
    head.transformer_decoder.post_norm = nn.Identity()
    query = torch.eye(DIMS)[:2][None]
    mask_feature = torch.full((1, DIMS, 2, 2), -1.0)
    mask_feature[0, 0, 0] = 1.0
    _, masks, hidden = head._forward_head(query, mask_feature, (2, 2))
    assert hidden.shape == (2, 2, 4)  # heads
    assert hidden[:, 0].tolist() == [[False, False, True, True]] * 2
    assert not hidden[:, 1].any()
    assert masks[0, 0].tolist() == [[1, 1], [-1, -1]]


def test_parts_have_the_names_of_mmdet() -> None:
    assert isinstance(maskformer().pixel_decoder, PixelDecoder)
    head = mask2former()
    assert isinstance(head.pixel_decoder, MSDeformAttnPixelDecoder)
    assert isinstance(head.assigner, MaskHungarianAssigner) and isinstance(head.sampler, MaskPseudoSampler)
    assert isinstance(head.loss_cls, MaskCrossEntropyLoss) and isinstance(head.loss_dice, MaskDiceLoss)
    assert isinstance(maskformer().loss_mask, MaskFocalLoss)
    assert TASK_UTILS.get('HungarianAssigner') is HungarianAssigner


def test_the_projection_is_made_when_needed() -> None:
    assert isinstance(maskformer().decoder_input_proj, nn.Conv2d)
    same = maskformer(in_channels=[4, 6, 8, DIMS])
    assert isinstance(same.decoder_input_proj, nn.Identity)
    enforced = maskformer(in_channels=[4, 6, 8, DIMS], enforce_decoder_input_project=True)
    assert isinstance(enforced.decoder_input_proj, nn.Conv2d)
    assert isinstance(mask2former(enforce_decoder_input_project=True).decoder_input_projs[0], nn.Conv2d)


# ------------------------------------------------------------------ matching


def instances(labels: list[int], masks: Tensor) -> InstanceData:
    return InstanceData(labels=torch.tensor(labels, dtype=torch.int64), masks=masks)


@given(rows=st.integers(1, 5), columns=st.integers(1, 5), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_no_other_assignment_is_cheaper(rows: int, columns: int, seed: int) -> None:
    table = torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed))

    class Table:
        def __call__(self, **kwargs: Any) -> Tensor:
            return table

    assigner = HungarianAssigner([Table()])
    pred = InstanceData(scores=torch.zeros(rows, 2))
    found, targets = assigner.assign(pred, instances([0] * columns, torch.zeros(columns, 2)))
    assert found.tolist() == sorted(set(found.tolist())) and len(set(targets.tolist())) == min(rows, columns)
    wide = table if rows <= columns else table.T
    best = min(
        sum(wide[i, j].item() for i, j in enumerate(order))
        for order in itertools.permutations(range(wide.shape[1]), wide.shape[0])
    )
    assert table[found, targets].sum().item() == pytest.approx(best, rel=1e-5)


def test_the_sampler_tells_taken_queries_from_others() -> None:
    logits = torch.tensor([[9.0, -9], [-9, 9], [9, 9]])
    pred = InstanceData(scores=torch.zeros(3, 3), masks=logits)
    truth = instances([2, 1], torch.tensor([[0, 1], [1, 0]]))
    assigned = MaskHungarianAssigner([CrossEntropyLossCost()]).assign(pred, truth)
    assert assigned.gt_inds.tolist() == [2, 1, 0] and assigned.labels.tolist() == [1, 2, -1] and assigned.num_gts == 2
    result = MaskPseudoSampler().sample(assigned, pred, truth)
    assert result.pos_inds.tolist() == [0, 1] and result.neg_inds.tolist() == [2] and result.avg_factor == 2
    assert result.pos_assigned_gt_inds.tolist() == [1, 0] and result.pos_gt_masks.tolist() == [[1, 0], [0, 1]]


def test_without_instances_nothing_is_assigned() -> None:
    pred = InstanceData(scores=torch.zeros(3, 3), masks=torch.zeros(3, 2))
    none = instances([], torch.zeros(0, 2))
    assigned = MaskHungarianAssigner([DiceCost()]).assign(pred, none)
    assert assigned.gt_inds.tolist() == [0, 0, 0]
    assert MaskPseudoSampler().sample(assigned, pred, none).avg_factor == 1


def test_costs_are_losses_of_each_pair() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(4, 3, generator=generator)
    masks = torch.randn(4, 2, 3, generator=generator)
    truth = instances([2, 0], (torch.rand(2, 2, 3, generator=generator) > 0.5).long())
    pred = InstanceData(scores=scores, masks=masks)
    found = {
        'class': ClassificationCost(weight=2.0)(pred, truth),
        'bce': CrossEntropyLossCost(weight=5.0)(pred, truth),
        'focal': FocalLossCost(binary_input=True)(pred, truth),
        'focal_class': FocalLossCost()(pred, truth),
        'dice': DiceCost(pred_act=True, eps=1.0)(pred, truth),
        'squares': DiceCost(pred_act=True, naive_dice=False)(pred, truth),
    }
    for q, g in itertools.product(range(4), range(2)):
        logits, target = masks[q].flatten(), truth['masks'][g].flatten().float()
        probs = logits.sigmoid()
        overlap = 2 * (probs * target).sum()
        squares = probs.square().sum() + target.square().sum() + 1e-3
        label = int(truth['labels'][g])
        one_hot = F.one_hot(torch.tensor(label), 3).float()
        per_class = MaskFocalLoss(reduction='none')(scores[q : q + 1], one_hot[None])[0]
        nothing = MaskFocalLoss(reduction='none')(scores[q : q + 1], torch.zeros(1, 3))[0]
        expected = {
            'class': -2 * scores[q].softmax(0)[label],
            'bce': 5 * F.binary_cross_entropy_with_logits(logits, target),
            'focal': MaskFocalLoss()(logits[:, None], target[:, None]),
            'focal_class': (per_class - nothing)[label],
            'dice': 1 - (overlap + 1) / (probs.sum() + target.sum() + 1),
            'squares': 1 - (overlap + 1e-3) / squares,
        }
        for name, value in expected.items():
            assert found[name][q, g].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-6), name


def test_what_goes_wrong_in_matching_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    pred = InstanceData(scores=torch.full((3, 3), float('nan')))
    truth = instances([1], torch.zeros(1, 2))
    with pytest.raises(DataError, match='not finite'):
        HungarianAssigner([ClassificationCost()]).assign(pred, truth)
    with pytest.raises(ConfigError, match='match_costs'):
        HungarianAssigner([])
    with pytest.raises(ConfigError, match='use_sigmoid'):
        CrossEntropyLossCost(use_sigmoid=False)
    monkeypatch.setitem(sys.modules, 'scipy.optimize', None)
    with pytest.raises(MissingDependencyError, match=r'mmnext\[mask\]'):
        HungarianAssigner([ClassificationCost()]).assign(pred, truth)


# ------------------------------------------------------------------ parts


def test_positions_are_encoded_by_sines() -> None:
    encode = SinePositionalEncoding(4, normalize=True, eps=0.0)
    mask = torch.zeros(1, 3, 5, dtype=torch.bool)
    mask[:, :, 4] = True  # padding
    out = encode(mask)
    assert out.shape == (1, 8, 3, 5)
    y, x = 2 / 3 * 2 * math.pi, 3 / 4 * 2 * math.pi
    expected = [math.sin(y), math.cos(y), math.sin(y / 100), math.cos(y / 100)]
    expected += [math.sin(x), math.cos(x), math.sin(x / 100), math.cos(x / 100)]
    assert out[0, :, 1, 2].tolist() == pytest.approx(expected, abs=1e-6)


def test_points_are_drawn_where_a_mask_is_uncertain() -> None:
    torch.manual_seed(0)
    logits = torch.full((2, 1, 32, 32), 9.0)
    logits[:, :, :, :8] = 0.0
    points = get_uncertain_point_coords_with_randomness(logits, None, 100, 3.0, 0.75)
    assert points.shape == (2, 100, 2) and points.min() >= 0 and points.max() <= 1
    # A quarter of 300 candidates lie there, the 75 chosen ones, but for those at the edge.
    assert (points[:, :75, 0] < 0.3).float().mean() > 0.9
    assert get_uncertain_point_coords_with_randomness(logits, None, 10, 1.0, 1.0).shape == (2, 10, 2)
    with pytest.raises(ValueError, match='importance_sample_ratio'):
        get_uncertain_point_coords_with_randomness(logits, None, 10, 3.0, 1.5)


def test_masks_of_a_label_map() -> None:
    label = torch.tensor([[0, 0, 255], [4, 4, 0]])
    (found,) = masks_of_classes(samples(label), ignore_index=255)
    assert found['labels'].tolist() == [0, 4]
    assert found['masks'].tolist() == [[[1, 1, 0], [0, 0, 1]], [[0, 0, 0], [1, 1, 0]]]


def test_scores_are_masks_times_probabilities() -> None:
    cls, masks = torch.randn(1, 2, 3), torch.randn(1, 2, 4, 4)
    out = semantic_inference(cls, masks, (4, 4))
    probs = cls.softmax(-1)[0, :, :2]
    expected = sum(probs[q, :, None, None] * masks[0, q].sigmoid() for q in range(2))
    torch.testing.assert_close(out[0], expected)


def test_pyramids_put_out_the_given_widths() -> None:
    mask, memory = PixelDecoder(CHANNELS, 8, 12, norm_cfg=GN)(features())
    assert mask.shape == (2, 12, 16, 16) and memory.shape == (2, 10, 2, 2)
    decoder = mask2former().pixel_decoder
    mask, maps = decoder(features())
    assert mask.shape == (2, DIMS, 16, 16)
    assert [tuple(one.shape[1:]) for one in maps] == [(DIMS, 2, 2), (DIMS, 4, 4), (DIMS, 8, 8)]


def test_losses_of_instances() -> None:
    logits, target = torch.randn(3, 5), (torch.rand(3, 5) > 0.5).float()
    probs = logits.sigmoid()
    dice = 1 - (2 * (probs * target).sum(1) + 1) / (probs.sum(1) + target.sum(1) + 1)
    torch.testing.assert_close(MaskDiceLoss(naive_dice=True, eps=1.0)(logits, target, avg_factor=4), dice.sum() / 4)
    labels = torch.tensor([0, 5, 2])  # 5 is the background
    one_hot = F.one_hot(labels, 6)[:, :5].float()
    torch.testing.assert_close(MaskFocalLoss()(logits, labels), MaskFocalLoss()(logits, one_hot))
    weight = [1.0, 2.0, 1.0, 1.0, 0.5]
    label = torch.tensor([0, 1, 4])
    expected = F.cross_entropy(logits, label, weight=torch.tensor(weight))
    found = MaskCrossEntropyLoss(class_weight=weight)(logits, label, torch.ones(3), avg_factor=torch.tensor(3.5))
    torch.testing.assert_close(found, expected)
    ignored = MaskCrossEntropyLoss(ignore_index=1, reduction='sum')(logits, label)
    torch.testing.assert_close(ignored, F.cross_entropy(logits[[0, 2]], label[[0, 2]], reduction='sum'))
    for bad in (lambda: MaskFocalLoss(use_sigmoid=False), lambda: MaskDiceLoss(use_sigmoid=False)):
        with pytest.raises(ConfigError):
            bad()

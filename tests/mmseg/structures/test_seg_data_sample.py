from __future__ import annotations

import pickle
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.structures import PixelData
from mmseg.models.losses import CrossEntropyLoss
from mmseg.structures import BasePixelSampler, OHEMPixelSampler, SegDataSample, build_pixel_sampler


def test_fields_are_pixel_data() -> None:
    sample = SegDataSample(metainfo={'img_path': 'a.png'})
    for name in ('gt_sem_seg', 'pred_sem_seg', 'seg_logits'):
        with pytest.raises(TypeError, match=f'{name} should be a PixelData'):
            setattr(sample, name, torch.zeros(2, 2))
        setattr(sample, name, PixelData(data=torch.zeros(2, 2)))
    assert sample.keys() == ['gt_sem_seg', 'pred_sem_seg', 'seg_logits']
    sample.set_data({'gt_edge_map': PixelData(data=torch.zeros(2, 2))})
    sample.set_field(PixelData(data=torch.zeros(2, 2)), 'gt_depth_map')
    assert 'gt_edge_map' in sample and sample.gt_edge_map.data.shape == (1, 2, 2) and 'gt_depth_map' in sample
    for name in ('gt_sem_seg', 'pred_sem_seg', 'seg_logits'):
        delattr(sample, name)
        assert name not in sample
    assert pickle.loads(pickle.dumps(sample)).img_path == 'a.png'


def logits_and_labels(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 5, 6, 7, generator=g) * 3
    label = torch.randint(0, 5, (2, 1, 6, 7), generator=g)
    label[torch.rand(2, 1, 6, 7, generator=g) < 0.2] = 255
    return logits, label


def sampler(**kwargs: float) -> OHEMPixelSampler:
    context = SimpleNamespace(ignore_index=255, loss_decode=CrossEntropyLoss())
    made = build_pixel_sampler({'type': 'OHEMPixelSampler', **kwargs}, context=context)
    assert isinstance(made, OHEMPixelSampler) and isinstance(made, BasePixelSampler)
    return made


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 60), st.sampled_from([1e-6, 0.2, 0.7]))
def test_keeps_what_is_below_the_threshold_and_at_least_so_many(seed: int, kept: int, thresh: float) -> None:
    logits, label = logits_and_labels(seed)
    weight = sampler(thresh=thresh, min_kept=kept).sample(logits, label)
    valid = (label != 255)[:, 0]
    prob = logits.softmax(1).gather(1, label.where(label != 255, 0))[:, 0]
    ordered = prob[valid].sort().values
    border = max(float(ordered[min(kept * 2, len(ordered) - 1)]), thresh)
    assert torch.equal(weight.bool(), valid & (prob < torch.tensor(border)))
    assert set(weight.unique().tolist()) <= {0.0, 1.0} and weight.shape == (2, 6, 7)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 60))
def test_keeps_the_largest_losses(seed: int, kept: int) -> None:
    logits, label = logits_and_labels(seed)
    weight = sampler(min_kept=kept).sample(logits, label).bool()
    valid = (label != 255)[:, 0]
    loss = torch.nn.functional.cross_entropy(logits, label[:, 0], ignore_index=255, reduction='none')
    assert weight.sum() == min(kept * 2, int(valid.sum())) and not weight[~valid].any()
    assert loss[weight].min() >= loss[valid & ~weight].max() if (valid & ~weight).any() else True


def test_nothing_to_choose_from() -> None:
    logits, label = logits_and_labels(0)
    for kwargs in ({'thresh': 0.5, 'min_kept': 5}, {'min_kept': 5}):
        assert sampler(**kwargs).sample(logits, torch.full_like(label, 255)).sum() == 0
    with pytest.raises(ValueError, match='min_kept'):
        sampler(min_kept=1)

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.utils.errors import ConfigError, DataError
from mmseg.models.losses import (
    BoundaryLoss,
    CrossEntropyLoss,
    DiceLoss,
    FocalLoss,
    LovaszLoss,
    OhemCrossEntropy,
    TverskyLoss,
    accuracy,
    weight_reduce_loss,
    weighted_loss,
)
from mmseg.models.losses.utils import get_class_weight
from mmseg.registry import MODELS

NAMES = ['CrossEntropyLoss', 'DiceLoss', 'FocalLoss', 'LovaszLoss', 'TverskyLoss']
WEIGHTS = [0.5, 1.0, 2.0, 1.5]


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(2, 4, 6, 7, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels() -> torch.Tensor:
    label = torch.randint(0, 4, (2, 6, 7), generator=torch.Generator().manual_seed(1))
    label[:, :2] = 255
    return label


@pytest.mark.parametrize('name', NAMES)
def test_every_loss_ignores_pixels_of_the_ignore_index(name: str, logits: Any, labels: Any) -> None:
    # Dice sums the squared probabilities of all pixels; elsewhere what stands at ignored pixels must not matter.
    loss = MODELS.build({'type': name})
    logits.requires_grad_()
    value = loss(logits, labels, ignore_index=255)
    assert value.shape == () and value.isfinite()
    value.backward()
    ignored = logits.grad[:, :, :2]
    assert name == 'DiceLoss' or not ignored.any()
    assert logits.grad[:, :, 2:].any()


@pytest.mark.parametrize('name', [name for name in NAMES if name != 'LovaszLoss'])  # it compares labels
@pytest.mark.parametrize('label', [4, 254, -1])
def test_a_label_that_is_no_class_is_named(name: str, label: int, logits: Any, labels: Any) -> None:
    labels[0, 3, 3] = label
    with pytest.raises(DataError, match=rf'\[{label}\].*num_classes=4.*0\.\.3'):
        MODELS.build({'type': name})(logits, labels, ignore_index=255)


@pytest.mark.parametrize('name', NAMES)
def test_loss_name_and_weight(name: str, logits: Any, labels: Any) -> None:
    plain = MODELS.build({'type': name})
    named = MODELS.build({'type': name, 'loss_weight': 0.25, 'loss_name': 'loss_x'})
    assert named.loss_name == 'loss_x' and plain.loss_name.startswith('loss_')
    ratio = named(logits, labels, ignore_index=255) / plain(logits, labels, ignore_index=255)
    assert ratio.item() == pytest.approx(0.25)


@pytest.mark.parametrize('name', ['CrossEntropyLoss', 'FocalLoss', 'LovaszLoss', 'TverskyLoss', 'OhemCrossEntropy'])
def test_class_weights_are_no_state(name: str) -> None:
    loss = MODELS.build({'type': name, 'class_weight': WEIGHTS})
    assert not loss.state_dict()
    assert list(loss.class_weight) == WEIGHTS


class TestCrossEntropy:
    def test_weighted_mean_over_valid_pixels(self, logits: Any, labels: Any) -> None:
        loss = CrossEntropyLoss(class_weight=WEIGHTS, avg_non_ignore=True)
        # PyTorch's own weighted mean divides by the weights of the valid pixels.
        expected = F.cross_entropy(logits, labels, torch.tensor(WEIGHTS), ignore_index=255)
        torch.testing.assert_close(loss(logits, labels, ignore_index=255), expected)

    def test_weighted_mean_counts_an_ignored_pixel_as_one(self, logits: Any, labels: Any) -> None:
        total = F.cross_entropy(logits, labels, torch.tensor(WEIGHTS), ignore_index=255, reduction='sum')
        valid = labels[labels != 255]
        divisor = torch.tensor(WEIGHTS)[valid].sum() + (labels == 255).sum()
        actual = CrossEntropyLoss(class_weight=WEIGHTS)(logits, labels, ignore_index=255)
        torch.testing.assert_close(actual, total / divisor)

    @pytest.mark.parametrize('avg_non_ignore', [False, True])
    @pytest.mark.parametrize('use_sigmoid', [False, True])
    def test_class_weights_of_one_change_nothing(
        self, logits: Any, labels: Any, avg_non_ignore: bool, use_sigmoid: bool
    ) -> None:
        arguments = {'avg_non_ignore': avg_non_ignore, 'use_sigmoid': use_sigmoid}
        plain = CrossEntropyLoss(**arguments)(logits, labels, ignore_index=255)
        weighted = CrossEntropyLoss(class_weight=[1.0] * 4, **arguments)(logits, labels, ignore_index=255)
        torch.testing.assert_close(plain, weighted)

    @settings(deadline=None, max_examples=30)
    @given(st.integers(0, 42), st.booleans(), st.booleans())
    def test_ignored_pixels_change_the_mean_only_by_their_number(
        self, ignored: int, use_sigmoid: bool, weighted: bool
    ) -> None:
        generator = torch.Generator().manual_seed(ignored)
        scores = torch.randn(1, 4, 43, generator=generator)[..., None]
        label = torch.randint(0, 4, (1, 43, 1), generator=generator)
        label[:, :ignored] = 255
        loss = CrossEntropyLoss(
            use_sigmoid=use_sigmoid, class_weight=WEIGHTS if weighted else None, avg_non_ignore=True
        )
        whole = loss(scores, label, ignore_index=255)
        cut = loss(scores[:, :, ignored:], label[:, ignored:], ignore_index=255)
        torch.testing.assert_close(whole, cut)

    def test_nothing_valid_is_zero(self, logits: Any, labels: Any) -> None:
        labels[:] = 255
        for use_sigmoid in (False, True):
            loss = CrossEntropyLoss(use_sigmoid=use_sigmoid, avg_non_ignore=True)
            assert loss(logits, labels, ignore_index=255) == 0

    def test_sigmoid_against_one_hot(self, logits: Any, labels: Any) -> None:
        valid = (labels != 255)[:, None]
        onehot = F.one_hot(labels.masked_fill(labels == 255, 0), 4).permute(0, 3, 1, 2).float()
        expected = (F.binary_cross_entropy_with_logits(logits, onehot, reduction='none') * valid).mean()
        torch.testing.assert_close(CrossEntropyLoss(use_sigmoid=True)(logits, labels, ignore_index=255), expected)

    def test_one_channel_is_label_one(self) -> None:
        scores, label = torch.tensor([[[[3.0, -2.0]]]]), torch.tensor([[[1, 0]]])
        expected = (math.log1p(math.exp(-3)) + math.log1p(math.exp(-2))) / 2
        assert CrossEntropyLoss(use_sigmoid=True)(scores, label).item() == pytest.approx(expected)
        with pytest.raises(DataError, match=r'\[2\] are no class'):
            CrossEntropyLoss(use_sigmoid=True)(scores, label * 2)

    def test_pixel_weights_and_reductions(self, logits: Any, labels: Any) -> None:
        weight = torch.rand(2, 6, 7, generator=torch.Generator().manual_seed(2))
        plain = F.cross_entropy(logits, labels, ignore_index=255, reduction='none')
        loss = CrossEntropyLoss()
        torch.testing.assert_close(
            loss(logits, labels, weight, ignore_index=255, reduction_override='none'), plain * weight
        )
        actual = loss(logits, labels, weight, avg_factor=7, ignore_index=255)
        torch.testing.assert_close(actual, (plain * weight).sum() / 7)

    def test_masks_of_instances(self) -> None:
        scores = torch.tensor([[[[4.0]], [[-1.0]]], [[[0.0]], [[2.0]]]])
        masks, classes = torch.tensor([[[1.0]], [[0.0]]]), torch.tensor([0, 1])
        loss = CrossEntropyLoss(use_mask=True)(scores, masks, classes, ignore_index=None)
        expected = (math.log1p(math.exp(-4)) + math.log1p(math.exp(2))) / 2
        assert loss.shape == (1,) and loss.item() == pytest.approx(expected)

    def test_sigmoid_and_mask_exclude_each_other(self) -> None:
        with pytest.raises(ConfigError, match='exclude'):
            CrossEntropyLoss(use_sigmoid=True, use_mask=True)


def test_class_weights_from_files(tmp_path: Any) -> None:
    np.save(tmp_path / 'weights.npy', WEIGHTS)
    (tmp_path / 'weights.json').write_text(str(WEIGHTS))
    for name in ('weights.npy', 'weights.json'):
        assert list(get_class_weight(str(tmp_path / name))) == WEIGHTS
    assert get_class_weight(None) is None
    assert list(CrossEntropyLoss(class_weight=str(tmp_path / 'weights.npy')).class_weight) == WEIGHTS


class TestDice:
    @pytest.mark.parametrize('naive', [False, True])
    def test_perfect_and_empty(self, naive: bool) -> None:
        label = torch.tensor([[[0, 1], [1, 0]]])
        onehot = F.one_hot(label, 2).permute(0, 3, 1, 2)
        loss = DiceLoss(activate=False, naive_dice=naive)
        assert loss(onehot.float(), label).item() == pytest.approx(0, abs=1e-3)
        assert loss(1 - onehot.float(), label).item() == pytest.approx(1, abs=1e-3)

    def test_formula(self, logits: Any, labels: Any) -> None:
        probs = logits.softmax(1).flatten(1)
        valid = (labels != 255)[:, None]
        target = (F.one_hot(labels.masked_fill(labels == 255, 0), 4).permute(0, 3, 1, 2) * valid).flatten(1)
        score = 2 * (probs * target).sum(1) / ((probs**2).sum(1) + (target**2).sum(1) + 2e-3)
        torch.testing.assert_close(DiceLoss(use_sigmoid=False)(logits, labels), (1 - score).mean())

    def test_one_channel_is_the_foreground(self) -> None:
        label = torch.tensor([[[0, 1], [1, 0]]])
        assert DiceLoss(activate=False)(label[:, None].float(), label).item() == pytest.approx(0, abs=1e-3)

    def test_a_class_can_be_left_out(self, logits: Any, labels: Any) -> None:
        loss = DiceLoss(ignore_index=0)
        other = logits.clone()
        other[:, 0] += 5
        torch.testing.assert_close(loss(logits, labels), loss(other, labels))


class TestFocal:
    def test_without_focus_it_is_half_the_cross_entropy(self, logits: Any, labels: Any) -> None:
        focal = FocalLoss(gamma=0.0, alpha=0.5)(logits, labels)
        plain = CrossEntropyLoss(use_sigmoid=True)(logits, labels, ignore_index=255)
        torch.testing.assert_close(focal, plain / 2)

    def test_formula_with_weights_of_classes(self, logits: Any, labels: Any) -> None:
        alpha = [0.1, 0.2, 0.3, 0.4]
        target = F.one_hot(labels.masked_fill(labels == 255, 0), 4).movedim(-1, 1)
        prob = logits.sigmoid()
        hit = torch.where(target == 1, prob, 1 - prob)
        a = torch.tensor(alpha).view(4, 1, 1)
        share = torch.where(target == 1, a, 1 - a) * torch.tensor(WEIGHTS).view(4, 1, 1)
        expected = (-share * (1 - hit) ** 2 * hit.log() * (labels != 255)[:, None]).mean()
        torch.testing.assert_close(FocalLoss(alpha=alpha, class_weight=WEIGHTS)(logits, labels), expected)

    def test_only_with_sigmoid(self) -> None:
        with pytest.raises(ConfigError, match='sigmoid'):
            FocalLoss(use_sigmoid=False)


class TestLovasz:
    def test_of_hard_predictions_is_one_minus_jaccard(self, labels: Any) -> None:
        # On the corners of the cube the Lovász extension is the Jaccard loss itself.
        pred = torch.randint(0, 4, labels.shape, generator=torch.Generator().manual_seed(3))
        scores = F.one_hot(pred, 4).movedim(-1, 1) * 1000.0
        valid = labels != 255
        jaccard = [
            ((pred == c) & (labels == c)).sum() / (((pred == c) & valid) | (labels == c)).sum() for c in range(4)
        ]
        actual = LovaszLoss()(scores, labels, ignore_index=255)
        torch.testing.assert_close(actual, 1 - torch.stack(jaccard).mean())

    @pytest.mark.parametrize('kind', ['multi_class', 'binary'])
    def test_ignored_pixels_are_as_if_cut_out(self, kind: str) -> None:
        generator = torch.Generator().manual_seed(4)
        scores = torch.randn(1, 2 if kind == 'multi_class' else 1, 1, 20, generator=generator)
        label = torch.randint(0, 2, (1, 1, 20), generator=generator)
        label[..., 12:] = 255
        loss = LovaszLoss(loss_type=kind)
        whole = loss(scores, label, ignore_index=255)
        torch.testing.assert_close(whole, loss(scores[..., :12], label[..., :12], ignore_index=255))

    def test_per_image_is_the_mean_over_images(self, logits: Any, labels: Any) -> None:
        one = LovaszLoss()
        alone = torch.stack([one(logits[i : i + 1], labels[i : i + 1], ignore_index=255) for i in range(2)])
        actual = LovaszLoss(per_image=True)(logits, labels, ignore_index=255)
        torch.testing.assert_close(actual, alone.mean())


def test_tversky_with_equal_halves_is_dice() -> None:
    scores = torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(5))
    label = torch.randint(0, 3, (1, 5, 5), generator=torch.Generator().manual_seed(6))
    probs, truth = scores.softmax(1).flatten(2), F.one_hot(label, 3).movedim(-1, 1).flatten(2)
    hit = (probs * truth).sum(2)
    dice = (2 * hit + 2) / (probs.sum(2) + truth.sum(2) + 2)
    actual = TverskyLoss(alpha=0.5, beta=0.5)(scores, label)
    torch.testing.assert_close(actual, (1 - dice).mean())
    with pytest.raises(ConfigError, match='sum to 1'):
        TverskyLoss(alpha=0.5, beta=0.7)


def test_ohem_keeps_the_hard_pixels(logits: Any, labels: Any) -> None:
    valid = labels != 255
    prob = logits.softmax(1).gather(1, labels.masked_fill(~valid, 0)[:, None])[:, 0]
    entropy = F.cross_entropy(logits, labels, ignore_index=255, reduction='none')
    below = valid & (prob < 0.2)
    assert 3 < below.sum() < valid.sum()
    actual = OhemCrossEntropy(thres=0.2, min_kept=3)(logits, labels)
    torch.testing.assert_close(actual, entropy[below].mean())
    # too few are below the threshold: the hardest are taken
    hardest = entropy[valid].sort(descending=True).values[:5]
    torch.testing.assert_close(OhemCrossEntropy(thres=1e-6, min_kept=5)(logits, labels), hardest.mean())
    assert OhemCrossEntropy()(logits, torch.full_like(labels, 255)) == 0


def test_boundary_loss_balances_both_kinds() -> None:
    truth = torch.zeros(1, 4, 4)
    truth[0, 0, 0] = 1
    # at p = 1/2 each pixel costs log 2, the boundary pixel weighs 15/16, the others 1/16
    expected = 2 * math.log(2) * (15 / 16 + 15 / 16) / 16
    assert BoundaryLoss(2.0)(torch.zeros(1, 1, 4, 4), truth).item() == pytest.approx(expected)


class TestReduction:
    def test_weighted_loss(self) -> None:
        @weighted_loss
        def distance(pred: torch.Tensor, target: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
            return (pred - target).abs() * scale

        pred, target = torch.tensor([1.0, 2.0, 3.0]), torch.zeros(3)
        weight = torch.tensor([1.0, 0.0, 1.0])
        assert distance(pred, target) == 2
        assert distance(pred, target, weight, reduction='sum', scale=2.0) == 8
        assert distance(pred, target, weight, avg_factor=2).item() == pytest.approx(2)
        assert distance(pred, target, reduction='none').tolist() == [1, 2, 3]

    def test_what_does_not_go_together(self) -> None:
        loss = torch.ones(3)
        with pytest.raises(ConfigError, match='avg_factor'):
            weight_reduce_loss(loss, reduction='sum', avg_factor=2)
        with pytest.raises(ConfigError, match="'avg'"):
            weight_reduce_loss(loss, reduction='avg')
        with pytest.raises(ValueError, match='dimensions'):
            weight_reduce_loss(loss, torch.ones(3, 1))


class TestAccuracy:
    scores = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.35, 0.45], [0.6, 0.1, 0.3]])
    label = torch.tensor([1, 1, 2, 255])

    def test_top_k(self) -> None:
        assert accuracy(self.scores[:3], self.label[:3]).item() == pytest.approx(200 / 3)
        first, second = accuracy(self.scores[:3], self.label[:3], topk=(1, 2))
        assert first.shape == (1,) and first.item() == pytest.approx(200 / 3)
        assert second.item() == pytest.approx(100)

    def test_ignored_and_unsure_pixels(self) -> None:
        assert accuracy(self.scores, self.label).item() == pytest.approx(50)
        assert accuracy(self.scores, self.label, ignore_index=255).item() == pytest.approx(200 / 3)
        assert accuracy(self.scores[:3], self.label[:3], thresh=0.5).item() == pytest.approx(100 / 3)

    def test_shapes(self) -> None:
        assert accuracy(torch.zeros(0, 3), torch.zeros(0)).item() == 0
        with pytest.raises(ValueError, match='match'):
            accuracy(torch.zeros(2, 3, 4), torch.zeros(2, 5))
        with pytest.raises(ValueError, match='topk'):
            accuracy(torch.zeros(2, 3), torch.zeros(2), topk=4)

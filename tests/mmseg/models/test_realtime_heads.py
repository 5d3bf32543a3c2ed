"""Heads of STDC, DDRNet and PIDNet."""

from typing import Any

import pytest
import torch
from torch import Tensor

from mmengine.structures import PixelData
from mmengine.utils.errors import DataError
from mmseg.models import DDRHead, EncoderDecoder, PIDHead, STDCHead
from mmseg.structures import SegDataSample

CE = {'type': 'CrossEntropyLoss'}
OHEM = {'type': 'OhemCrossEntropy', 'min_kept': 10}
BD = {'type': 'BoundaryLoss'}


def samples(label: Tensor, edges: bool = False) -> list[SegDataSample]:
    """`label (N, 1, H, W)`."""
    out = []
    for data in label:
        sample = SegDataSample(gt_sem_seg=PixelData(data=data))
        if edges:
            sample.gt_edge_map = PixelData(data=(data == 1).to(torch.uint8))
        out.append(sample)
    return out


def labels(side: int = 32) -> Tensor:
    label = torch.randint(0, 3, (2, 1, side, side), generator=torch.Generator().manual_seed(0))
    label[:, :, :2] = 255
    return label


def reaches_all(head: torch.nn.Module, losses: dict[str, Tensor]) -> bool:
    sum(value for name, value in losses.items() if 'loss' in name).backward()  # type: ignore[union-attr]
    return all(p.grad is not None for p in head.parameters() if p.requires_grad)


class TestSTDCHead:
    def head(self, **kwargs: Any) -> STDCHead:
        loss = [{**CE, 'use_sigmoid': True}, {'type': 'DiceLoss', 'loss_name': 'loss_dice'}]
        arguments = {'in_channels': 4, 'in_index': 0, 'channels': 4, 'num_convs': 1, 'concat_input': False}
        return STDCHead(num_classes=2, loss_decode=loss, **{**arguments, **kwargs})

    def test_boundaries(self) -> None:
        label = torch.zeros(1, 1, 32, 32, dtype=torch.long)
        label[..., 16:] = 3
        found = self.head()._boundaries(label)
        assert found.shape == label.shape and found.dtype == torch.long and set(found.unique().tolist()) == {0, 1}
        columns = found[0, 0, 8]
        assert columns[16] == 1 and not columns[4:12].any() and not columns[24:28].any()

    def test_threshold(self) -> None:
        label = labels().clamp(max=2)
        counts = [
            int(self.head(boundary_threshold=threshold)._boundaries(label).sum()) for threshold in (0.1, 0.5, 2.0)
        ]
        assert counts[0] > counts[1] > counts[2] == 0

    def test_losses(self) -> None:
        head = self.head()
        given = samples(labels())
        losses = head.loss([torch.randn(2, 4, 8, 8)], given, {})
        assert set(losses) == {'loss_ce', 'loss_dice', 'acc_seg'}
        assert reaches_all(head, losses)
        assert given[0].gt_sem_seg.data.equal(labels()[0])

    def test_kernels_stand_in_checkpoints_and_do_not_learn(self) -> None:
        head = self.head()
        assert {'laplacian_kernel', 'fusion_kernel'} <= set(head.state_dict())
        assert not head.fusion_kernel.requires_grad


class TestDDRHead:
    def head(self) -> DDRHead:
        loss = [OHEM, {**OHEM, 'loss_weight': 0.4}]
        return DDRHead(8, 4, num_classes=3, loss_decode=loss)

    def test_losses(self) -> None:
        head = self.head()
        losses = head.loss((torch.randn(2, 4, 8, 8), torch.randn(2, 8, 8, 8)), samples(labels()), {})
        assert set(losses) == {'loss_context', 'loss_spatial', 'acc_seg'}
        assert reaches_all(head, losses)

    def test_prediction_takes_the_fused_feature(self) -> None:
        head = self.head().eval()
        logits = head.predict(torch.randn(1, 8, 8, 8), [{'img_shape': (64, 64)}], {})
        assert logits.shape == (1, 3, 64, 64)

    def test_losses_outside_of_training(self) -> None:
        with pytest.raises(ValueError, match=r'model\.train\(\)'):
            self.head().eval().loss(torch.randn(2, 8, 8, 8), samples(labels()), {})

    def test_initial_weights(self) -> None:
        head = DDRHead(8, 512, num_classes=200)
        head.init_weights()
        for conv in (head.conv_seg, head.aux_cls_seg):
            assert conv.weight.std().item() == pytest.approx((2 / 200) ** 0.5, rel=0.05)


class TestPIDHead:
    def head(self, **kwargs: Any) -> PIDHead:
        return PIDHead(8, 4, num_classes=3, **{'loss_decode': [CE, OHEM, BD, OHEM], **kwargs})

    def features(self) -> tuple[Tensor, ...]:
        return tuple(torch.randn(2, channels, 8, 8) for channels in (4, 8, 4))

    def test_losses(self) -> None:
        head = self.head()
        losses = head.loss(self.features(), samples(labels(), edges=True), {})
        assert set(losses) == {'loss_sem_p', 'loss_sem_i', 'loss_bd', 'loss_sem_bd', 'acc_seg'}
        assert reaches_all(head, losses)

    def test_one_loss_looks_at_predicted_boundaries_alone(self) -> None:
        head = self.head(loss_decode=[CE, OHEM, BD, {'type': 'OhemCrossEntropy', 'min_kept': 10**6, 'thres': 1.1}])
        label = labels()
        logits = torch.randn(2, 3, 32, 32)
        nowhere, somewhere = torch.full((2, 1, 32, 32), -9.0), torch.full((2, 1, 32, 32), -9.0)
        somewhere[:, :, 10:20] = 9
        given = samples(label, edges=True)
        assert head.loss_by_feat((logits, logits, nowhere), given)['loss_sem_bd'] == 0
        inside = torch.nn.functional.cross_entropy(logits[:, :, 10:20], label[:, 0, 10:20])
        torch.testing.assert_close(head.loss_by_feat((logits, logits, somewhere), given)['loss_sem_bd'], inside)

    def test_class_weights_with_ignored_pixels(self) -> None:
        head = self.head(loss_decode=[{**CE, 'class_weight': [1.0, 2.0, 3.0]}, OHEM, BD, OHEM])
        assert head.loss(self.features(), samples(labels(), edges=True), {})['loss_sem_p'].isfinite()

    def test_the_edge_map_is_asked_for(self) -> None:
        with pytest.raises(DataError, match='GenerateEdge'):
            self.head().loss(self.features(), samples(labels()), {})

    def test_losses_outside_of_training(self) -> None:
        with pytest.raises(ValueError, match=r'model\.train\(\)'):
            self.head().eval().loss(self.features()[1], samples(labels(), edges=True), {})

    def test_in_a_segmentor(self) -> None:
        model = EncoderDecoder(
            backbone={'type': 'PIDNet', 'channels': 2, 'ppm_channels': 2},
            decode_head={
                'type': 'PIDHead',
                'in_channels': 8,
                'channels': 4,
                'num_classes': 3,
                'loss_decode': [CE, OHEM, BD, OHEM],
            },
        )
        image = torch.randn(2, 3, 64, 64)
        losses = model.loss(image, samples(labels(64), edges=True))
        assert reaches_all(model, losses)
        predicted = model.eval().predict(image)
        assert predicted[0].seg_logits.data.shape == (3, 64, 64)

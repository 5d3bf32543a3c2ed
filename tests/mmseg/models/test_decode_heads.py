from typing import Any

import pytest
import torch
from torch import Tensor

from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError, DataError
from mmseg.models.decode_heads import (
    ASPPHead,
    DepthwiseSeparableASPPHead,
    DepthwiseSeparableFCNHead,
    FCNHead,
    FPNHead,
    PSPHead,
    SegformerHead,
    UPerHead,
)
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.decode_heads.psp_head import PPM
from mmseg.structures import SegDataSample

BN = {'type': 'BN'}


class Plain(BaseDecodeHead):
    def forward(self, inputs: Any) -> Tensor:
        return self.cls_seg(self._transform_inputs(inputs))


def plain(**kwargs: Any) -> Plain:
    torch.manual_seed(0)
    return Plain(**{'in_channels': 4, 'channels': 4, 'num_classes': 3, 'dropout_ratio': 0, **kwargs})


def samples(labels: Tensor, **meta: Any) -> list[SegDataSample]:
    result = []
    for index, label in enumerate(labels):
        one = SegDataSample(metainfo={key: f'{value}{index}' for key, value in meta.items()})
        one.gt_sem_seg = PixelData(data=label[None])
        result.append(one)
    return result


def maps(*channels: int, side: int = 16) -> list[Tensor]:
    return [torch.randn(2, width, side // 2**i, side // 2**i) for i, width in enumerate(channels)]


@pytest.mark.parametrize(
    ('head', 'inputs'),
    [
        (FCNHead(in_channels=8, channels=6, num_classes=5, norm_cfg=BN), maps(3, 8)),
        (FCNHead(num_convs=0, concat_input=False, in_channels=8, channels=8, num_classes=5), maps(3, 8)),
        (FCNHead(num_convs=1, dilation=3, kernel_size=1, in_channels=8, channels=6, num_classes=5), maps(3, 8)),
        (DepthwiseSeparableFCNHead(in_channels=8, channels=6, num_classes=5, norm_cfg=BN), maps(3, 8)),
        (PSPHead(in_channels=8, channels=6, num_classes=5), maps(3, 8)),
        (ASPPHead(in_channels=8, channels=6, num_classes=5, dilations=(1, 2)), maps(3, 8)),
        (
            DepthwiseSeparableASPPHead(c1_in_channels=3, c1_channels=2, in_channels=8, channels=6, num_classes=5),
            maps(3, 8),
        ),
        (
            DepthwiseSeparableASPPHead(c1_in_channels=0, c1_channels=0, in_channels=8, channels=6, num_classes=5),
            maps(3, 8),
        ),
        (SegformerHead(in_channels=[3, 8], in_index=[0, 1], channels=6, num_classes=5, norm_cfg=BN), maps(3, 8)),
        (UPerHead(in_channels=[3, 8, 4], in_index=[0, 1, 2], channels=6, num_classes=5), maps(3, 8, 4)),
        (
            FPNHead(feature_strides=[4, 8, 16], in_channels=[6] * 3, in_index=[0, 1, 2], channels=6, num_classes=5),
            maps(6, 6, 6),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, torch.nn.Module) else '',
)
def test_every_head_gives_logits_and_gradients(head: Any, inputs: list[Tensor]) -> None:
    used = [x.requires_grad_() for x in inputs]
    out = head.eval()(inputs)
    fine = isinstance(head, SegformerHead | UPerHead | FPNHead) or getattr(head, 'c1_bottleneck', None) is not None
    assert out.shape == (2, 5, *(used[0] if fine else used[-1]).shape[2:])
    out.square().sum().backward()
    grads = [x.grad is not None for x in used]
    assert all(grads) if fine else grads == [False, True]
    assert all(parameter.grad is not None for parameter in head.parameters())


class TestInputs:
    def test_transforms(self) -> None:
        inputs = maps(3, 4)
        assert plain()._transform_inputs(inputs) is inputs[-1]
        selected = plain(in_channels=[3, 4], in_index=[0, 1], input_transform='multiple_select')
        assert [x is y for x, y in zip(selected._transform_inputs(inputs), inputs, strict=True)] == [True, True]
        concat = plain(in_channels=[3, 4], in_index=[0, 1], input_transform='resize_concat', channels=7)
        assert concat.in_channels == 7 and concat._transform_inputs(inputs).shape == (2, 7, 16, 16)

    @pytest.mark.parametrize(
        'wrong',
        [
            {'in_channels': [4]},
            {'in_index': [0]},
            {'input_transform': 'multiple_select'},
            {'input_transform': 'multiple_select', 'in_channels': [4, 4], 'in_index': [0]},
            {'input_transform': 'concat'},
            {'out_channels': 2},
            {'out_channels': 1},
            {'loss_decode': 'CrossEntropyLoss'},
        ],
    )
    def test_what_does_not_go_together(self, wrong: dict) -> None:
        with pytest.raises(ConfigError):
            plain(**wrong)


class TestLoss:
    inputs = [torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))]
    labels = torch.randint(0, 3, (2, 16, 16), generator=torch.Generator().manual_seed(1))

    def test_names(self) -> None:
        ce, dice = {'type': 'CrossEntropyLoss'}, {'type': 'DiceLoss'}
        one = plain(loss_decode=ce).loss(self.inputs, samples(self.labels), {})
        assert one.keys() == {'loss_ce', 'acc_seg'}
        two = plain(loss_decode=[ce, dice, ce]).loss(self.inputs, samples(self.labels), {})
        assert two.keys() == {'loss_ce', 'loss_dice', 'acc_seg'}
        torch.testing.assert_close(two['loss_ce'], 2 * one['loss_ce'])

    def test_ignore_index_reaches_the_loss(self) -> None:
        some = self.labels.clone()
        some[:, :4] = 7
        loss = plain(ignore_index=7).loss(self.inputs, samples(some), {})
        assert loss['loss_ce'].isfinite() and 0 <= loss['acc_seg'] <= 100

    @pytest.mark.parametrize('loss', ['CrossEntropyLoss', 'DiceLoss', 'FocalLoss'])
    def test_a_bad_label_is_named_with_its_file(self, loss: str) -> None:
        bad = self.labels.clone()
        bad[1, 3, 4] = 11
        with pytest.raises(DataError) as caught:
            plain(loss_decode={'type': loss}).loss(self.inputs, samples(bad, seg_map_path='mask', img_path='i'), {})
        message = str(caught.value)
        assert 'mask1: [11]' in message and 'mask0' not in message
        assert 'num_classes=3' in message and 'ignore_index=255' in message

    def test_the_image_is_named_if_the_mask_is_not_known(self) -> None:
        bad = torch.full_like(self.labels, 3)
        with pytest.raises(DataError, match='image0: \\[3\\]\n  image1'):
            plain().loss(self.inputs, samples(bad, img_path='image'), {})

    def test_other_errors_stay(self) -> None:
        with pytest.raises(RuntimeError, match='expected input'):
            plain().loss([torch.zeros(2, 5, 8, 8)], samples(self.labels), {})

    def test_accuracy_of_one_channel_follows_the_threshold(self) -> None:
        head = plain(num_classes=2, out_channels=1, loss_decode={'type': 'CrossEntropyLoss', 'use_sigmoid': True})
        assert head.threshold == 0.3
        logits = torch.tensor([[[[0.2, 0.4], [0.6, 0.1]]]]).logit()
        label = torch.tensor([[[0, 1], [0, 1]]])
        assert head.loss_by_feat(logits, samples(label))['acc_seg'].item() == pytest.approx(50)

    @pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
    def test_half_precision_logits_are_summed_in_full(self, dtype: torch.dtype) -> None:
        logits = torch.zeros(2, 3, 300, 300, dtype=dtype, requires_grad=True)
        loss = plain(loss_decode={'type': 'CrossEntropyLoss', 'reduction': 'sum'})
        value = loss.loss_by_feat(logits, samples(torch.zeros(2, 300, 300, dtype=torch.long)))['loss_ce']
        assert value.item() == pytest.approx(180000 * 1.0986123, rel=1e-4)
        value.backward()
        assert logits.grad is not None and logits.grad.dtype == dtype

    def test_sampler_weighs_pixels(self) -> None:
        head = plain(sampler={'type': 'OHEMPixelSampler', 'thresh': 0.3, 'min_kept': 2})
        weighted = head.loss(self.inputs, samples(self.labels), {})['loss_ce']
        assert weighted < plain().loss(self.inputs, samples(self.labels), {})['loss_ce']


def test_predict_has_the_size_of_the_padded_image() -> None:
    meta = {'img_shape': (10, 12), 'pad_shape': (16, 16, 3)}
    assert plain().predict(maps(4), [meta], {}).shape == (2, 3, 16, 16)
    window = dict(meta, img_shape=torch.Size((8, 4)))  # as sliding inference says it
    assert plain().predict(maps(4), [window], {}).shape == (2, 3, 8, 4)


def test_init_weights_starts_the_classifier_small() -> None:
    head = plain(channels=64, in_channels=64, num_classes=30)
    head.init_weights()
    assert head.conv_seg.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert not head.conv_seg.bias.any()


def test_pyramid_pooling_is_the_mean_over_the_grid() -> None:
    ppm = PPM((1, 2), 3, 3, None, None, None, align_corners=False)
    for pool in ppm:
        torch.nn.init.dirac_(pool[1].conv.weight)
        torch.nn.init.zeros_(pool[1].conv.bias)
    x = torch.randn(1, 3, 4, 4)
    whole, _ = ppm(x)
    torch.testing.assert_close(whole, x.mean((2, 3), keepdim=True).expand(1, 3, 4, 4))


@pytest.mark.parametrize('mode', ['bilinear', 'nearest'])
@pytest.mark.parametrize('norm_cfg', [None, BN])
def test_segformer_fuses_as_if_concatenated(mode: str, norm_cfg: dict | None) -> None:
    head = SegformerHead(
        interpolate_mode=mode, in_channels=[3, 8, 4], in_index=[0, 1, 2], channels=6, num_classes=5, norm_cfg=norm_cfg
    ).eval()
    inputs = maps(3, 8, 4)
    if mode == 'nearest':
        head.align_corners = None  # type: ignore[assignment]
    with torch.no_grad():
        parts = [
            torch.nn.functional.interpolate(conv(x), (16, 16), mode=mode)
            for conv, x in zip(head.convs, inputs, strict=True)
        ]
        expected = head.cls_seg(head.fusion_conv(torch.cat(parts, dim=1)))
        torch.testing.assert_close(head(inputs), expected)

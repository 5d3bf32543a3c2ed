"""Heads of context: attention, encoding, dynamic filters, refinement of points."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError
from mmseg.models import (
    ANNHead,
    APCHead,
    CCHead,
    DAHead,
    DMHead,
    DNLHead,
    EMAHead,
    EncHead,
    FCNHead,
    GCHead,
    ISAHead,
    LightHamHead,
    LRASPPHead,
    NLHead,
    PointHead,
    PSAHead,
)
from mmseg.models.decode_heads.ann_head import PPMConcat
from mmseg.models.decode_heads.da_head import CAM, PAM
from mmseg.models.decode_heads.dm_head import DCM
from mmseg.models.decode_heads.dnl_head import DisentangledNonLocal2d
from mmseg.models.decode_heads.ema_head import EMAModule
from mmseg.models.decode_heads.enc_head import EncModule
from mmseg.models.decode_heads.ham_head import NMF2D
from mmseg.models.decode_heads.point_head import calculate_uncertainty
from mmseg.structures import SegDataSample

BN = {'type': 'BN'}
ONE: dict[str, Any] = {'in_channels': 16, 'channels': 8, 'num_classes': 5, 'in_index': 2, 'norm_cfg': BN}
THREE: dict[str, Any] = {**ONE, 'in_channels': [4, 8, 16], 'in_index': [0, 1, 2]}
TWO: dict[str, Any] = {**ONE, 'in_channels': [8, 16], 'in_index': [1, 2], 'project_channels': 4}
META = [{'img_shape': (24, 32), 'pad_shape': (24, 32)}] * 2


def features(height: int = 9, width: int = 10) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(2, channels, height, width).requires_grad_() for channels in (4, 8, 16)]


def samples(height: int = 24, width: int = 32) -> list[SegDataSample]:
    labels = torch.randint(0, 5, (2, 1, height, width), generator=torch.Generator().manual_seed(1))
    labels[:, :, :2] = 255
    result = []
    for label in labels:
        one = SegDataSample()
        one.gt_sem_seg = PixelData(data=label)
        result.append(one)
    return result


def wake_up(head: nn.Module) -> None:
    """What starts at zero, so that a block starts as the identity, gets a value."""
    with torch.no_grad():
        for parameter in head.parameters():
            if not parameter.any():
                parameter.fill_(0.5)


HEADS: list[tuple[Any, dict]] = [
    (ANNHead, TWO),
    (ANNHead, {**TWO, 'query_scales': (1, 2), 'key_pool_scales': (1, 2), 'dropout_ratio': 0}),
    (APCHead, ONE),
    (APCHead, {**ONE, 'pool_scales': (1, 4), 'fusion': False}),
    (CCHead, ONE),
    (CCHead, {**ONE, 'recurrence': 1, 'concat_input': False}),
    (DAHead, {**ONE, 'pam_channels': 4}),
    (DMHead, ONE),
    (DMHead, {**ONE, 'filter_sizes': (1, 2), 'fusion': True, 'norm_cfg': None}),
    (DNLHead, ONE),
    (DNLHead, {**ONE, 'mode': 'gaussian', 'reduction': 1}),
    (DNLHead, {**ONE, 'mode': 'dot_product'}),
    (DNLHead, {**ONE, 'mode': 'concatenation', 'concat_input': False}),
    (EMAHead, {**ONE, 'ema_channels': 12, 'num_bases': 6, 'num_stages': 2}),
    (EMAHead, {**ONE, 'ema_channels': 12, 'num_bases': 6, 'num_stages': 2, 'concat_input': False}),
    (EncHead, {**THREE, 'num_codes': 4}),
    (EncHead, {**THREE, 'num_codes': 4, 'add_lateral': True, 'use_se_loss': False, 'norm_cfg': None}),
    (GCHead, ONE),
    (GCHead, {**ONE, 'pooling_type': 'avg', 'fusion_types': ('channel_add', 'channel_mul')}),
    (ISAHead, {**ONE, 'isa_channels': 4}),
    (ISAHead, {**ONE, 'isa_channels': 4, 'down_factor': (3, 5)}),
    (LightHamHead, {**THREE, 'ham_channels': 8, 'ham_kwargs': {'MD_R': 4}}),
    (LightHamHead, {**THREE, 'ham_channels': 8, 'ham_kwargs': {'MD_S': 2, 'MD_R': 4, 'rand_init': False}}),
    (NLHead, ONE),
    (NLHead, {**ONE, 'mode': 'gaussian', 'reduction': 1}),
    (PSAHead, {**ONE, 'mask_size': (7, 7)}),
    (PSAHead, {**ONE, 'mask_size': (7, 5), 'psa_type': 'collect', 'shrink_factor': 1}),
    (PSAHead, {**ONE, 'mask_size': (7, 7), 'psa_type': 'distribute', 'psa_softmax': False}),
    (PSAHead, {**ONE, 'mask_size': (4, 5), 'compact': True, 'normalization_factor': None}),
]


@pytest.mark.parametrize(
    ('kind', 'cfg'), HEADS, ids=[f'{index}-{kind.__name__}' for index, (kind, _) in enumerate(HEADS)]
)
def test_losses_reach_all_parameters_and_prediction_has_the_size_of_the_image(kind: Any, cfg: dict) -> None:
    head = kind(**cfg)
    wake_up(head)
    inputs = features()
    losses = head.loss(inputs, samples(), {})
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    without = {
        name for name, parameter in head.named_parameters() if parameter.requires_grad and parameter.grad is None
    }
    assert not without
    outs = []
    for memory in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        outs.append(head.eval().predict([x.contiguous(memory_format=memory) for x in inputs], META, {}))
    assert outs[0].shape == (2, 5, 24, 32)
    torch.testing.assert_close(outs[0], outs[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('kind', [CCHead, DNLHead, GCHead, NLHead])
def test_context_between_convolutions_starts_as_the_identity(kind: Any) -> None:
    head = kind(**ONE).eval()
    assert isinstance(head, FCNHead)
    plain = FCNHead(**ONE).eval()
    plain.load_state_dict(head.state_dict(), strict=False)
    torch.testing.assert_close(head(features()), plain(features()))


def test_pooled_positions_are_means_over_grids() -> None:
    x = torch.randn(2, 3, 6, 6)
    out = PPMConcat((1, 2))(x)
    assert out.shape == (2, 3, 5)
    torch.testing.assert_close(out[..., 0], x.mean((2, 3)))
    torch.testing.assert_close(out[..., 4], x[:, :, 3:, 3:].mean((2, 3)))


class TestDualAttention:
    def test_position_attention_is_a_weighted_mean_of_values(self) -> None:
        pam = PAM(4, 2)
        x = torch.randn(1, 4, 3, 3)
        torch.testing.assert_close(pam(x), x)
        wake_up(pam.gamma)
        q, k = pam.query_project(x).flatten(2)[0], pam.key_project(x).flatten(2)[0]
        expected = pam.value_project(x).flatten(2)[0] @ (q.T @ k).softmax(-1).T
        torch.testing.assert_close(pam(x), 0.5 * expected.view_as(x) + x)

    def test_channel_attention_prefers_unlike_channels(self) -> None:
        cam = CAM()
        wake_up(cam)
        x = torch.tensor([[[[2.0, 0.0]], [[0.0, 2.0]]]])
        out = (cam(x) - x) / 0.5
        other, own = F.softmax(torch.tensor([4.0, 0.0]), dim=0)
        torch.testing.assert_close(out[0, 0, 0], torch.stack([2 * own, 2 * other]))

    def test_names_of_losses(self) -> None:
        losses = DAHead(**ONE, pam_channels=4).loss(features(), samples(), {})
        assert losses.keys() == {f'{a}.{b}' for a in ('pam_cam', 'pam', 'cam') for b in ('loss_ce', 'acc_seg')}


def test_dynamic_filters_belong_to_their_image() -> None:
    dcm = DCM(3, False, 4, 2, None, None, {'type': 'ReLU'}).eval()
    x = torch.randn(2, 4, 6, 7)
    torch.testing.assert_close(dcm(x), torch.cat([dcm(x[:1]), dcm(x[1:])]))
    filters = dcm.filter_gen_conv(F.adaptive_avg_pool2d(x[1:], 3)).view(2, 1, 3, 3)
    expected = F.conv2d(dcm.input_redu_conv(x[1:]), filters, padding=1, groups=2).relu()
    torch.testing.assert_close(dcm(x)[1:], expected)


def test_disentangled_attention_ignores_a_common_offset_of_queries() -> None:
    block = DisentangledNonLocal2d(4, temperature=0.05, reduction=1)
    wake_up(block)
    x = torch.randn(1, 4, 5, 5)
    before = block(x)
    with torch.no_grad():
        block.theta.conv.bias += 3.0
    torch.testing.assert_close(block(x), before)
    with pytest.raises(TypeError, match='temperature'):
        DisentangledNonLocal2d(4)


class TestExpectationMaximization:
    def test_bases_follow_only_in_training(self) -> None:
        module = EMAModule(6, 3, 2, momentum=0.5)
        before = module.bases.clone()
        torch.testing.assert_close(before.norm(dim=1), torch.ones(1, 3))
        x = torch.randn(2, 6, 4, 4)
        out = module.eval()(x)
        assert out.shape == x.shape and module.bases.equal(before)
        module.train()(x)
        assert not module.bases.equal(before)
        assert module.state_dict().keys() == {'bases'}

    def test_without_momentum_bases_stay(self) -> None:
        module = EMAModule(6, 3, 2, momentum=0.0).train()
        before = module.bases.clone()
        module(torch.randn(2, 6, 4, 4))
        assert module.bases.equal(before)
        with pytest.raises(ConfigError, match='num_stages'):
            EMAModule(6, 3, 0, momentum=0.1)

    def test_the_convolution_that_gets_no_gradient_is_frozen(self) -> None:
        head = EMAHead(**ONE, ema_channels=12, num_bases=6, num_stages=2)
        frozen = {name for name, parameter in head.named_parameters() if not parameter.requires_grad}
        assert frozen == {'ema_mid_conv.conv.weight', 'ema_mid_conv.conv.bias'}


class TestEncoding:
    def test_presence_of_classes(self) -> None:
        label = torch.tensor([[[0, 0], [2, 255]], [[1, 1], [1, 1]]])
        assert EncHead._convert_to_onehot_labels(label, 3).tolist() == [[1, 0, 1], [0, 1, 0]]

    def test_loss_of_the_presence_is_weighted(self) -> None:
        losses = EncHead(**THREE, num_codes=4).loss(features(), samples(), {})
        assert losses.keys() == {'loss_ce', 'acc_seg', 'loss_se'} and losses['loss_se'] < 0.3
        losses = EncHead(**THREE, num_codes=4, use_se_loss=False).loss(features(), samples(), {})
        assert losses.keys() == {'loss_ce', 'acc_seg'}

    @pytest.mark.parametrize(
        ('norm', 'expected'),
        [
            (None, nn.BatchNorm1d),
            ({'type': 'BN2d'}, nn.BatchNorm1d),
            ({'type': 'IN'}, nn.InstanceNorm1d),
            ({'type': 'SyncBN'}, nn.SyncBatchNorm),
        ],
    )
    def test_norm_of_codes(self, norm: dict | None, expected: type) -> None:
        assert type(EncModule(8, 4, None, norm, {'type': 'ReLU'}).encoding[1]) is expected


class TestPointwiseSpatialAttention:
    def test_what_does_not_go_together(self) -> None:
        with pytest.raises(ConfigError, match='collect, distribute'):
            PSAHead(**ONE, mask_size=(3, 3), psa_type='take')
        with pytest.raises(ConfigError, match='20 pixels'):
            PSAHead(**ONE, mask_size=(4, 5), compact=True)(features(12, 12))

    @pytest.mark.parametrize(('side', 'size', 'align'), [(9, (5, 5), True), (8, (4, 4), False)])
    def test_odd_maps_keep_their_corners(self, side: int, size: tuple, align: bool) -> None:
        assert PSAHead(**ONE, mask_size=(3, 3))._shrunk(side, side) == (size, align)

    def test_collect_with_a_full_window_and_no_bias_averages(self) -> None:
        head = PSAHead(**ONE, mask_size=(7, 7), psa_type='collect', shrink_factor=1).eval()
        nn.init.zeros_(head.attention[1].weight)
        x = torch.randn(1, 16, 4, 4)
        out = head._attend(x, head.reduce, head.attention, head.psamask, False)
        expected = head.reduce(x).mean((2, 3), keepdim=True).expand_as(out)
        torch.testing.assert_close(out, expected)


def test_lite_aspp() -> None:
    cfg = {**THREE, 'in_channels': [4, 8, 16], 'branch_channels': (3, 5), 'input_transform': 'multiple_select'}
    head = LRASPPHead(**cfg)
    inputs = [torch.randn(2, channels, side, side) for channels, side in ((4, 100), (8, 70), (16, 50))]
    out = head(inputs)
    assert out.shape == (2, 5, 100, 100)
    out.sum().backward()
    assert all(parameter.grad is not None for parameter in head.parameters())
    assert 'convs.conv1.weight' in head.state_dict() and 'conv_ups.conv_up1.conv.weight' in head.state_dict()
    with pytest.raises(ConfigError, match='multiple_select'):
        LRASPPHead(**ONE)
    with pytest.raises(ConfigError, match='branch_channels'):
        LRASPPHead(**{**cfg, 'branch_channels': (3,)})


class TestMatrixFactorization:
    def test_a_matrix_of_low_rank_is_rebuilt(self) -> None:
        torch.manual_seed(0)
        x = (torch.rand(2, 8, 1) @ torch.rand(2, 1, 30)).view(2, 8, 5, 6)
        out = NMF2D({'MD_R': 1})(x)
        torch.testing.assert_close(out, x, rtol=1e-3, atol=1e-3)

    def test_bases_are_drawn_from_torch(self) -> None:
        x = torch.rand(1, 8, 5, 6)
        ham = NMF2D({'MD_R': 3}).eval()
        outs = []
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            outs.append(ham(x))
        assert outs[0].equal(outs[1]) and not outs[0].equal(outs[2])
        kept = NMF2D({'MD_R': 3, 'rand_init': False}).eval()
        assert kept(x).equal(kept(x)) and kept.bases.shape == (1, 8, 3)

    def test_groups_are_apart(self) -> None:
        ham = NMF2D({'MD_S': 2, 'MD_R': 2, 'rand_init': False}).eval()
        x = torch.rand(1, 8, 4, 4)
        changed = x.clone()
        changed[:, 4:] = torch.rand(1, 4, 4, 4)
        assert ham(x)[:, :4].equal(ham(changed)[:, :4])

    def test_half_precision_is_left_for_the_iterations(self) -> None:
        x = torch.rand(1, 8, 64, 64) * 50
        ham = NMF2D({'MD_R': 3, 'rand_init': False}).eval()
        with torch.autocast('cpu', dtype=torch.bfloat16):
            out = ham(x)
        torch.testing.assert_close(out, ham(x))


class TestPoints:
    train_cfg = {'num_points': 20, 'oversample_ratio': 3, 'importance_sample_ratio': 0.75}
    test_cfg = {'subdivision_steps': 2, 'subdivision_num_points': 40, 'scale_factor': 2}

    def head(self, **kwargs: Any) -> PointHead:
        torch.manual_seed(0)
        return PointHead(**{'in_channels': [4], 'in_index': [0], 'channels': 8, 'num_classes': 5, **kwargs})

    @pytest.mark.parametrize(
        'kwargs',
        [
            {},
            {'num_fcs': 1, 'coarse_pred_each_layer': False, 'dropout_ratio': -1},
            {'in_channels': [4, 8], 'in_index': [0, 1], 'norm_cfg': {'type': 'BN1d'}, 'align_corners': True},
        ],
    )
    def test_training(self, kwargs: dict) -> None:
        head = self.head(**kwargs)
        head.init_weights()
        previous = torch.randn(2, 5, 6, 8, requires_grad=True)
        losses = head.loss(features(), previous, samples(), self.train_cfg)
        assert losses.keys() == {'pointloss_ce', 'acc_point'}
        losses['pointloss_ce'].backward()
        assert all(parameter.grad is not None for parameter in head.parameters())
        assert previous.grad is not None
        assert not any(name.startswith('conv_seg') for name in head.state_dict())

    def test_losses_of_one_name_are_added(self) -> None:
        ce = {'type': 'CrossEntropyLoss'}
        points = torch.rand(2, 20, 2)
        logits = torch.randn(2, 5, 20)
        one = self.head(loss_decode=ce).loss_by_feat(logits, points, samples())
        two = self.head(loss_decode=[ce, ce]).loss_by_feat(logits, points, samples())
        torch.testing.assert_close(two['pointloss_ce'], 2 * one['pointloss_ce'])

    def test_uncertain_points_are_preferred(self) -> None:
        logits = torch.zeros(2, 5, 8, 8)
        logits[:, 0, :, 4:] = 10  # the right half is certain
        points = self.head().get_points_train(logits, calculate_uncertainty, self.train_cfg)
        assert points.shape == (2, 20, 2) and points.min() >= 0 and points.max() <= 1
        assert (points[:, :15, 0] < 0.6).all()
        with pytest.raises(ValueError, match='oversample_ratio'):
            self.head().get_points_train(logits, calculate_uncertainty, {**self.train_cfg, 'oversample_ratio': 0})

    def test_the_most_uncertain_pixels(self) -> None:
        logits = torch.zeros(1, 5, 4, 6)
        logits[:, 0] = 5
        logits[0, 0, 1, 2] = 0
        cfg = {'subdivision_num_points': 1}
        indices, points = self.head().get_points_test(logits, calculate_uncertainty, cfg)
        assert indices.tolist() == [[8]]
        torch.testing.assert_close(points, torch.tensor([[[2.5 / 6, 1.5 / 4]]]))
        indices, _ = self.head().get_points_test(logits, calculate_uncertainty, {'subdivision_num_points': 100})
        assert indices.shape == (1, 24)

    def test_prediction_changes_only_uncertain_pixels(self) -> None:
        head = self.head().eval()
        previous = torch.randn(2, 5, 6, 8)
        kept = previous.clone()
        cfg = {**self.test_cfg, 'subdivision_steps': 1}
        out = head.predict(features(), previous, [{'img_shape': (12, 16), 'pad_shape': (12, 16)}] * 2, cfg)
        plain = F.interpolate(previous, scale_factor=2, mode='bilinear')
        assert out.shape == (2, 5, 12, 16) and previous.equal(kept)
        assert ((out != plain).any(dim=1).flatten(1).sum(dim=1) == 40).all()
        assert head.predict(features(), previous, META, self.test_cfg).shape == (2, 5, 24, 32)

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError
from mmseg.models import CascadeEncoderDecoder, HRNet, OCRHead
from mmseg.models.backbones.hrnet import HRModule
from mmseg.models.backbones.resnet import BasicBlock
from mmseg.models.decode_heads.ocr_head import ObjectAttentionBlock, SpatialGatherModule
from mmseg.structures import SegDataSample

IMAGE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
CHANNELS = [2, 4, 6, 8]


def stages(**changes: Any) -> dict:
    def stage(branches: int, modules: int = 1, block: str = 'BASIC') -> dict:
        return {
            'num_modules': modules,
            'num_branches': branches,
            'block': block,
            'num_blocks': (1,) * branches,
            'num_channels': CHANNELS[:branches],
        }

    return {
        'stage1': stage(1, block='BOTTLENECK'),
        'stage2': stage(2),
        'stage3': stage(3),
        'stage4': stage(4, 2),
        **changes,
    }


def small(**kwargs: Any) -> HRNet:
    return HRNet(stages(), **kwargs)


class TestHRNet:
    def test_outputs(self) -> None:
        outs = small()(IMAGE)
        assert [out.shape for out in outs] == [(2, c, 16 // 2**i, 16 // 2**i) for i, c in enumerate(CHANNELS)]
        sum(out.sum() for out in outs).backward()

    def test_odd_sides_are_rounded_up(self) -> None:
        outs = small().eval()(torch.zeros(1, 3, 50, 70))
        assert [tuple(out.shape[2:]) for out in outs] == [(13, 18), (7, 9), (4, 5), (2, 3)]

    def test_gradients_reach_all_parameters(self) -> None:
        model = small()
        sum(out.square().sum() for out in model(IMAGE)).backward()
        assert [name for name, p in model.named_parameters() if p.grad is None] == []

    def test_every_branch_tells_every_other(self) -> None:
        module = HRModule(3, BasicBlock, (1, 1, 1), [2, 4, 6], (2, 4, 6)).eval()
        inputs = [torch.randn(1, c, 16 // 2**i, 16 // 2**i).requires_grad_() for i, c in enumerate((2, 4, 6))]
        for target in range(3):
            gradients = torch.autograd.grad(module(list(inputs))[target].sum(), inputs)
            assert all(gradient.any() for gradient in gradients)

    def test_only_the_finest_branch(self) -> None:
        model = small(multiscale_output=False)
        outs = model.eval()(IMAGE)
        assert outs[0].shape == (2, 2, 16, 16)
        fused = [len(module.fuse_layers) for name in ('stage2', 'stage3', 'stage4') for module in getattr(model, name)]
        assert fused == [2, 3, 4, 1]

    def test_bottleneck_stages_are_wider(self) -> None:
        extra = stages()
        extra['stage4'] = {**extra['stage4'], 'block': 'BOTTLENECK'}
        outs = HRNet(extra).eval()(IMAGE)
        assert [out.shape[1] for out in outs] == [4 * c for c in CHANNELS]

    @pytest.mark.parametrize(
        ('number', 'frozen'),
        [
            (-1, set()),
            (0, {'conv1', 'bn1', 'conv2', 'bn2'}),
            (2, {'conv1', 'bn1', 'conv2', 'bn2', 'layer1', 'transition1', 'stage2', 'transition2'}),
        ],
    )
    def test_frozen_stages_stay_frozen(self, number: int, frozen: set[str]) -> None:
        model = small(frozen_stages=number).train()
        assert {name.split('.')[0] for name, p in model.named_parameters() if not p.requires_grad} == frozen
        still = {name for name, module in model.named_children() if not module.training}
        assert still == frozen and model.stage4.training

    def test_all_can_be_frozen(self) -> None:
        assert not any(p.requires_grad for p in small(frozen_stages=4).parameters())

    def test_norm_eval(self) -> None:
        model = small(norm_eval=True).train()
        assert not any(m.training for m in model.modules() if isinstance(m, nn.BatchNorm2d))

    def test_checkpointing_gives_the_same_gradients(self) -> None:
        plain, saving = small(), small(with_cp=True)
        saving.load_state_dict(plain.state_dict())
        for model in (plain, saving):
            model(IMAGE)[0].square().sum().backward()
        for one, other in zip(plain.parameters(), saving.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)

    def test_initial_weights(self) -> None:
        model = small(zero_init_residual=True)
        model.init_weights()
        assert not model.layer1[0].norm3.weight.any()
        assert not model.stage3[0].branches[1][0].norm2.weight.any() and model.norm1.weight.eq(1).all()
        model = small()
        model.init_weights()
        assert model.layer1[0].norm3.weight.eq(1).all()
        assert small(pretrained='a.pth').init_cfg == {'type': 'Pretrained', 'checkpoint': 'a.pth'}

    def test_wrong_stages(self) -> None:
        extra = stages()
        del extra['stage3']
        with pytest.raises(ConfigError, match="lacks 'stage3'"):
            HRNet(extra)
        with pytest.raises(ConfigError, match="'BASIC', 'BOTTLENECK'.*'basic'"):
            HRNet(stages(stage1={**stages()['stage1'], 'block': 'basic'}))
        with pytest.raises(ConfigError, match=r'num_blocks \(1,\).*num_branches=2'):
            HRNet(stages(stage2={**stages()['stage2'], 'num_blocks': (1,)}))
        with pytest.raises(ConfigError, match='in_channels.*num_branches=2'):
            HRModule(2, BasicBlock, (1, 1), [2], (2, 4))


class TestOCRHead:
    def test_gathering_is_a_mean_weighed_by_the_logits(self) -> None:
        feats, gather = torch.randn(2, 3, 4, 5), SpatialGatherModule(1)
        even = gather(feats, torch.zeros(2, 6, 4, 5))
        assert even.shape == (2, 3, 6, 1)
        torch.testing.assert_close(even[..., 0], feats.mean((2, 3))[:, :, None].expand(2, 3, 6))
        logits = torch.zeros(2, 6, 4, 5)
        logits[:, 2, 1, 3] = 100
        torch.testing.assert_close(gather(feats, logits)[:, :, 2, 0], feats[:, :, 1, 3])

    def test_scale_pools_the_queries(self) -> None:
        block = ObjectAttentionBlock(4, 2, 2, None, None, {'type': 'ReLU'})
        assert block(torch.randn(1, 4, 9, 8), torch.randn(1, 4, 5, 1)).shape == (1, 4, 9, 8)

    @pytest.mark.parametrize('scale', [1, 2])
    def test_forward(self, scale: int) -> None:
        head = OCRHead(
            in_channels=[2, 4],
            in_index=(0, 1),
            input_transform='resize_concat',
            channels=8,
            ocr_channels=4,
            num_classes=5,
            scale=scale,
            norm_cfg={'type': 'BN'},
        )
        previous = torch.randn(2, 5, 16, 16, requires_grad=True)
        logits = head([torch.randn(2, 2, 16, 16), torch.randn(2, 4, 8, 8)], previous)
        assert logits.shape == (2, 5, 16, 16)
        logits.square().sum().backward()
        assert all(p.grad is not None for p in head.parameters()) and previous.grad is not None

    def test_in_a_cascade(self) -> None:
        shared = {
            'in_channels': CHANNELS,
            'in_index': (0, 1, 2, 3),
            'input_transform': 'resize_concat',
            'num_classes': 3,
        }
        model = CascadeEncoderDecoder(
            2,
            backbone={'type': 'HRNet', 'extra': stages()},
            decode_head=[
                {'type': 'FCNHead', 'channels': 4, 'num_convs': 1, 'concat_input': False, **shared},
                {'type': 'OCRHead', 'channels': 4, 'ocr_channels': 2, **shared},
            ],
        )
        sample = SegDataSample(gt_sem_seg=PixelData(data=torch.randint(0, 3, (1, 64, 64))))
        losses = model.loss(IMAGE, [sample, sample])
        assert set(losses) == {f'decode_{i}.{name}' for i in (0, 1) for name in ('loss_ce', 'acc_seg')}
        total: Tensor = losses['decode_0.loss_ce'] + losses['decode_1.loss_ce']
        total.backward()
        assert [name for name, p in model.named_parameters() if p.grad is None] == []

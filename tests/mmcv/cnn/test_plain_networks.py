"""AlexNet, VGG and ResNet as plain modules."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mmcv.cnn import VGG, AlexNet, ResNet, make_res_layer, make_vgg_layer
from mmcv.cnn.resnet import BasicBlock, Bottleneck

IMAGE = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def sizes(outs: Any) -> list[tuple[int, int]]:
    return [(out.shape[1], out.shape[-1]) for out in outs]


def norms(model: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


class TestVGG:
    @pytest.mark.parametrize(('depth', 'convs'), [(11, 8), (13, 10), (16, 13), (19, 16)])
    def test_depths(self, depth: int, convs: int) -> None:
        with torch.device('meta'):
            model = VGG(depth)
        assert sum(isinstance(layer, nn.Conv2d) for layer in model.features) == convs
        start, stop = model.range_sub_modules[-1]
        assert stop == len(model.features) and isinstance(model.features[stop - 1], nn.MaxPool2d)
        assert isinstance(model.features[start], nn.Conv2d)

    def test_outputs(self) -> None:
        outs = VGG(11, with_bn=True, num_stages=3, dilations=(1, 1, 1), out_indices=(0, 2))(IMAGE)
        assert isinstance(outs, tuple) and sizes(outs) == [(64, 32), (256, 8)]
        out = VGG(11, num_stages=2, dilations=(1, 1), out_indices=(1,), with_last_pool=False)(IMAGE)
        assert isinstance(out, torch.Tensor) and out.shape == (1, 128, 32, 32)

    def test_classifier(self) -> None:
        with torch.device('meta'):
            model = VGG(11, num_classes=4, out_indices=(4, 5))
            outs = model(torch.empty(2, 3, 224, 224))
        assert [tuple(out.shape) for out in outs] == [(2, 512, 7, 7), (2, 4)]

    def test_freezing(self) -> None:
        model = VGG(11, with_bn=True, num_stages=2, dilations=(1, 1), out_indices=(1,), frozen_stages=1, bn_eval=False)
        assert model.train() is model
        frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
        assert {name.split('.')[1] for name in frozen} == {'0', '1'}
        assert [norm.training for norm in norms(model)] == [False, True]
        held = VGG(11, with_bn=True, num_stages=2, dilations=(1, 1), out_indices=(1,), bn_frozen=True).train()
        assert not any(norm.training or norm.weight.requires_grad for norm in norms(held))
        assert held.features[0].weight.requires_grad

    @pytest.mark.parametrize('wrong', [{'depth': 12}, {'num_stages': 6}, {'num_stages': 3}, {'out_indices': (6,)}])
    def test_what_does_not_go_together(self, wrong: dict) -> None:
        with pytest.raises(ValueError, match='should be'):
            VGG(**{'depth': 11, **wrong})

    def test_layers_of_a_stage(self) -> None:
        layers = make_vgg_layer(3, 4, 2, dilation=2, with_bn=True, ceil_mode=True)
        assert [type(layer).__name__ for layer in layers] == ['Conv2d', 'BatchNorm2d', 'ReLU'] * 2 + ['MaxPool2d']
        assert nn.Sequential(*layers)(torch.randn(2, 3, 7, 7)).shape == (2, 4, 4, 4)


class TestResNet:
    @pytest.mark.parametrize('depth', [18, 34, 50, 101, 152])
    def test_depths(self, depth: int) -> None:
        with torch.device('meta'):
            model = ResNet(depth)
            outs = model(torch.empty(1, 3, 64, 64))
        width = 64 if depth < 50 else 256
        assert sizes(outs) == [(width * 2**i, 16 // 2**i) for i in range(4)]
        assert isinstance(model.layer1[0], BasicBlock if depth < 50 else Bottleneck)
        assert model.feat_dim == width * 8

    def test_strides_dilations_and_outputs(self) -> None:
        model = ResNet(18, num_stages=2, strides=(1, 1), dilations=(1, 2), out_indices=(1,))
        out = model(IMAGE)
        assert isinstance(out, torch.Tensor) and out.shape == (1, 128, 16, 16)
        assert model.layer2[0].conv1.dilation == (2, 2)

    def test_style_says_which_convolution_strides(self) -> None:
        for style, expected in ('pytorch', (1, 2)), ('caffe', (2, 1)):
            block = make_res_layer(Bottleneck, 16, 4, 2, stride=2, style=style)[0]
            assert (block.conv1.stride[0], block.conv2.stride[0]) == expected
        with pytest.raises(ValueError, match="'tf'"):
            BasicBlock(4, 4, style='tf')

    def test_freezing(self) -> None:
        model = ResNet(18, num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(1,), frozen_stages=1).train()
        frozen = {name.split('.')[0] for name, p in model.named_parameters() if not p.requires_grad}
        assert frozen == {'conv1', 'bn1', 'layer1'} and not model.layer1.training
        assert not any(norm.training for norm in norms(model))
        free = ResNet(18, num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,), bn_eval=False).train()
        assert all(norm.training for norm in norms(free))

    def test_checkpointing_gives_the_same_gradients(self) -> None:
        plain = make_res_layer(BasicBlock, 4, 4, 2)
        saving = make_res_layer(BasicBlock, 4, 4, 2, with_cp=True)
        saving.load_state_dict(plain.state_dict())
        x = torch.randn(2, 4, 6, 6, requires_grad=True)
        for model in (plain, saving):
            model(x).square().sum().backward()
        for one, other in zip(plain.parameters(), saving.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)

    @pytest.mark.parametrize('wrong', [{'depth': 20}, {'num_stages': 5}, {'out_indices': (4,)}])
    def test_what_does_not_go_together(self, wrong: dict) -> None:
        with pytest.raises(ValueError):
            ResNet(**{'depth': 18, **wrong})


def test_alexnet() -> None:
    assert AlexNet()(IMAGE).shape == (1, 256, 1, 1)
    with torch.device('meta'):
        model = AlexNet(num_classes=4)
        assert model(torch.empty(2, 3, 224, 224)).shape == (2, 4)


def test_weights_are_initialised_or_loaded(tmp_path: Path) -> None:
    small: dict[str, Any] = {'with_bn': True, 'num_stages': 1, 'dilations': (1,), 'out_indices': (0,)}
    source, target = VGG(11, **small), VGG(11, **small)
    source.init_weights()
    assert not source.features[0].bias.any() and source.features[1].weight.eq(1).all()
    torch.save({'state_dict': source.state_dict()}, tmp_path / 'vgg.pth')
    target.init_weights(str(tmp_path / 'vgg.pth'))
    assert target.features[0].weight.equal(source.features[0].weight)
    with pytest.raises(TypeError, match='pretrained'):
        target.init_weights(3)  # type: ignore[arg-type]
    before = AlexNet()
    weight = before.features[0].weight.clone()
    before.init_weights()
    assert before.features[0].weight.equal(weight)

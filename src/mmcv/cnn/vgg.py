"""VGG."""

from collections.abc import Sequence

import torch
from torch import nn

from mmcv.cnn.plain_init import hold_batch_norm, init_or_load


def conv3x3(in_planes: int, out_planes: int, dilation: int = 1) -> nn.Module:
    """A 3x3 convolution that keeps the size."""
    return nn.Conv2d(in_planes, out_planes, kernel_size=3, padding=dilation, dilation=dilation)


def make_vgg_layer(
    inplanes: int,
    planes: int,
    num_blocks: int,
    dilation: int = 1,
    with_bn: bool = False,
    ceil_mode: bool = False,
) -> list[nn.Module]:
    """The layers of a stage: `num_blocks` convolutions with ReLU, and max pooling."""
    layers: list[nn.Module] = []
    for _ in range(num_blocks):
        layers.append(conv3x3(inplanes, planes, dilation))
        if with_bn:
            layers.append(nn.BatchNorm2d(planes))
        layers.append(nn.ReLU(inplace=True))
        inplanes = planes
    layers.append(nn.MaxPool2d(kernel_size=2, stride=2, ceil_mode=ceil_mode))
    return layers


class VGG(nn.Module):
    """VGG (Simonyan and Zisserman, arXiv:1409.1556).

    All layers lie in `self.features`; `self.range_sub_modules` says for each stage from where to where.

    Args:
        depth: 11, 13, 16 or 19.
        num_classes: of the classifier, for images of 224 x 224; without it (-1) there is none. Its scores are the
            last output.
        dilations: of each stage.
        out_indices: stages whose output is returned.
        frozen_stages: this many stages are frozen and in eval mode; -1: none.
        bn_eval: batch normalisation stays in eval mode.
        bn_frozen: its weights are frozen, too.
        with_last_pool: whether the last stage ends with max pooling.
    """

    arch_settings = {
        11: (1, 1, 2, 2, 2),
        13: (2, 2, 2, 2, 2),
        16: (2, 2, 3, 3, 3),
        19: (2, 2, 4, 4, 4),
    }

    def __init__(
        self,
        depth: int,
        with_bn: bool = False,
        num_classes: int = -1,
        num_stages: int = 5,
        dilations: Sequence[int] = (1, 1, 1, 1, 1),
        out_indices: Sequence[int] = (0, 1, 2, 3, 4),
        frozen_stages: int = -1,
        bn_eval: bool = True,
        bn_frozen: bool = False,
        ceil_mode: bool = False,
        with_last_pool: bool = True,
    ) -> None:
        super().__init__()
        if depth not in self.arch_settings:
            raise ValueError(f'depth of VGG should be one of {list(self.arch_settings)}, but got {depth}')
        if not 1 <= num_stages <= 5 or len(dilations) != num_stages or max(out_indices) > num_stages:
            raise ValueError(
                f'num_stages should be 1 to 5, with as many dilations, but got num_stages={num_stages}, '
                f'dilations={tuple(dilations)}, out_indices={tuple(out_indices)}'
            )
        self.num_classes = num_classes
        self.out_indices = out_indices
        self.frozen_stages = frozen_stages
        self.bn_eval = bn_eval
        self.bn_frozen = bn_frozen
        self.stage_blocks = self.arch_settings[depth][:num_stages]
        self.inplanes = 3
        self.range_sub_modules: list[list[int]] = []
        layers: list[nn.Module] = []
        for index, num_blocks in enumerate(self.stage_blocks):
            planes = min(64 * 2**index, 512)
            start = len(layers)
            layers += make_vgg_layer(
                self.inplanes, planes, num_blocks, dilation=dilations[index], with_bn=with_bn, ceil_mode=ceil_mode
            )
            self.range_sub_modules.append([start, len(layers)])
            self.inplanes = planes
        if not with_last_pool:
            layers.pop()
            self.range_sub_modules[-1][1] -= 1
        self.module_name = 'features'
        self.features = nn.Sequential(*layers)
        if num_classes > 0:
            self.classifier = nn.Sequential(
                nn.Linear(512 * 7 * 7, 4096),
                nn.ReLU(inplace=True),
                nn.Dropout(),
                nn.Linear(4096, 4096),
                nn.ReLU(inplace=True),
                nn.Dropout(),
                nn.Linear(4096, num_classes),
            )

    def init_weights(self, pretrained: str | None = None) -> None:
        """Load a checkpoint, or initialise at random."""
        init_or_load(self, pretrained)

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """`(N, 3, H, W)` to the outputs of `out_indices` and of the classifier: a tuple, or the only one."""
        outs = []
        for index, (start, stop) in enumerate(self.range_sub_modules):
            x = self.features[start:stop](x)
            if index in self.out_indices:
                outs.append(x)
        if self.num_classes > 0:
            outs.append(self.classifier(x.flatten(1)))
        return outs[0] if len(outs) == 1 else tuple(outs)

    def train(self, mode: bool = True) -> 'VGG':
        super().train(mode)
        if self.bn_eval:
            hold_batch_norm(self, freeze=self.bn_frozen)
        if mode:
            for start, stop in self.range_sub_modules[: max(self.frozen_stages, 0)]:
                self.features[start:stop].eval().requires_grad_(False)
        return self

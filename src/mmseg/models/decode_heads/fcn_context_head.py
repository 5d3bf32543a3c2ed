"""What the FCN heads with a block of global context between their two convolutions share."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from mmseg.models.decode_heads.fcn_head import FCNHead


class FCNContextHead(FCNHead):
    """`FCNHead` of two convolutions, with `context` between them; a subclass defines it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(num_convs=2, **kwargs)

    @abstractmethod
    def context(self, x: Tensor) -> Tensor:
        """`(N, channels, H, W)` to the same shape."""

    def _forward_feature(self, inputs: Any) -> Tensor:
        x = self._transform_inputs(inputs)
        first, second = self.convs.children()
        feats = second(self.context(first(x)))
        if self.concat_input:
            feats = self.conv_cat(torch.cat([x, feats], dim=1))
        return feats

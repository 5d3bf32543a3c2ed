"""CCNet head."""

from typing import Any

from torch import Tensor

from mmcv.ops import CrissCrossAttention
from mmseg.models.decode_heads.fcn_context_head import FCNContextHead
from mmseg.registry import MODELS


@MODELS.register_module()
class CCHead(FCNContextHead):
    """Criss-cross attention (Huang et al., CCNet: Criss-Cross Attention for Semantic Segmentation).

    Args:
        recurrence: How often the attention is applied; after two rounds each pixel has seen all others.
    """

    def __init__(self, recurrence: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recurrence = recurrence
        self.cca = CrissCrossAttention(self.channels)

    def context(self, x: Tensor) -> Tensor:
        for _ in range(self.recurrence):
            x = self.cca(x)
        return x

"""GCNet head."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mmcv.cnn import ContextBlock
from mmseg.models.decode_heads.fcn_context_head import FCNContextHead
from mmseg.registry import MODELS


@MODELS.register_module()
class GCHead(FCNContextHead):
    """A global context block (Cao et al., GCNet: Non-local Networks Meet Squeeze-Excitation Networks).

    Args:
        ratio, pooling_type, fusion_types: See `ContextBlock`.
    """

    def __init__(
        self,
        ratio: float = 1 / 4.0,
        pooling_type: str = 'att',
        fusion_types: Sequence[str] = ('channel_add',),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ratio = ratio
        self.pooling_type = pooling_type
        self.fusion_types = fusion_types
        self.gc_block = ContextBlock(
            in_channels=self.channels, ratio=ratio, pooling_type=pooling_type, fusion_types=tuple(fusion_types)
        )

    def context(self, x: Tensor) -> Tensor:
        return self.gc_block(x)

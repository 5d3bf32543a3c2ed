"""Non-local head."""

from typing import Any

from torch import Tensor

from mmcv.cnn import NonLocal2d
from mmseg.models.decode_heads.fcn_context_head import FCNContextHead
from mmseg.registry import MODELS


@MODELS.register_module()
class NLHead(FCNContextHead):
    """A non-local block (Wang et al., Non-local Neural Networks).

    Args:
        reduction, use_scale, mode: See `NonLocal2d`.
    """

    def __init__(
        self, reduction: int = 2, use_scale: bool = True, mode: str = 'embedded_gaussian', **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.reduction = reduction
        self.use_scale = use_scale
        self.mode = mode
        self.nl_block = NonLocal2d(
            in_channels=self.channels,
            reduction=reduction,
            use_scale=use_scale,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            mode=mode,
        )

    def context(self, x: Tensor) -> Tensor:
        return self.nl_block(x)

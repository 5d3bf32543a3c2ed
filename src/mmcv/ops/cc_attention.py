import torch
from torch import nn

from mmcv.cnn.bricks.scale import Scale
from mmengine.registry import MODELS


@MODELS.register_module()
class CrissCrossAttention(nn.Module):
    """Attention of each pixel to those in its row and its column (CCNet, arXiv:1811.11721); starts as the identity."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.query_conv = nn.Conv2d(in_channels, in_channels // 8, 1)
        self.key_conv = nn.Conv2d(in_channels, in_channels // 8, 1)
        self.value_conv = nn.Conv2d(in_channels, in_channels, 1)
        self.gamma = Scale(0.0)
        self.in_channels = in_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, C, H, W)` to the same shape."""
        h = x.shape[2]
        query, key, value = self.query_conv(x), self.key_conv(x), self.value_conv(x)
        # The pixel itself is counted in its row, so not in its column.
        itself = torch.eye(h, dtype=torch.bool, device=x.device)[:, None, :]
        column = torch.einsum('nchw,nciw->nhwi', query, key).masked_fill(itself, float('-inf'))
        row = torch.einsum('nchw,nchj->nhwj', query, key)
        attention = torch.cat([column, row], dim=-1).softmax(-1)
        out = torch.einsum('nciw,nhwi->nchw', value, attention[..., :h])
        out = out + torch.einsum('nchj,nhwj->nchw', value, attention[..., h:])
        return (self.gamma(out) + x).contiguous()

    def extra_repr(self) -> str:
        return f'in_channels={self.in_channels}'

import torch
from torch import nn

from mmengine.model.weight_init import constant_init, kaiming_init
from mmengine.registry import MODELS


@MODELS.register_module()
class ContextBlock(nn.Module):
    """Global context block (GCNet, arXiv:1904.11492).

    Args:
        ratio: inner channels are `int(in_channels * ratio)`.
        pooling_type: `att` pools with learned attention, `avg` averages.
        fusion_types: how the context joins the features: `channel_add`, `channel_mul`, or both.
    """

    _abbr_ = 'context_block'

    def __init__(
        self,
        in_channels: int,
        ratio: float,
        pooling_type: str = 'att',
        fusion_types: tuple[str, ...] | list[str] = ('channel_add',),
    ) -> None:
        super().__init__()
        if pooling_type not in ('avg', 'att'):
            raise ValueError(f"pooling_type should be 'avg' or 'att', but got {pooling_type!r}")
        if not isinstance(fusion_types, list | tuple):
            raise TypeError(f'fusion_types should be a list or tuple, but got {fusion_types!r}')
        if not fusion_types or not set(fusion_types) <= {'channel_add', 'channel_mul'}:
            raise ValueError(f"fusion_types should be from 'channel_add', 'channel_mul', but got {fusion_types!r}")
        self.in_channels = in_channels
        self.ratio = ratio
        self.planes = int(in_channels * ratio)
        self.pooling_type = pooling_type
        self.fusion_types = fusion_types
        if pooling_type == 'att':
            self.conv_mask = nn.Conv2d(in_channels, 1, kernel_size=1)
            self.softmax = nn.Softmax(dim=2)
        else:
            self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.channel_add_conv = self._transform() if 'channel_add' in fusion_types else None
        self.channel_mul_conv = self._transform() if 'channel_mul' in fusion_types else None
        self.reset_parameters()

    def _transform(self) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(self.in_channels, self.planes, kernel_size=1),
            nn.LayerNorm([self.planes, 1, 1]),
            nn.ReLU(inplace=True),
            nn.Conv2d(self.planes, self.in_channels, kernel_size=1),
        )

    def reset_parameters(self) -> None:
        """The last convolutions start at 0: an added context changes nothing at first."""
        if self.pooling_type == 'att':
            kaiming_init(self.conv_mask, mode='fan_in')
        for branch in (self.channel_add_conv, self.channel_mul_conv):
            if branch is not None:
                constant_init(branch[-1], 0)

    def spatial_pool(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, C, H, W)` to `(N, C, 1, 1)`."""
        if self.pooling_type == 'avg':
            return self.avg_pool(x)
        weights = self.softmax(self.conv_mask(x).flatten(2)).transpose(1, 2)  # (N, HxW, 1)
        return torch.matmul(x.flatten(2), weights).unsqueeze(-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        context = self.spatial_pool(x)
        out = x
        if self.channel_mul_conv is not None:
            out = out * torch.sigmoid(self.channel_mul_conv(context))
        if self.channel_add_conv is not None:
            out = out + self.channel_add_conv(context)
        return out

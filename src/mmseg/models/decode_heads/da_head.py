"""DANet head."""

from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule, Scale
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import SelfAttentionBlock
from mmseg.registry import MODELS
from mmseg.utils import add_prefix
from mmseg.utils.typing_utils import ConfigType, SampleList


class PAM(SelfAttentionBlock):
    """Position attention (section 3.2); starts as the identity.

    Args:
        channels: Channels of keys and queries.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__(
            key_in_channels=in_channels,
            query_in_channels=in_channels,
            channels=channels,
            out_channels=in_channels,
            share_key_query=False,
            query_downsample=None,
            key_downsample=None,
            key_query_num_convs=1,
            key_query_norm=False,
            value_out_num_convs=1,
            value_out_norm=False,
            matmul_norm=False,
            with_out=False,
            conv_cfg=None,
            norm_cfg=None,
            act_cfg=None,
        )
        self.gamma = Scale(0)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return self.gamma(super().forward(x, x)) + x


class CAM(nn.Module):
    """Channel attention (section 3.3); starts as the identity. The less alike two channels, the larger the weight."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = Scale(0)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        energy = torch.bmm(flat, flat.transpose(1, 2))
        attention = (energy.amax(dim=-1, keepdim=True) - energy).softmax(dim=-1)
        return self.gamma(torch.bmm(attention, flat).view_as(x)) + x


@MODELS.register_module()
class DAHead(BaseDecodeHead):
    """Position and channel attention (Fu et al., Dual Attention Network for Scene Segmentation).

    `forward` gives three logits: of the sum of both branches (these predict), of the position and of the channel
    branch. The losses have the prefixes `pam_cam`, `pam` and `cam`.

    Args:
        pam_channels: Channels of keys and queries of the position attention.
    """

    def __init__(self, pam_channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pam_channels = pam_channels
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.pam_in_conv = ConvModule(self.in_channels, self.channels, 3, padding=1, **shared)
        self.pam = PAM(self.channels, pam_channels)
        self.pam_out_conv = ConvModule(self.channels, self.channels, 3, padding=1, **shared)
        self.pam_conv_seg = nn.Conv2d(self.channels, self.num_classes, kernel_size=1)
        self.cam_in_conv = ConvModule(self.in_channels, self.channels, 3, padding=1, **shared)
        self.cam = CAM()
        self.cam_out_conv = ConvModule(self.channels, self.channels, 3, padding=1, **shared)
        self.cam_conv_seg = nn.Conv2d(self.channels, self.num_classes, kernel_size=1)

    def pam_cls_seg(self, feat: Tensor) -> Tensor:
        return self.pam_conv_seg(feat if self.dropout is None else self.dropout(feat))

    def cam_cls_seg(self, feat: Tensor) -> Tensor:
        return self.cam_conv_seg(feat if self.dropout is None else self.dropout(feat))

    def forward(self, inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        x = self._transform_inputs(inputs)
        pam_feat = self.pam_out_conv(self.pam(self.pam_in_conv(x)))
        pam_out = self.pam_cls_seg(pam_feat)
        cam_feat = self.cam_out_conv(self.cam(self.cam_in_conv(x)))
        cam_out = self.cam_cls_seg(cam_feat)
        return self.cls_seg(pam_feat + cam_feat), pam_out, cam_out

    def predict(self, inputs: Any, batch_img_metas: list[dict], test_cfg: ConfigType, **kwargs: Any) -> Tensor:
        return self.predict_by_feat(self.forward(inputs)[0], batch_img_metas, **kwargs)

    def loss_by_feat(self, seg_logit: Any, batch_data_samples: SampleList, **kwargs: Any) -> dict:  # type: ignore[override]
        losses = {}
        for name, logits in zip(('pam_cam', 'pam', 'cam'), seg_logit, strict=True):
            losses.update(add_prefix(super().loss_by_feat(logits, batch_data_samples), name))
        return losses

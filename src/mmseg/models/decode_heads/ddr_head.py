"""The head of DDRNet."""

from typing import Any

from torch import Tensor, nn

from mmcv.cnn import ConvModule, build_activation_layer, build_norm_layer
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.losses import accuracy
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils.typing_utils import ConfigType, SampleList


@MODELS.register_module()
class DDRHead(BaseDecodeHead):
    """A convolution on the fused feature of DDRNet and, in training, one on its spatial branch.

    In training the input is the pair that DDRNet gives then, and the output a pair of logits.

    Args:
        in_channels: Of the fused feature; the spatial one has half.
        loss_decode: Two losses, for the fused feature (`loss_context`) and for the spatial one (`loss_spatial`).
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        num_classes: int,
        norm_cfg: ConfigType = {'type': 'BN'},
        act_cfg: ConfigType = {'type': 'ReLU', 'inplace': True},
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault('init_cfg', {'type': 'Kaiming', 'layer': 'Conv2d'})
        super().__init__(in_channels, channels, num_classes=num_classes, norm_cfg=norm_cfg, act_cfg=act_cfg, **kwargs)
        self.head = self._make_base_head(in_channels, channels)
        self.aux_head = self._make_base_head(in_channels // 2, channels)
        self.aux_cls_seg = nn.Conv2d(channels, self.out_channels, kernel_size=1)

    def _make_base_head(self, in_channels: int, channels: int) -> nn.Sequential:
        norm_cfg: Any = self.norm_cfg
        act_cfg: Any = self.act_cfg
        return nn.Sequential(
            ConvModule(
                in_channels,
                channels,
                3,
                padding=1,
                norm_cfg=norm_cfg,
                act_cfg=act_cfg,
                order=('norm', 'act', 'conv'),
            ),
            build_norm_layer(norm_cfg, channels)[1],
            build_activation_layer(act_cfg),
        )

    def forward(self, inputs: Any) -> Any:
        """The fused feature to logits; in training, both features to both logits, fused first."""
        if not self.training:
            return self.cls_seg(self.head(inputs))
        spatial, fused = inputs
        return self.cls_seg(self.head(fused)), self.aux_cls_seg(self.aux_head(spatial))

    def loss_by_feat(self, seg_logits: Any, batch_data_samples: SampleList) -> dict:
        if isinstance(seg_logits, Tensor):
            raise ValueError(
                'DDRHead has its two losses in training mode only: call model.train() before model.loss().'
            )
        seg_label = self._stack_batch_gt(batch_data_samples)
        context, spatial = (
            resize(logits, size=seg_label.shape[2:], mode='bilinear', align_corners=self.align_corners)
            for logits in seg_logits
        )
        seg_label = seg_label.squeeze(1)
        losses: Any = self.loss_decode
        return {
            'loss_context': losses[0](context, seg_label),
            'loss_spatial': losses[1](spatial, seg_label),
            'acc_seg': accuracy(context, seg_label, ignore_index=self.ignore_index),
        }

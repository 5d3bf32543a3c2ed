"""The head of PIDNet."""

from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule, build_activation_layer, build_norm_layer
from mmengine.model import BaseModule
from mmengine.utils.errors import DataError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.losses import accuracy
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils.typing_utils import ConfigType, SampleList


class BasePIDHead(BaseModule):
    """A convolution between two normalisations and activations, and then a classifier that the caller hands over."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        norm_cfg: ConfigType = {'type': 'BN'},
        act_cfg: ConfigType = {'type': 'ReLU', 'inplace': True},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        order = ('norm', 'act', 'conv')
        self.conv = ConvModule(in_channels, channels, 3, padding=1, norm_cfg=norm_cfg, act_cfg=act_cfg, order=order)
        self.norm = build_norm_layer(norm_cfg, channels)[1]
        self.act = build_activation_layer(act_cfg)

    def forward(self, x: Tensor, cls_seg: Any) -> Tensor:
        """`(N, in_channels, H, W)` to the output of `cls_seg`, or to its input if that is None."""
        x = self.act(self.norm(self.conv(x)))
        return x if cls_seg is None else cls_seg(x)


@MODELS.register_module()
class PIDHead(BaseDecodeHead):
    """Classifies the fused feature of PIDNet and, in training, its detail branch, and finds boundaries.

    In training the input is the triple that PIDNet gives then, and the output a triple of logits: detail, fused,
    boundary. Samples then need `gt_edge_map`, which the transform `GenerateEdge` makes.

    Args:
        in_channels: Of the fused feature; the others have half.
        loss_decode: Four losses: `loss_sem_p` of the detail branch, `loss_sem_i` of the fused logits, `loss_bd` of
            the boundaries, and `loss_sem_bd` of the fused logits where a boundary is predicted.
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
        half, quarter = in_channels // 2, in_channels // 4
        self.i_head = BasePIDHead(in_channels, channels, norm_cfg, act_cfg)
        self.p_head = BasePIDHead(half, channels, norm_cfg, act_cfg)
        self.d_head = BasePIDHead(half, quarter, norm_cfg, act_cfg)
        self.p_cls_seg = nn.Conv2d(channels, self.out_channels, kernel_size=1)
        self.d_cls_seg = nn.Conv2d(quarter, 1, kernel_size=1)

    def forward(self, inputs: Any) -> Any:
        """The fused feature to logits; in training, the three features to three logits."""
        if not self.training:
            return self.i_head(inputs, self.cls_seg)
        x_p, x_i, x_d = inputs
        return (
            self.p_head(x_p, self.p_cls_seg),
            self.i_head(x_i, self.cls_seg),
            self.d_head(x_d, self.d_cls_seg),
        )

    def _stack_batch_gt(self, batch_data_samples: SampleList) -> Any:
        """Labels and boundaries, both `(N, 1, H, W)`."""
        edges: list[Any] = [sample.get('gt_edge_map') for sample in batch_data_samples]
        if any(edge is None for edge in edges):
            raise DataError(
                'The losses of PIDHead need gt_edge_map: put dict(type="GenerateEdge", edge_width=4) before '
                'PackSegInputs in the training pipeline.'
            )
        return super()._stack_batch_gt(batch_data_samples), torch.stack([edge.data for edge in edges], dim=0)

    def loss_by_feat(self, seg_logits: Any, batch_data_samples: SampleList) -> dict:
        if isinstance(seg_logits, Tensor):
            raise ValueError(
                'PIDHead has its four losses in training mode only: call model.train() before model.loss().'
            )
        seg_label, boundary = self._stack_batch_gt(batch_data_samples)
        p_logit, i_logit, d_logit = (
            resize(logits, size=seg_label.shape[2:], mode='bilinear', align_corners=self.align_corners)
            for logits in seg_logits
        )
        seg_label = seg_label.squeeze(1)
        at_boundary = torch.where(d_logit.squeeze(1).sigmoid() > 0.8, seg_label, self.ignore_index)
        losses: Any = self.loss_decode
        return {
            'loss_sem_p': losses[0](p_logit, seg_label, ignore_index=self.ignore_index),
            'loss_sem_i': losses[1](i_logit, seg_label),
            'loss_bd': losses[2](d_logit, boundary),
            'loss_sem_bd': losses[3](i_logit, at_boundary),
            'acc_seg': accuracy(i_logit, seg_label, ignore_index=self.ignore_index),
        }

"""K-Net: kernels that are updated by the features they select (Zhang et al., arXiv:2106.14855)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule, build_activation_layer, build_norm_layer
from mmcv.cnn.bricks.transformer import FFN, MultiheadAttention
from mmengine.model import BaseModule, ModuleList
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from mmseg.utils.typing_utils import SampleList


@MODELS.register_module()
class KernelUpdator(BaseModule):
    """Adaptive kernel update (section 3.2): the new kernel is a gated sum of the old one and of its group's feature.

    Args:
        in_channels: of the group features; kernels with a multiple of it are several rows.
        feat_channels: of the kernels and within.
        out_channels: of the new kernels, `feat_channels` by default.
        gate_sigmoid: whether gates go through a sigmoid.
        gate_norm_act: normalise and activate what the gates are computed from.
        activate_out: activate both summands.
    """

    def __init__(
        self,
        in_channels: int = 256,
        feat_channels: int = 64,
        out_channels: int | None = None,
        gate_sigmoid: bool = True,
        gate_norm_act: bool = False,
        activate_out: bool = False,
        norm_cfg: dict = {'type': 'LN'},
        act_cfg: dict = {'type': 'ReLU', 'inplace': True},
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.feat_channels = feat_channels
        self.out_channels = out_channels or feat_channels
        self.gate_sigmoid = gate_sigmoid
        self.gate_norm_act = gate_norm_act
        self.activate_out = activate_out
        self.act_cfg = act_cfg
        self.norm_cfg = norm_cfg

        self.dynamic_layer = nn.Linear(in_channels, 2 * feat_channels)
        self.input_layer = nn.Linear(in_channels, 2 * feat_channels)
        self.input_gate = nn.Linear(in_channels, feat_channels)
        self.update_gate = nn.Linear(in_channels, feat_channels)
        if gate_norm_act:
            self.gate_norm = build_norm_layer(norm_cfg, feat_channels)[1]
        self.norm_in = build_norm_layer(norm_cfg, feat_channels)[1]
        self.norm_out = build_norm_layer(norm_cfg, feat_channels)[1]
        self.input_norm_in = build_norm_layer(norm_cfg, feat_channels)[1]
        self.input_norm_out = build_norm_layer(norm_cfg, feat_channels)[1]
        self.activation = build_activation_layer(act_cfg)
        self.fc_layer = nn.Linear(feat_channels, self.out_channels)
        self.fc_norm = build_norm_layer(norm_cfg, self.out_channels)[1]

    def forward(self, update_feature: Tensor, input_feature: Tensor) -> Tensor:
        """Group features `(..., in_channels)` and as many kernels `(..., K * K, feat_channels)` to new kernels.

        Returns:
            `(R, K * K, out_channels)`, where R counts the rows of `update_feature`.
        """
        update_feature = update_feature.reshape(-1, self.in_channels)
        rows = len(update_feature)
        param_in, param_out = self.dynamic_layer(update_feature).unsqueeze(-2).chunk(2, dim=-1)
        kernels = self.input_layer(input_feature.reshape(rows, -1, self.feat_channels))
        input_in, input_out = kernels.chunk(2, dim=-1)

        gate_feats = input_in * param_in
        if self.gate_norm_act:
            gate_feats = self.activation(self.gate_norm(gate_feats))
        input_gate = self.input_norm_in(self.input_gate(gate_feats))
        update_gate = self.norm_in(self.update_gate(gate_feats))
        if self.gate_sigmoid:
            input_gate, update_gate = input_gate.sigmoid(), update_gate.sigmoid()
        param_out, input_out = self.norm_out(param_out), self.input_norm_out(input_out)
        if self.activate_out:
            param_out, input_out = self.activation(param_out), self.activation(input_out)
        features = update_gate * param_out + input_gate * input_out
        return self.activation(self.fc_norm(self.fc_layer(features)))


@MODELS.register_module()
class KernelUpdateHead(BaseModule):
    """One round of K-Net: features are grouped by the masks, update the kernels, and these make new masks.

    Args:
        in_channels: of the features and kernels.
        out_channels: of the features that kernels are applied to, `in_channels` here.
        num_ffn_fcs, feedforward_channels, ffn_act_cfg, with_ffn: the feed-forward network behind the attention.
        num_mask_fcs: layers between the kernels and `fc_mask`.
        conv_kernel_size: K of the kernels.
        feat_transform_cfg: arguments of a convolution of the features in front; None: there is none.
        kernel_init: start `fc_mask` with a normal distribution of mean 0 and deviation 0.01.
        feat_gather_stride: stride of that convolution.
        mask_transform_stride: 2 makes the masks at half the resolution.
        kernel_updator_cfg: config of the `KernelUpdator`.
    """

    def __init__(
        self,
        num_classes: int = 150,
        num_ffn_fcs: int = 2,
        num_heads: int = 8,
        num_mask_fcs: int = 3,
        feedforward_channels: int = 2048,
        in_channels: int = 256,
        out_channels: int = 256,
        dropout: float = 0.0,
        act_cfg: dict = {'type': 'ReLU', 'inplace': True},
        ffn_act_cfg: dict = {'type': 'ReLU', 'inplace': True},
        conv_kernel_size: int = 1,
        feat_transform_cfg: Mapping[str, Any] | None = None,
        kernel_init: bool = False,
        with_ffn: bool = True,
        feat_gather_stride: int = 1,
        mask_transform_stride: int = 1,
        kernel_updator_cfg: Mapping[str, Any] = {
            'type': 'DynamicConv',
            'in_channels': 256,
            'feat_channels': 64,
            'out_channels': 256,
            'act_cfg': {'type': 'ReLU', 'inplace': True},
            'norm_cfg': {'type': 'LN'},
        },
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.fp16_enabled = False
        self.dropout = dropout
        self.num_heads = num_heads
        self.kernel_init = kernel_init
        self.with_ffn = with_ffn
        self.conv_kernel_size = conv_kernel_size
        self.feat_gather_stride = feat_gather_stride
        self.mask_transform_stride = mask_transform_stride

        width = in_channels * conv_kernel_size**2
        self.attention = MultiheadAttention(width, num_heads, dropout)
        self.attention_norm = build_norm_layer({'type': 'LN'}, width)[1]
        self.kernel_update_conv = MODELS.build(kernel_updator_cfg)
        self.feat_transform: nn.Module | None = None
        if feat_transform_cfg is not None:
            self.feat_transform = ConvModule(
                in_channels,
                in_channels,
                1,
                stride=feat_gather_stride,
                padding=feat_gather_stride // 2,
                **feat_transform_cfg,
            )
        if with_ffn:
            self.ffn = FFN(in_channels, feedforward_channels, num_ffn_fcs, act_cfg=ffn_act_cfg, ffn_drop=dropout)
            self.ffn_norm = build_norm_layer({'type': 'LN'}, in_channels)[1]
        self.mask_fcs = ModuleList()
        for _ in range(num_mask_fcs):
            self.mask_fcs.append(nn.Linear(in_channels, in_channels, bias=False))
            self.mask_fcs.append(build_norm_layer({'type': 'LN'}, in_channels)[1])
            self.mask_fcs.append(build_activation_layer(act_cfg))
        self.fc_mask = nn.Linear(in_channels, out_channels)

    def init_weights(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        if self.kernel_init:
            nn.init.normal_(self.fc_mask.weight, mean=0, std=0.01)

    def forward(
        self, x: Tensor, proposal_feat: Tensor, mask_preds: Tensor, mask_shape: Sequence[int] | None = None
    ) -> tuple[Tensor, Tensor]:
        """New logits of masks, and new kernels.

        Args:
            x: features `(B, C, H, W)`.
            proposal_feat: kernels `(B, N, C, K, K)`.
            mask_preds: logits `(B, N, h, w)`.
            mask_shape: (H, W) of the new logits, if not that of the features.

        Returns:
            `(B, N, H, W)` and `(B, N, C, K, K)`.
        """
        batch, num_kernels = proposal_feat.shape[:2]
        if self.feat_transform is not None:
            x = self.feat_transform(x)
        size = x.shape[-2:]
        if mask_preds.shape[-2:] != size:
            mask_preds = F.interpolate(mask_preds, size, mode='bilinear', align_corners=False)
        group_feats = torch.einsum('bnhw,bchw->bnc', mask_preds.softmax(dim=1), x)

        kernels = proposal_feat.reshape(batch, num_kernels, self.in_channels, -1).transpose(2, 3)  # (B, N, K * K, C)
        kernels = self.kernel_update_conv(group_feats, kernels)
        # Kernels attend to each other, each as one token.
        tokens = kernels.reshape(batch, num_kernels, -1).transpose(0, 1)
        tokens = self.attention_norm(self.attention(tokens)).transpose(0, 1)
        kernels = tokens.reshape(batch, num_kernels, -1, self.in_channels)
        if self.with_ffn:
            kernels = self.ffn_norm(self.ffn(kernels))

        mask_kernels = kernels
        for layer in self.mask_fcs:
            mask_kernels = layer(mask_kernels)
        mask_kernels = self.fc_mask(mask_kernels).transpose(2, 3)
        half = self.mask_transform_stride == 2
        if half and self.feat_gather_stride == 1:
            x = F.interpolate(x, scale_factor=0.5, mode='bilinear', align_corners=False)
        shape = (self.conv_kernel_size, self.conv_kernel_size)
        new_masks = _convolve_each(x, mask_kernels.unflatten(-1, shape))
        if half:
            new_masks = F.interpolate(new_masks, scale_factor=2, mode='bilinear', align_corners=False)
        if mask_shape is not None and tuple(mask_shape) != tuple(new_masks.shape[-2:]):
            new_masks = F.interpolate(new_masks, tuple(mask_shape), mode='bilinear', align_corners=False)
        return new_masks, kernels.transpose(2, 3).unflatten(-1, shape)


def _convolve_each(x: Tensor, kernels: Tensor) -> Tensor:
    """Each of `(B, C, H, W)` with its own kernels `(B, N, C, K, K)`, "same" padding: `(B, N, H, W)`."""
    batch, number, channels, size = kernels.shape[:4]
    out = F.conv2d(
        x.reshape(1, batch * channels, *x.shape[-2:]),
        kernels.reshape(batch * number, channels, size, size),
        padding=size // 2,
        groups=batch,
    )
    return out.view(batch, number, *out.shape[-2:])


@MODELS.register_module()
class IterativeDecodeHead(BaseDecodeHead):
    """K-Net: an ordinary head, whose last convolution is the first set of kernels, and rounds that update these.

    Args:
        num_stages: number of rounds.
        kernel_generate_head: config of the head; it has `_forward_feature` (FCN, PSP, ASPP, UPer head).
        kernel_update_head: a config for each round.
    """

    def __init__(
        self,
        num_stages: int,
        kernel_generate_head: Mapping[str, Any],
        kernel_update_head: Sequence[Mapping[str, Any]],
        **kwargs: Any,
    ) -> None:
        # The layers of BaseDecodeHead are those of the generating head.
        super(BaseDecodeHead, self).__init__(**kwargs)
        if num_stages != len(kernel_update_head):
            raise ConfigError(
                f'kernel_update_head should have a config for each of num_stages={num_stages} rounds, '
                f'but has {len(kernel_update_head)}.'
            )
        self.num_stages = num_stages
        self.kernel_generate_head = MODELS.build(kernel_generate_head)
        if not hasattr(self.kernel_generate_head, '_forward_feature'):
            raise ConfigError(
                f'kernel_generate_head should be a head with features before its last convolution (FCNHead, PSPHead, '
                f'ASPPHead, UPerHead), but is {type(self.kernel_generate_head).__name__}.'
            )
        self.align_corners = self.kernel_generate_head.align_corners
        self.num_classes = self.kernel_generate_head.num_classes
        self.input_transform = self.kernel_generate_head.input_transform
        self.ignore_index = self.kernel_generate_head.ignore_index
        self.out_channels = self.num_classes
        self.threshold = self.kernel_generate_head.threshold
        self.kernel_update_head = ModuleList([MODELS.build(cfg) for cfg in kernel_update_head])

    def forward(self, inputs: Any) -> Any:
        """Logits of the last round; in training a list with those of the generating head and of all rounds."""
        feats = self.kernel_generate_head._forward_feature(inputs)
        logits = self.kernel_generate_head.cls_seg(feats)
        kernels = self.kernel_generate_head.conv_seg.weight[None].expand(len(feats), -1, -1, -1, -1)
        stages = [logits]
        for head in self.kernel_update_head:
            logits, kernels = head(feats, kernels, logits)
            stages.append(logits)
        return stages if self.training else stages[-1]

    def loss_by_feat(self, seg_logits: Any, batch_data_samples: SampleList) -> dict:
        """Losses of the generating head, for the logits of all rounds, with the suffixes `.s0`, `.s1` ..."""
        losses: dict[str, Tensor] = {}
        for index, logits in enumerate(seg_logits):
            stage = self.kernel_generate_head.loss_by_feat(logits, batch_data_samples)
            losses.update({f'{name}.s{index}': value for name, value in stage.items()})
        return losses

    def extra_repr(self) -> str:
        return ''

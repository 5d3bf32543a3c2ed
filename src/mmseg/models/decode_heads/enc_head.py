"""EncNet head."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule, build_norm_layer
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import Encoding, resize
from mmseg.registry import MODELS
from mmseg.utils.typing_utils import ConfigType, SampleList


def _norm_of_sequences(norm_cfg: dict | None) -> dict:
    """The 1-d counterpart of `norm_cfg`."""
    if norm_cfg is None:
        return {'type': 'BN1d'}
    kind = norm_cfg['type']
    return {**norm_cfg, 'type': f'{kind}1d' if kind in ('BN', 'IN') else kind.replace('2d', '1d')}


class EncModule(nn.Module):
    """Context encoding module (section 3.1): channels are gated by an encoding of the whole image."""

    def __init__(
        self,
        in_channels: int,
        num_codes: int,
        conv_cfg: dict | None,
        norm_cfg: dict | None,
        act_cfg: dict | None,
    ) -> None:
        super().__init__()
        self.encoding_project = ConvModule(
            in_channels, in_channels, 1, conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg
        )
        self.encoding = nn.Sequential(
            Encoding(channels=in_channels, num_codes=num_codes),
            build_norm_layer(_norm_of_sequences(norm_cfg), num_codes)[1],
            nn.ReLU(inplace=True),
        )
        self.fc = nn.Sequential(nn.Linear(in_channels, in_channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, C, H, W)` to the encoding `(N, C)` and the gated features."""
        encoding = self.encoding(self.encoding_project(x)).mean(dim=1)
        gate = self.fc(encoding)[:, :, None, None]
        return encoding, F.relu(x + x * gate)


@MODELS.register_module()
class EncHead(BaseDecodeHead):
    """Context encoding (Zhang et al., Context Encoding for Semantic Segmentation).

    Takes several features (`input_transform='multiple_select'`), of which the last is encoded.

    Args:
        num_codes: Number of codewords.
        use_se_loss: Also predict from the encoding which classes the image shows; `forward` then gives the logits
            `(N, num_classes, H, W)` and those of the presence, `(N, num_classes)`.
        add_lateral: Fuse the earlier features too.
        loss_se_decode: The loss of the presence, `loss_se`.
    """

    def __init__(
        self,
        num_codes: int = 32,
        use_se_loss: bool = True,
        add_lateral: bool = False,
        loss_se_decode: dict = {'type': 'CrossEntropyLoss', 'use_sigmoid': True, 'loss_weight': 0.2},
        **kwargs: Any,
    ) -> None:
        super().__init__(input_transform='multiple_select', **kwargs)
        self.use_se_loss = use_se_loss
        self.add_lateral = add_lateral
        self.num_codes = num_codes
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.bottleneck = ConvModule(self.in_channels[-1], self.channels, 3, padding=1, **shared)
        if add_lateral:
            self.lateral_convs = nn.ModuleList(
                ConvModule(channels, self.channels, 1, **shared) for channels in self.in_channels[:-1]
            )
            self.fusion = ConvModule(len(self.in_channels) * self.channels, self.channels, 3, padding=1, **shared)
        self.enc_module = EncModule(self.channels, num_codes=num_codes, **shared)
        if use_se_loss:
            self.loss_se_decode = MODELS.build(loss_se_decode)
            self.se_layer = nn.Linear(self.channels, self.num_classes)

    def forward(self, inputs: Any) -> Any:
        features = self._transform_inputs(inputs)
        feat = self.bottleneck(features[-1])
        if self.add_lateral:
            laterals = [
                resize(conv(x), size=feat.shape[2:], mode='bilinear', align_corners=self.align_corners)
                for conv, x in zip(self.lateral_convs, features[:-1], strict=True)
            ]
            feat = self.fusion(torch.cat([feat, *laterals], dim=1))
        encoding, output = self.enc_module(feat)
        logits = self.cls_seg(output)
        return (logits, self.se_layer(encoding)) if self.use_se_loss else logits

    def predict(self, inputs: Any, batch_img_metas: list[dict], test_cfg: ConfigType) -> Tensor:
        logits = self.forward(inputs)
        return self.predict_by_feat(logits[0] if self.use_se_loss else logits, batch_img_metas)

    @staticmethod
    def _convert_to_onehot_labels(seg_label: Tensor, num_classes: int) -> Tensor:
        """Labels `(N, ...)` to the presence `(N, num_classes)` of each class, 0 or 1; other labels count for none."""
        flat = seg_label.flatten(1)
        index = flat.masked_fill((flat < 0) | (flat >= num_classes), num_classes)
        return flat.new_zeros(len(flat), num_classes + 1).scatter_(1, index, 1)[:, :num_classes]

    def loss_by_feat(self, seg_logit: Any, batch_data_samples: SampleList, **kwargs: Any) -> dict:  # type: ignore[override]
        if not self.use_se_loss:
            return super().loss_by_feat(seg_logit, batch_data_samples)
        logits, presence = seg_logit
        losses = super().loss_by_feat(logits, batch_data_samples)
        labels = self._stack_batch_gt(batch_data_samples)
        losses['loss_se'] = self.loss_se_decode(presence, self._convert_to_onehot_labels(labels, self.num_classes))
        return losses

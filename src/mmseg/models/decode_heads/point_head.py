"""PointRend head."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmcv.ops import point_sample
from mmseg.models.decode_heads.cascade_decode_head import BaseCascadeDecodeHead
from mmseg.models.losses import accuracy
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils.typing_utils import ConfigType, SampleList


def calculate_uncertainty(seg_logits: Tensor) -> Tensor:
    """Logits `(N, C, ...)` to `(N, 1, ...)`: minus the lead of the best class over the second, at most 0."""
    best = seg_logits.topk(k=2, dim=1).values
    return (best[:, 1] - best[:, 0]).unsqueeze(1)


@MODELS.register_module()
class PointHead(BaseCascadeDecodeHead):
    """Refine uncertain points of an earlier prediction (Kirillov et al., PointRend).

    In training `train_cfg` says how points are drawn (`num_points`, `oversample_ratio`, `importance_sample_ratio`);
    in prediction `test_cfg` says how often (`subdivision_steps`) the logits are enlarged by `scale_factor` and their
    `subdivision_num_points` most uncertain points replaced.

    Args:
        num_fcs: Hidden layers of the point-wise network.
        coarse_pred_each_layer: Every layer sees the earlier prediction, not only the first.
    """

    def __init__(
        self,
        num_fcs: int = 3,
        coarse_pred_each_layer: bool = True,
        conv_cfg: dict = {'type': 'Conv1d'},
        norm_cfg: dict | None = None,
        act_cfg: dict = {'type': 'ReLU', 'inplace': False},
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault('init_cfg', {'type': 'Normal', 'std': 0.01, 'override': {'name': 'fc_seg'}})
        super().__init__(
            input_transform='multiple_select', conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg, **kwargs
        )
        self.num_fcs = num_fcs
        self.coarse_pred_each_layer = coarse_pred_each_layer
        width = sum(self.in_channels) + self.num_classes
        self.fcs = nn.ModuleList()
        for _ in range(num_fcs):
            self.fcs.append(ConvModule(width, self.channels, 1, conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg))
            width = self.channels + (self.num_classes if coarse_pred_each_layer else 0)
        self.fc_seg = nn.Conv1d(width, self.num_classes, kernel_size=1)
        self.dropout: Any = nn.Dropout(self.dropout_ratio) if self.dropout_ratio > 0 else None
        del self.conv_seg

    def cls_seg(self, feat: Tensor) -> Tensor:
        return self.fc_seg(feat if self.dropout is None else self.dropout(feat))

    def forward(self, fine_grained_point_feats: Tensor, coarse_point_feats: Tensor) -> Tensor:  # type: ignore[override]
        """Features `(N, sum(in_channels), P)` and logits `(N, C, P)` of points to new logits `(N, C, P)`."""
        x = torch.cat([fine_grained_point_feats, coarse_point_feats], dim=1)
        for layer in self.fcs:
            x = layer(x)
            if self.coarse_pred_each_layer:
                x = torch.cat([x, coarse_point_feats], dim=1)
        return self.cls_seg(x)

    def _get_fine_grained_point_feats(self, x: list[Tensor], points: Tensor) -> Tensor:
        return torch.cat([point_sample(feat, points, align_corners=self.align_corners) for feat in x], dim=1)

    def _get_coarse_point_feats(self, prev_output: Tensor, points: Tensor) -> Tensor:
        return point_sample(prev_output, points, align_corners=self.align_corners)

    def _point_logits(self, x: list[Tensor], prev_output: Tensor, points: Tensor) -> Tensor:
        return self.forward(
            self._get_fine_grained_point_feats(x, points), self._get_coarse_point_feats(prev_output, points)
        )

    def loss(  # type: ignore[override]
        self,
        inputs: Any,
        prev_output: Tensor,
        batch_data_samples: SampleList,
        train_cfg: ConfigType,
        **kwargs: Any,
    ) -> dict:
        with torch.no_grad():
            points = self.get_points_train(prev_output, calculate_uncertainty, cfg=train_cfg)
        logits = self._point_logits(self._transform_inputs(inputs), prev_output, points)
        return self.loss_by_feat(logits, points, batch_data_samples)

    def predict(  # type: ignore[override]
        self, inputs: Any, prev_output: Tensor, batch_img_metas: list[dict], test_cfg: ConfigType, **kwargs: Any
    ) -> Tensor:
        x = self._transform_inputs(inputs)
        refined = prev_output
        for _ in range(test_cfg['subdivision_steps']):
            refined = resize(
                refined, scale_factor=test_cfg['scale_factor'], mode='bilinear', align_corners=self.align_corners
            )
            indices, points = self.get_points_test(refined, calculate_uncertainty, cfg=test_cfg)
            logits = self._point_logits(x, prev_output, points)
            index = indices.unsqueeze(1).expand_as(logits)
            refined = refined.flatten(2).scatter(2, index, logits.to(refined.dtype)).view_as(refined)
        return self.predict_by_feat(refined, batch_img_metas, **kwargs)

    def loss_by_feat(  # type: ignore[override]
        self, point_logits: Tensor, points: Tensor, batch_data_samples: SampleList, **kwargs: Any
    ) -> dict:
        """Losses of the logits `(N, C, P)` at `points (N, P, 2)`, named `point...`, and `acc_point` in percent."""
        labels = self._stack_batch_gt(batch_data_samples).float()
        label = point_sample(labels, points, mode='nearest', align_corners=self.align_corners).squeeze(1).long()
        losses: dict[str, Tensor] = {}
        criteria: Any = self.loss_decode if isinstance(self.loss_decode, nn.ModuleList) else [self.loss_decode]
        for criterion in criteria:
            name = f'point{criterion.loss_name}'
            value = criterion(point_logits, label, ignore_index=self.ignore_index)
            losses[name] = losses[name] + value if name in losses else value
        losses['acc_point'] = accuracy(point_logits.detach(), label, ignore_index=self.ignore_index)
        return losses

    def get_points_train(
        self, seg_logits: Tensor, uncertainty_func: Callable[[Tensor], Tensor], cfg: ConfigType
    ) -> Tensor:
        """Draw points `(N, num_points, 2)` in `[0, 1]`: the most uncertain of many, and some at random (section 3.2).

        Args:
            cfg: `num_points` P, `oversample_ratio` k and `importance_sample_ratio` b: the `b * P` most uncertain of
                `k * P` uniform points are taken.
        """
        num_points = cfg['num_points']
        ratio, importance = cfg['oversample_ratio'], cfg['importance_sample_ratio']
        if ratio < 1 or not 0 <= importance <= 1:
            raise ValueError(
                f'oversample_ratio should be >= 1 and importance_sample_ratio in [0, 1], but are {ratio}, {importance}.'
            )
        batch = len(seg_logits)
        candidates = torch.rand(batch, int(num_points * ratio), 2, device=seg_logits.device)
        # Uncertainty is not linear in the logits: it is computed from the logits at the points.
        uncertainty = uncertainty_func(point_sample(seg_logits, candidates))[:, 0]
        num_uncertain = int(importance * num_points)
        index = uncertainty.topk(k=num_uncertain, dim=1).indices
        uncertain = candidates.gather(1, index.unsqueeze(-1).expand(-1, -1, 2))
        rest = torch.rand(batch, num_points - num_uncertain, 2, device=seg_logits.device)
        return torch.cat([uncertain, rest], dim=1)

    def get_points_test(
        self, seg_logits: Tensor, uncertainty_func: Callable[[Tensor], Tensor], cfg: ConfigType
    ) -> tuple[Tensor, Tensor]:
        """The most uncertain pixels: indices `(N, P)` into the flat map, and their centres `(N, P, 2)` in `[0, 1]`."""
        uncertainty = uncertainty_func(seg_logits)
        h, w = uncertainty.shape[-2:]
        num_points = min(h * w, cfg['subdivision_num_points'])
        indices = uncertainty.flatten(1).topk(num_points, dim=1).indices
        points = torch.stack([(indices % w + 0.5) / w, (indices // w + 0.5) / h], dim=-1)
        return indices, points

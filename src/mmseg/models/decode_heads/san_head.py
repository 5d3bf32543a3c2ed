"""SAN: CLIP recognises the masks that a small network beside it proposes (Xu et al., arXiv:2302.12242)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmengine.structures import InstanceData
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.decode_heads.side_adapter import MLPMaskDecoder, RecWithAttnbias, SideAdapterNetwork
from mmseg.models.mask_classification import (
    input_size,
    masks_of_classes,
    mean_over_ranks,
    points_for_loss,
    points_for_matching,
    semantic_inference,
)
from mmseg.registry import MODELS, TASK_UTILS
from mmseg.utils.typing_utils import ConfigType, SampleList

__all__ = ['MLPMaskDecoder', 'RecWithAttnbias', 'SideAdapterCLIPHead', 'SideAdapterNetwork']


@MODELS.register_module()
class SideAdapterCLIPHead(BaseDecodeHead):
    """Masks by `SideAdapterNetwork`, their classes by `RecWithAttnbias` and the vectors of the class names.

    Args:
        san_cfg, maskgen_cfg: arguments of the two.
        deep_supervision_idxs: layers of the former behind which there are losses, besides the last.
        train_cfg: `num_points`, `oversample_ratio`, `importance_sample_ratio` and `assigner`, as for Mask2Former.
    """

    def __init__(
        self,
        num_classes: int,
        san_cfg: ConfigType,
        maskgen_cfg: ConfigType,
        deep_supervision_idxs: Sequence[int],
        train_cfg: ConfigType,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels=san_cfg['in_channels'], channels=san_cfg['embed_dims'], num_classes=num_classes, **kwargs
        )
        del self.conv_seg
        self.init_cfg = None
        self.num_queries: int = san_cfg['num_queries']
        self.deep_supervision_idxs = deep_supervision_idxs
        self.side_adapter_network = SideAdapterNetwork(**san_cfg)
        self.rec_with_attnbias = RecWithAttnbias(**maskgen_cfg)
        self.train_cfg: Any = train_cfg
        if train_cfg:
            self.assigner = TASK_UTILS.build(train_cfg['assigner'])

    def forward(  # type: ignore[override]
        self, inputs: Any, deep_supervision_idxs: Sequence[int]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Logits of masks `(N, Q, h, w)` and classes `(N, Q, C + 1)`, behind some layers and the last.

        Args:
            inputs: images, features of CLIP (pairs of map and class token), vectors of classes `(C + 1, out_dims)`.
        """
        images, clip_features, class_embeds = inputs
        mask_props, attn_biases = self.side_adapter_network(images, clip_features, deep_supervision_idxs)
        vectors = [self.rec_with_attnbias(biases, clip_features[-1]) for biases in attn_biases]
        return mask_props, [vector @ class_embeds.T for vector in vectors]

    def predict(self, inputs: Any, batch_img_metas: list[dict], test_cfg: ConfigType) -> Tensor:
        """Scores of classes `(N, C, H, W)` at the size of the padded images."""
        mask_props, class_logits = self.forward(inputs, [])
        return self.predict_by_feat([mask_props[-1], class_logits[-1]], batch_img_metas)

    def predict_by_feat(self, seg_logits: Any, batch_img_metas: list[dict]) -> Tensor:
        mask_logits, class_logits = seg_logits
        return semantic_inference(class_logits, mask_logits, input_size(batch_img_metas[0]))

    def loss(self, x: Any, batch_data_samples: SampleList, train_cfg: ConfigType) -> dict:
        """Losses by name, those behind earlier layers with a prefix such as `d7.`."""
        instances = masks_of_classes(batch_data_samples, self.ignore_index)
        mask_props, class_logits = self.forward(x, self.deep_supervision_idxs)
        return self.loss_by_feat(class_logits, mask_props, instances)

    def loss_by_feat(  # type: ignore[override]
        self, all_cls_scores: Any, all_mask_preds: Any, batch_gt_instances: list[InstanceData]
    ) -> dict:
        layers = [
            self._loss_by_feat_single(cls_scores, mask_preds, batch_gt_instances)
            for cls_scores, mask_preds in zip(all_cls_scores, all_mask_preds, strict=True)
        ]
        losses = dict(layers[-1])
        for index, layer in zip(self.deep_supervision_idxs, layers[:-1], strict=True):
            losses.update({f'd{index}.{name}': value for name, value in layer.items()})
        return losses

    def _loss_by_feat_single(
        self, cls_scores: Tensor, mask_preds: Tensor, batch_gt_instances: list[InstanceData]
    ) -> dict[str, Tensor]:
        labels = torch.full(cls_scores.shape[:2], self.num_classes, dtype=torch.int64, device=cls_scores.device)
        taken, targets = [], []
        for index, instances in enumerate(batch_gt_instances):
            rows, columns = self._match(cls_scores[index], mask_preds[index], instances)
            labels[index, rows] = instances['labels'][columns]
            taken.append(mask_preds[index, rows])
            targets.append(instances['masks'][columns])
        num_masks = mean_over_ranks(sum(map(len, batch_gt_instances)), cls_scores)
        pred, target = torch.cat(taken), torch.cat(targets)
        if len(pred):
            pred, target = points_for_loss(
                pred,
                target,
                self.train_cfg['num_points'],
                self.train_cfg['oversample_ratio'],
                self.train_cfg['importance_sample_ratio'],
            )
        losses = {}
        criteria: Any = self.loss_decode if isinstance(self.loss_decode, torch.nn.ModuleList) else [self.loss_decode]
        for criterion in criteria:
            name = criterion.loss_name
            if 'loss_cls' in name:
                losses[name] = criterion(cls_scores.flatten(0, 1).float(), labels.flatten())
            elif not len(pred):
                losses[name] = mask_preds.sum() * 0  # keeps every parameter in the graph
            elif 'dice' in name:
                losses[name] = criterion(pred, target, avg_factor=num_masks)
            elif 'loss_mask' in name:
                losses[name] = criterion(pred.flatten(), target.flatten(), avg_factor=num_masks * pred.shape[1])
            else:
                raise ConfigError(
                    f'A loss of SideAdapterCLIPHead should be named loss_cls..., loss_mask... or ...dice, not {name!r}.'
                )
        return losses

    @torch.no_grad()
    def _match(self, cls_scores: Tensor, mask_preds: Tensor, gt_instances: InstanceData) -> tuple[Tensor, Tensor]:
        """Which queries of a sample learn which instances."""
        pred, target = points_for_matching(mask_preds, gt_instances['masks'], self.train_cfg['num_points'])
        found: Any = self.assigner.assign(
            InstanceData(scores=cls_scores.float(), masks=pred),
            InstanceData(labels=gt_instances['labels'], masks=target),
        )
        return found

    def extra_repr(self) -> str:
        return f'ignore_index={self.ignore_index}, align_corners={self.align_corners}'

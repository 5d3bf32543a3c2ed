"""What MaskFormer and Mask2Former share."""

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from mmengine.utils.errors import ConfigError
from mmseg.models.mask_classification.positional_encoding import SinePositionalEncoding
from mmseg.models.mask_classification.targets import (
    input_size,
    masks_of_classes,
    mean_over_ranks,
    semantic_inference,
)
from mmseg.models.mask_classification.transformer import DetrTransformerDecoder
from mmseg.registry import MODELS, TASK_UTILS
from mmseg.structures import SegDataSample
from mmseg.utils.typing_utils import ConfigType, SampleList


def without_type(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a part whose class is given, also from configs that name it."""
    return {key: value for key, value in cfg.items() if key != 'type'}


class MaskClassificationHead(BaseModule, metaclass=ABCMeta):
    """Queries become masks, each with a class or none (Cheng et al., Per-Pixel Classification is Not All You Need).

    Subclasses build the decoder, and write `forward` and the three methods that the losses are made of.

    Args:
        in_channels: of the features, from high resolution to low.
        feat_channels, out_channels: of the pixel decoder.
        pixel_decoder, transformer_decoder, positional_encoding: their configs; the latter two need no type.
        enforce_decoder_input_project: project what queries look at, even if it has the right number of channels.
        train_cfg: `assigner` and `sampler` (default: take all).
    """

    decoder_type: type[DetrTransformerDecoder]

    def __init__(
        self,
        num_classes: int,
        in_channels: Sequence[int],
        feat_channels: int,
        out_channels: int,
        pixel_decoder: Mapping[str, Any],
        transformer_decoder: Mapping[str, Any],
        loss_cls: Mapping[str, Any],
        loss_mask: Mapping[str, Any],
        loss_dice: Mapping[str, Any],
        num_queries: int = 100,
        enforce_decoder_input_project: bool = False,
        positional_encoding: Mapping[str, Any] = {'num_feats': 128, 'normalize': True},
        train_cfg: Any = None,
        test_cfg: Any = None,
        init_cfg: Any = None,
        align_corners: bool = False,
        ignore_index: int = 255,
        strides: Sequence[int] | None = None,
        in_index: Sequence[int] | None = None,
        num_things_classes: int | None = None,
        num_stuff_classes: int | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes = num_classes
        self.out_channels = num_classes
        self.align_corners = align_corners
        self.ignore_index = ignore_index
        self.num_queries = num_queries
        self.in_index = in_index
        self.train_cfg = train_cfg
        self.test_cfg = test_cfg

        decoder_cfg = {
            **pixel_decoder,
            'in_channels': in_channels,
            'feat_channels': feat_channels,
            'out_channels': out_channels,
        }
        self.pixel_decoder = MODELS.build(decoder_cfg)
        self.transformer_decoder = self.decoder_type(**without_type(transformer_decoder))
        self.decoder_embed_dims = self.transformer_decoder.embed_dims
        self._build_inputs(in_channels, feat_channels, enforce_decoder_input_project)
        self.decoder_positional_encoding = SinePositionalEncoding(**without_type(positional_encoding))
        self.cls_embed = nn.Linear(feat_channels, num_classes + 1)
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Linear(feat_channels, feat_channels), nn.ReLU(inplace=True)]
        self.mask_embed = nn.Sequential(*layers, nn.Linear(feat_channels, out_channels))

        self.loss_cls = MODELS.build(loss_cls)
        self.loss_mask = MODELS.build(loss_mask)
        self.loss_dice = MODELS.build(loss_dice)
        self.class_weight: Tensor
        weight = loss_cls.get('class_weight') or [1.0] * (num_classes + 1)
        if len(weight) != num_classes + 1:
            raise ConfigError(
                f'class_weight of loss_cls should have num_classes + 1 = {num_classes + 1} values, the last one for '
                f'"no object", but has {len(weight)}.'
            )
        self.register_buffer('class_weight', torch.tensor(weight, dtype=torch.float32), persistent=False)
        if train_cfg:
            self.assigner = TASK_UTILS.build(train_cfg['assigner'])
            self.sampler = TASK_UTILS.build(train_cfg.get('sampler') or {'type': 'mmdet.MaskPseudoSampler'})

    @abstractmethod
    def _build_inputs(self, in_channels: Sequence[int], feat_channels: int, enforce_project: bool) -> None:
        """Make the projections of the decoder's input and the queries."""

    @abstractmethod
    def forward(self, x: Any, batch_data_samples: SampleList | None = None) -> tuple[Any, Any]:
        """Features to logits of classes `(N, Q, C + 1)` and masks `(N, Q, h, w)` after each layer."""

    @abstractmethod
    def _masks_for_matching(self, mask_preds: Tensor, gt_masks: Tensor) -> tuple[Tensor, Tensor]:
        """What of logits `(Q, h, w)` and masks `(G, H, W)` of a sample the costs of matching compare."""

    @abstractmethod
    def _mask_losses(self, mask_preds: Tensor, gt_masks: Tensor, num_masks: Any) -> tuple[Tensor, Tensor]:
        """Losses, mask and dice, of M > 0 logits `(M, h, w)` with their targets `(M, H, W)`."""

    def _inputs(self, x: Any) -> Any:
        return x if self.in_index is None else [x[index] for index in self.in_index]

    def _seg_data_to_instance_data(self, batch_data_samples: SampleList) -> tuple[list[InstanceData], list[dict]]:
        """The classes of each sample as masks, see `masks_of_classes`, and the metainfo."""
        instances = masks_of_classes(batch_data_samples, self.ignore_index)
        return instances, [sample.metainfo for sample in batch_data_samples]

    def loss(self, x: Any, batch_data_samples: SampleList, train_cfg: ConfigType) -> dict:
        """Losses by name: of the last layer `loss_cls`, `loss_mask`, `loss_dice`, of the others `d0.loss_cls` ..."""
        batch_gt_instances, batch_img_metas = self._seg_data_to_instance_data(batch_data_samples)
        all_cls_scores, all_mask_preds = self(x, batch_data_samples)
        return self.loss_by_feat(all_cls_scores, all_mask_preds, batch_gt_instances, batch_img_metas)

    def loss_by_feat(
        self,
        all_cls_scores: Any,
        all_mask_preds: Any,
        batch_gt_instances: list[InstanceData],
        batch_img_metas: list[dict],
    ) -> dict:
        layers = [
            self._loss_by_feat_single(cls_scores, mask_preds, batch_gt_instances, batch_img_metas)
            for cls_scores, mask_preds in zip(all_cls_scores, all_mask_preds, strict=True)
        ]
        names = ('loss_cls', 'loss_mask', 'loss_dice')
        losses = dict(zip(names, layers[-1], strict=True))
        for index, values in enumerate(layers[:-1]):
            losses.update({f'd{index}.{name}': value for name, value in zip(names, values, strict=True)})
        return losses

    def _loss_by_feat_single(
        self,
        cls_scores: Tensor,
        mask_preds: Tensor,
        batch_gt_instances: list[InstanceData],
        batch_img_metas: list[dict],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Losses, class, mask and dice, of one layer: `(N, Q, C + 1)` and `(N, Q, h, w)`."""
        labels = torch.full(cls_scores.shape[:2], self.num_classes, dtype=torch.int64, device=cls_scores.device)
        taken, targets, count = [], [], 0
        for index, (instances, meta) in enumerate(zip(batch_gt_instances, batch_img_metas, strict=True)):
            result = self._match(cls_scores[index], mask_preds[index], instances, meta)
            labels[index, result.pos_inds] = instances['labels'][result.pos_assigned_gt_inds]
            taken.append(mask_preds[index, result.pos_inds])
            targets.append(instances['masks'][result.pos_assigned_gt_inds])
            count += result.avg_factor

        labels = labels.flatten()
        loss_cls = self.loss_cls(
            cls_scores.flatten(0, 1).float(),
            labels,
            torch.ones_like(labels, dtype=torch.float32),
            avg_factor=self.class_weight[labels].sum(),
        )
        num_masks = mean_over_ranks(count, cls_scores)
        pred, target = torch.cat(taken).float(), torch.cat(targets)
        if not len(pred):
            # No class in the whole batch: zeros that keep every parameter in the graph.
            return loss_cls, mask_preds.sum() * 0, mask_preds.sum() * 0
        loss_mask, loss_dice = self._mask_losses(pred, target, num_masks)
        return loss_cls, loss_mask, loss_dice

    @torch.no_grad()
    def _match(self, cls_scores: Tensor, mask_preds: Tensor, gt_instances: InstanceData, meta: dict) -> Any:
        """Which of the queries of a sample learn which instances."""
        pred, target = self._masks_for_matching(mask_preds, gt_instances['masks'])
        assigned = self.assigner.assign(
            InstanceData(scores=cls_scores.float(), masks=pred),
            InstanceData(labels=gt_instances['labels'], masks=target),
            img_meta=meta,
        )
        return self.sampler.sample(assigned, InstanceData(scores=cls_scores, masks=mask_preds), gt_instances)

    def predict(self, x: Any, batch_img_metas: list[dict], test_cfg: ConfigType) -> Tensor:
        """Scores of classes `(N, C, H, W)` at the size of the padded images."""
        samples = [SegDataSample(metainfo=meta) for meta in batch_img_metas]
        all_cls_scores, all_mask_preds = self(x, samples)
        return semantic_inference(all_cls_scores[-1], all_mask_preds[-1], input_size(batch_img_metas[0]))

"""The base of all decode heads."""

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.losses import accuracy
from mmseg.models.losses.utils import raise_bad_labels
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.structures import build_pixel_sampler
from mmseg.utils.typing_utils import ConfigType, SampleList


class BaseDecodeHead(BaseModule, metaclass=ABCMeta):
    """Features of a backbone to logits of classes; a subclass defines `forward`.

    A subclass calls `self._transform_inputs(inputs)` for its features and `self.cls_seg(features)`, with
    `features (N, channels, H, W)`, for its logits `(N, out_channels, H, W)`.

    Args:
        in_channels: Channels of the input, or of each input if `input_transform` is set.
        channels: Channels before the last convolution, `conv_seg`.
        num_classes: Number of classes, the background included if it is one.
        out_channels: Channels of the logits: `num_classes` (default), or 1 for two classes, where a sigmoid decides.
        threshold: With one channel, the probability above which a pixel is foreground; 0.3 by default.
        dropout_ratio: Of whole channels, before `conv_seg`.
        in_index: Which features are used: an index, or a list if `input_transform` is set.
        input_transform: None: one feature. `'resize_concat'`: features resized to the first of them and
            concatenated. `'multiple_select'`: a list of features.
        loss_decode: One loss, or a list of losses; losses of the same name are added.
        ignore_index: Label that counts nowhere.
        sampler: Config of a pixel sampler, which weighs pixels in the loss.
    """

    def __init__(
        self,
        in_channels: Any,
        channels: int,
        *,
        num_classes: int,
        out_channels: int | None = None,
        threshold: float | None = None,
        dropout_ratio: float = 0.1,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = {'type': 'ReLU'},
        in_index: Any = -1,
        input_transform: str | None = None,
        loss_decode: Any = {'type': 'CrossEntropyLoss', 'use_sigmoid': False, 'loss_weight': 1.0},
        ignore_index: int = 255,
        sampler: dict | None = None,
        align_corners: bool = False,
        init_cfg: Any = {'type': 'Normal', 'std': 0.01, 'override': {'name': 'conv_seg'}},
    ) -> None:
        super().__init__(init_cfg)
        self._init_inputs(in_channels, in_index, input_transform)
        self.channels = channels
        self.dropout_ratio = dropout_ratio
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        self.in_index = in_index
        self.ignore_index = ignore_index
        self.align_corners = align_corners

        if out_channels is None:
            out_channels = num_classes
        if out_channels != num_classes and not (out_channels == 1 and num_classes == 2):
            raise ConfigError(
                f'out_channels should be num_classes ({num_classes}), or 1 with num_classes=2, but is {out_channels}.'
            )
        self.num_classes = num_classes
        self.out_channels = out_channels
        self.threshold = 0.3 if threshold is None and out_channels == 1 else threshold

        if isinstance(loss_decode, dict):
            self.loss_decode: nn.Module = MODELS.build(loss_decode)
        elif isinstance(loss_decode, list | tuple):
            self.loss_decode = nn.ModuleList([MODELS.build(loss) for loss in loss_decode])
        else:
            raise ConfigError(f'loss_decode should be a dict or a list of dicts, but is {loss_decode!r}.')
        self.sampler = None if sampler is None else build_pixel_sampler(sampler, context=self)

        self.conv_seg = nn.Conv2d(channels, out_channels, kernel_size=1)
        self.dropout = nn.Dropout2d(dropout_ratio) if dropout_ratio > 0 else None

    def extra_repr(self) -> str:
        return (
            f'input_transform={self.input_transform}, ignore_index={self.ignore_index}, '
            f'align_corners={self.align_corners}'
        )

    def _init_inputs(self, in_channels: Any, in_index: Any, input_transform: str | None) -> None:
        """Check the three arguments against each other and set `in_channels`, the channels after the transform."""
        if input_transform not in (None, 'resize_concat', 'multiple_select'):
            raise ConfigError(
                f"input_transform should be 'resize_concat', 'multiple_select' or None, but is {input_transform!r}."
            )
        self.input_transform = input_transform
        self.in_index = in_index
        if input_transform is None:
            if not isinstance(in_channels, int) or not isinstance(in_index, int):
                raise ConfigError(
                    f'Without input_transform, in_channels and in_index should be integers, '
                    f'but are {in_channels!r} and {in_index!r}.'
                )
            self.in_channels: Any = in_channels
            return
        if not isinstance(in_channels, list | tuple) or not isinstance(in_index, list | tuple):
            raise ConfigError(
                f'With input_transform={input_transform!r}, in_channels and in_index should be lists, '
                f'but are {in_channels!r} and {in_index!r}.'
            )
        if len(in_channels) != len(in_index):
            raise ConfigError(
                f'in_channels {list(in_channels)} and in_index {list(in_index)} should have the same length.'
            )
        self.in_channels = sum(in_channels) if input_transform == 'resize_concat' else in_channels

    def _transform_inputs(self, inputs: Any) -> Any:
        """Select features by `in_index` and `input_transform`: a tensor, or a list for `'multiple_select'`."""
        if self.input_transform is None:
            return inputs[self.in_index]
        selected = [inputs[index] for index in self.in_index]
        if self.input_transform == 'multiple_select':
            return selected
        size = selected[0].shape[2:]
        return torch.cat(
            [resize(x, size=size, mode='bilinear', align_corners=self.align_corners) for x in selected], dim=1
        )

    @abstractmethod
    def forward(self, inputs: Any) -> Any:
        """Features, a sequence of `(N, C, H, W)`, to logits `(N, out_channels, h, w)`."""

    def cls_seg(self, feat: Tensor) -> Tensor:
        """Dropout and the last convolution."""
        if self.dropout is not None:
            feat = self.dropout(feat)
        return self.conv_seg(feat)

    def loss(self, inputs: Any, batch_data_samples: SampleList, train_cfg: ConfigType) -> dict:
        """Losses, by name, of features and samples with `gt_sem_seg`."""
        return self.loss_by_feat(self.forward(inputs), batch_data_samples)

    def predict(self, inputs: Any, batch_img_metas: list[dict], test_cfg: ConfigType) -> Tensor:
        """Logits of features, at the size of the padded images."""
        return self.predict_by_feat(self.forward(inputs), batch_img_metas)

    def _stack_batch_gt(self, batch_data_samples: SampleList) -> Tensor:
        """`(N, 1, H, W)`."""
        maps: list[Any] = [sample.gt_sem_seg for sample in batch_data_samples]
        return torch.stack([label.data for label in maps], dim=0)

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: SampleList) -> dict:
        """Losses, by name, of logits, and the pixel accuracy `acc_seg` in percent.

        Raises:
            DataError: A label is no class; the message names the files.
        """
        seg_label = self._stack_batch_gt(batch_data_samples)
        seg_logits = resize(seg_logits, size=seg_label.shape[2:], mode='bilinear', align_corners=self.align_corners)
        if seg_logits.dtype in (torch.float16, torch.bfloat16):
            # Sums over all pixels of a batch would overflow or lose their last digits.
            seg_logits = seg_logits.float()
        try:
            return self._losses(seg_logits, seg_label)
        except (ValueError, IndexError, RuntimeError) as error:
            raise_bad_labels(error, seg_label, self.num_classes, self.ignore_index, _names(batch_data_samples))
            raise

    def _losses(self, seg_logits: Tensor, seg_label: Tensor) -> dict:
        weight = None if self.sampler is None else self.sampler.sample(seg_logits, seg_label)
        seg_label = seg_label.squeeze(1)
        losses: Any = self.loss_decode if isinstance(self.loss_decode, nn.ModuleList) else [self.loss_decode]
        values: dict[str, Tensor] = {}
        for loss in losses:
            value = loss(seg_logits, seg_label, weight=weight, ignore_index=self.ignore_index)
            values[loss.loss_name] = values[loss.loss_name] + value if loss.loss_name in values else value
        values['acc_seg'] = self._accuracy(seg_logits.detach(), seg_label)
        return values

    def _accuracy(self, seg_logits: Tensor, seg_label: Tensor) -> Tensor:
        if self.out_channels == 1:
            # Background wins up to the threshold, as in prediction.
            probs = seg_logits.sigmoid()
            seg_logits = torch.cat([torch.full_like(probs, self.threshold or 0.0), probs], dim=1)
        return accuracy(seg_logits, seg_label, ignore_index=self.ignore_index)

    def predict_by_feat(self, seg_logits: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits resized to the size of the padded images."""
        meta = batch_img_metas[0]
        # The segmentor marks a window of sliding inference by a torch.Size.
        if isinstance(meta['img_shape'], torch.Size) or 'pad_shape' not in meta:
            size = meta['img_shape']
        else:
            size = meta['pad_shape'][:2]
        return resize(seg_logits, size=size, mode='bilinear', align_corners=self.align_corners)


def _names(samples: SampleList) -> Sequence[str]:
    """The mask file of each sample, or what else is known of it."""
    metas = [sample.metainfo for sample in samples]
    return [
        str(meta.get('seg_map_path') or meta.get('img_path') or f'sample {index} of the batch')
        for index, meta in enumerate(metas)
    ]

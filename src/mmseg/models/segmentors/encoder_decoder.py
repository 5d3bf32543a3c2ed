"""Backbone, neck and heads."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from mmengine.utils.errors import ConfigError
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.utils import add_prefix
from mmseg.utils.typing_utils import ConfigType, OptConfigType, OptMultiConfig, OptSampleList, SampleList


@MODELS.register_module()
class EncoderDecoder(BaseSegmentor):
    """Features of a backbone, and of a neck if there is one, decoded by a head.

    Auxiliary heads only add losses, with the prefix `aux` (`aux_0`, `aux_1` ... for a list).

    Args:
        pretrained: A checkpoint for the backbone, if its config has none.
        test_cfg: `mode='whole'`: whole images. `mode='slide'`: windows of `crop_size` (h, w), `stride` (h, w)
            apart, with overlaps averaged; `window_batch` windows (1) go through the model together.
    """

    backbone: Any
    neck: Any
    decode_head: Any
    auxiliary_head: Any

    def __init__(
        self,
        backbone: ConfigType,
        decode_head: ConfigType,
        neck: OptConfigType = None,
        auxiliary_head: Any = None,
        train_cfg: OptConfigType = None,
        test_cfg: OptConfigType = None,
        data_preprocessor: OptConfigType = None,
        pretrained: str | None = None,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if pretrained is not None:
            if backbone.get('pretrained') is not None:
                raise ConfigError(
                    f'Both the segmentor ({pretrained!r}) and its backbone ({backbone["pretrained"]!r}) have '
                    '`pretrained`; keep one.'
                )
            backbone = backbone.copy()
            backbone['pretrained'] = pretrained
        self.backbone = MODELS.build(backbone)
        if neck is not None:
            self.neck = MODELS.build(neck)
        self._init_decode_head(decode_head)
        self._init_auxiliary_head(auxiliary_head)
        self.train_cfg = train_cfg
        self.test_cfg = test_cfg

    def _init_decode_head(self, decode_head: Any) -> None:
        """Build the head and take over its `align_corners`, `num_classes` and `out_channels`."""
        self.decode_head = MODELS.build(decode_head)
        self.align_corners = self.decode_head.align_corners
        self.num_classes = self.decode_head.num_classes
        self.out_channels = self.decode_head.out_channels

    def _init_auxiliary_head(self, auxiliary_head: Any) -> None:
        if isinstance(auxiliary_head, list | tuple):
            self.auxiliary_head = nn.ModuleList([MODELS.build(cfg) for cfg in auxiliary_head])
        elif auxiliary_head is not None:
            self.auxiliary_head = MODELS.build(auxiliary_head)

    def extract_feat(self, inputs: Tensor) -> Any:
        """Images `(N, C, H, W)` to the features of the neck, or of the backbone."""
        x = self.backbone(inputs)
        return self.neck(x) if self.with_neck else x

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Images to logits of the size that the metainfo of the first one says."""
        return self.decode_head.predict(self.extract_feat(inputs), batch_img_metas, self.test_cfg)

    def _decode_head_forward_train(self, inputs: Any, data_samples: SampleList) -> dict:
        return add_prefix(self.decode_head.loss(inputs, data_samples, self.train_cfg), 'decode')

    def _auxiliary_head_forward_train(self, inputs: Any, data_samples: SampleList) -> dict:
        if not isinstance(self.auxiliary_head, nn.ModuleList):
            return add_prefix(self.auxiliary_head.loss(inputs, data_samples, self.train_cfg), 'aux')
        losses = {}
        heads: Any = self.auxiliary_head
        for index, head in enumerate(heads):
            losses.update(add_prefix(head.loss(inputs, data_samples, self.train_cfg), f'aux_{index}'))
        return losses

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """Losses of all heads; `data_samples` have `gt_sem_seg`."""
        x = self.extract_feat(inputs)
        losses = self._decode_head_forward_train(x, data_samples)
        if self.with_auxiliary_head:
            losses.update(self._auxiliary_head_forward_train(x, data_samples))
        return losses

    def predict(self, inputs: Tensor, data_samples: OptSampleList = None) -> SampleList:
        """Samples with `seg_logits` and `pred_sem_seg`, at the size of the original images."""
        if data_samples is None:
            size = tuple(inputs.shape[2:])
            meta = {'ori_shape': size, 'img_shape': size, 'pad_shape': size, 'padding_size': [0, 0, 0, 0]}
            metas = [dict(meta) for _ in range(len(inputs))]
        else:
            metas = [sample.metainfo for sample in data_samples]
        return self.postprocess_result(self.inference(inputs, metas), data_samples)

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Any:
        return self.decode_head.forward(self.extract_feat(inputs))

    def slide_inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits `(N, C, H, W)` of overlapping windows, averaged where they overlap.

        The last window of a row or column is moved back into the image; an image smaller than a window is one.
        """
        cfg: Any = self.test_cfg
        (h_stride, w_stride), (h_crop, w_crop) = cfg['stride'], cfg['crop_size']
        if h_stride > h_crop or w_stride > w_crop:
            raise ConfigError(
                f'stride {tuple(cfg["stride"])} of test_cfg exceeds crop_size {tuple(cfg["crop_size"])}: pixels '
                'between the windows would get no prediction.'
            )
        batch_size, _, height, width = inputs.shape
        tops = _window_starts(height, h_crop, h_stride)
        lefts = _window_starts(width, w_crop, w_stride)
        h_crop, w_crop = min(h_crop, height), min(w_crop, width)
        windows = [(slice(top, top + h_crop), slice(left, left + w_crop)) for top in tops for left in lefts]
        crop_shape = torch.Size((h_crop, w_crop))
        metas = [{**meta, 'img_shape': crop_shape} for meta in batch_img_metas]

        logits = inputs.new_zeros((batch_size, self.out_channels, height, width))
        count = inputs.new_zeros((1, 1, height, width))
        step = cfg.get('window_batch', 1)
        for first in range(0, len(windows), step):
            chunk = windows[first : first + step]
            crops = torch.cat([inputs[:, :, rows, cols] for rows, cols in chunk])
            parts = self.encode_decode(crops, metas * len(chunk)).chunk(len(chunk))
            for (rows, cols), part in zip(chunk, parts, strict=True):
                logits[:, :, rows, cols] += part
                count[:, :, rows, cols] += 1
        return logits / count

    def whole_inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits `(N, C, H, W)` in one pass."""
        return self.encode_decode(inputs, batch_img_metas)

    def inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits of padded images, by the mode of `test_cfg`."""
        mode = (self.test_cfg or {}).get('mode', 'whole')
        if mode not in ('slide', 'whole'):
            raise ConfigError(f"test_cfg.mode should be 'slide' or 'whole', but is {mode!r}.")
        shapes = {tuple(meta['ori_shape']) for meta in batch_img_metas}
        if len(shapes) > 1:
            warnings.warn(f'The images of a batch have different original shapes: {sorted(shapes)}.', stacklevel=2)
        if mode == 'slide':
            return self.slide_inference(inputs, batch_img_metas)
        return self.whole_inference(inputs, batch_img_metas)

    def aug_test(self, inputs: Any, batch_img_metas: list, rescale: bool = True) -> Any:
        """The earlier way of test-time augmentation; today `SegTTAModel` wraps the segmentor."""
        raise NotImplementedError('Test-time augmentation is done by SegTTAModel, around the segmentor.')


def _window_starts(length: int, window: int, stride: int) -> list[int]:
    number = max(length - window + stride - 1, 0) // stride + 1
    return [max(min(index * stride, length - window), 0) for index in range(number)]

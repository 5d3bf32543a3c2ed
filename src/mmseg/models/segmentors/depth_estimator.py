"""Depth from one image."""

from typing import Any

import torch
from torch import Tensor

from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError
from mmseg.models.segmentors.base import _FLIP_AXES
from mmseg.models.segmentors.encoder_decoder import EncoderDecoder
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import add_prefix
from mmseg.utils.typing_utils import OptSampleList, SampleList


@MODELS.register_module()
class DepthEstimator(EncoderDecoder):
    """An `EncoderDecoder` whose map is depth: it predicts `pred_depth_map (1, H, W)`.

    `test_cfg.mode` may also be `'slide_flip'`: windows as for `'slide'`, of the image and of its mirror image. A
    backbone with `class_embed_select` is given `(images, category_ids)`, if the samples have a `category_id`.
    """

    def extract_feat(self, inputs: Tensor, batch_img_metas: list[dict] | None = None) -> Any:
        """Images `(N, C, H, W)` to features."""
        x: Any = inputs
        if (
            getattr(self.backbone, 'class_embed_select', False)
            and batch_img_metas
            and all('category_id' in meta for meta in batch_img_metas)
        ):
            categories = [meta['category_id'] for meta in batch_img_metas]
            x = (inputs, torch.tensor(categories).to(inputs.device, non_blocking=True))
        x = self.backbone(x)
        return self.neck(x) if self.with_neck else x

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Images to depth of the size that the metainfo of the first one says."""
        return self.decode_head.predict(self.extract_feat(inputs, batch_img_metas), batch_img_metas, self.test_cfg)

    def _decode_head_forward_train(self, inputs: Any, data_samples: SampleList) -> dict:
        return add_prefix(self.decode_head.loss(inputs, data_samples, self.train_cfg), 'decode')

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """Losses of all heads; `data_samples` have `gt_depth_map`."""
        x = self.extract_feat(inputs, [sample.metainfo for sample in data_samples])
        losses = self._decode_head_forward_train(x, data_samples)
        if self.with_auxiliary_head:
            losses.update(self._auxiliary_head_forward_train(x, data_samples))
        return losses

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Any:
        metas = None if data_samples is None else [sample.metainfo for sample in data_samples]
        return self.decode_head.forward(self.extract_feat(inputs, metas))

    def slide_flip_inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """The mean of `slide_inference` of the images and of their mirror images."""
        depth = self.slide_inference(inputs, batch_img_metas)
        return (depth + self.slide_inference(inputs.flip(3), batch_img_metas).flip(3)) / 2

    def inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        mode = (self.test_cfg or {}).get('mode', 'whole')
        if mode == 'slide_flip':
            return self.slide_flip_inference(inputs, batch_img_metas)
        if mode not in ('slide', 'whole'):
            raise ConfigError(f"test_cfg.mode should be 'slide', 'slide_flip' or 'whole', but is {mode!r}.")
        return super().inference(inputs, batch_img_metas)

    def postprocess_result(self, depth: Tensor, data_samples: OptSampleList = None) -> SampleList:
        """Bring depth `(N, 1, H, W)` back to the original images, as `pred_depth_map (1, h, w)`."""
        results: Any = [SegDataSample() for _ in depth] if data_samples is None else data_samples
        for result, plane in zip(results, depth, strict=True):
            if data_samples is not None:
                meta = result.metainfo
                left, right, top, bottom = meta.get('img_padding_size', meta.get('padding_size', (0, 0, 0, 0)))
                plane = plane[:, top : plane.shape[1] - bottom, left : plane.shape[2] - right]
                if meta.get('flip'):
                    plane = plane.flip(_FLIP_AXES[meta['flip_direction']])
                plane = resize(
                    plane[None],
                    size=meta['ori_shape'],
                    mode='bilinear',
                    align_corners=self.align_corners,
                    warning=False,
                )[0]
            result.set_data({'pred_depth_map': PixelData(data=plane)})
        return results

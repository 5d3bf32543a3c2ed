"""An image encoder, a text encoder and a head that compares what they give."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from mmengine.checkpoint import CheckpointLoader, load_state_dict
from mmengine.logging import print_log
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.models.segmentors.clip_weights import clip_weights
from mmseg.models.segmentors.encoder_decoder import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils.typing_utils import ConfigType, OptConfigType, OptMultiConfig, OptSampleList, SampleList


@MODELS.register_module()
class MultimodalEncoderDecoder(EncoderDecoder):
    """Features of images and vectors of class names, decoded by a head (Xu et al., SAN, arXiv:2302.12242).

    The head gets the images, the features and the vectors.

    Args:
        pretrained: a checkpoint of CLIP, for the two encoders and for the layers of the head that come from it.
        asymetric_input: whether the image encoder sees the images at `encoder_resolution` times their size.
    """

    def __init__(
        self,
        image_encoder: ConfigType,
        text_encoder: ConfigType,
        decode_head: ConfigType,
        train_cfg: OptConfigType = None,
        test_cfg: OptConfigType = None,
        data_preprocessor: OptConfigType = None,
        pretrained: str | None = None,
        asymetric_input: bool = True,
        encoder_resolution: float | None = None,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        # Not that of EncoderDecoder: there is no backbone.
        BaseSegmentor.__init__(self, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.pretrained = pretrained
        self.image_encoder = MODELS.build(image_encoder)
        self.text_encoder = MODELS.build(text_encoder)
        self._init_decode_head(decode_head)
        self.asymetric_input = asymetric_input
        self.encoder_resolution = encoder_resolution
        self.train_cfg = train_cfg
        self.test_cfg = test_cfg

    def init_weights(self) -> None:
        super().init_weights()
        if self.pretrained is None:
            return
        print_log(f'load CLIP from: {self.pretrained}', logger='current')
        checkpoint = CheckpointLoader.load_checkpoint(self.pretrained, map_location='cpu')
        state = clip_weights(checkpoint.get('state_dict', checkpoint), len(self.image_encoder.layers))
        load_state_dict(self, state, strict=False, logger='current')

    def extract_feat(self, inputs: Tensor) -> Any:
        """Images `(N, C, H, W)` to the features of the image encoder."""
        if self.asymetric_input and self.encoder_resolution:
            inputs = F.interpolate(inputs, scale_factor=self.encoder_resolution, mode='bilinear')
        return self.image_encoder(inputs)

    def _head_inputs(self, inputs: Tensor) -> list[Any]:
        return [inputs, self.extract_feat(inputs), self.text_encoder()]

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        return self.decode_head.predict(self._head_inputs(inputs), batch_img_metas, self.test_cfg)

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        return self._decode_head_forward_train(self._head_inputs(inputs), data_samples)

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Any:
        return self.decode_head.forward(self._head_inputs(inputs), [])

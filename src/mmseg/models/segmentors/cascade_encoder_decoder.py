"""Heads that refine each other."""

from typing import Any

from torch import Tensor, nn

from mmengine.utils.errors import ConfigError
from mmseg.models.segmentors.encoder_decoder import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import add_prefix
from mmseg.utils.typing_utils import ConfigType, OptConfigType, OptMultiConfig, OptSampleList, SampleList


@MODELS.register_module()
class CascadeEncoderDecoder(EncoderDecoder):
    """An `EncoderDecoder` with a list of heads, each of which also takes the logits of the one before.

    Args:
        num_stages: Number of decode heads.
    """

    def __init__(
        self,
        num_stages: int,
        backbone: ConfigType,
        decode_head: Any,
        neck: OptConfigType = None,
        auxiliary_head: Any = None,
        train_cfg: OptConfigType = None,
        test_cfg: OptConfigType = None,
        data_preprocessor: OptConfigType = None,
        pretrained: str | None = None,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        self.num_stages = num_stages
        super().__init__(
            backbone=backbone,
            decode_head=decode_head,
            neck=neck,
            auxiliary_head=auxiliary_head,
            train_cfg=train_cfg,
            test_cfg=test_cfg,
            data_preprocessor=data_preprocessor,
            pretrained=pretrained,
            init_cfg=init_cfg,
        )

    def _init_decode_head(self, decode_head: Any) -> None:
        if not isinstance(decode_head, list | tuple) or len(decode_head) != self.num_stages:
            raise ConfigError(f'decode_head should be a list of num_stages={self.num_stages} heads.')
        self.decode_head = nn.ModuleList([MODELS.build(cfg) for cfg in decode_head])
        last: Any = self.decode_head[-1]
        self.align_corners = last.align_corners
        self.num_classes = last.num_classes
        self.out_channels = last.out_channels

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        x = self.extract_feat(inputs)
        out = self.decode_head[0].forward(x)
        for head in self.decode_head[1:-1]:
            out = head.forward(x, out)
        return self.decode_head[-1].predict(x, out, batch_img_metas, self.test_cfg)

    def _decode_head_forward_train(self, inputs: Any, data_samples: SampleList) -> dict:
        losses = add_prefix(self.decode_head[0].loss(inputs, data_samples, self.train_cfg), 'decode_0')
        previous = None
        for index in range(1, self.num_stages):
            before = self.decode_head[index - 1]
            previous = before.forward(inputs) if previous is None else before.forward(inputs, previous)
            stage = self.decode_head[index].loss(inputs, previous, data_samples, self.train_cfg)
            losses.update(add_prefix(stage, f'decode_{index}'))
        return losses

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Any:
        x = self.extract_feat(inputs)
        out = self.decode_head[0].forward(x)
        for head in self.decode_head[1:]:
            out = head.forward(x, out)
        return out

"""The base of all segmentors."""

from abc import ABCMeta, abstractmethod
from typing import Any

from torch import Tensor

from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils.typing_utils import ForwardResults, OptConfigType, OptMultiConfig, OptSampleList, SampleList

_FLIP_AXES = {'horizontal': (2,), 'vertical': (1,), 'diagonal': (1, 2)}


class BaseSegmentor(BaseModel, metaclass=ABCMeta):
    """A model with the modes `'tensor'`, `'loss'` and `'predict'` of `forward`."""

    # Set by subclasses.
    decode_head: Any
    align_corners: bool

    def __init__(self, data_preprocessor: OptConfigType = None, init_cfg: OptMultiConfig = None) -> None:
        if isinstance(data_preprocessor, dict):
            # In this package's scope, whatever the default scope is.
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)  # type: ignore[arg-type]

    @property
    def with_neck(self) -> bool:
        return getattr(self, 'neck', None) is not None

    @property
    def with_auxiliary_head(self) -> bool:
        return getattr(self, 'auxiliary_head', None) is not None

    @property
    def with_decode_head(self) -> bool:
        return getattr(self, 'decode_head', None) is not None

    @abstractmethod
    def extract_feat(self, inputs: Tensor) -> Any:
        """Images `(N, C, H, W)` to features."""

    @abstractmethod
    def encode_decode(self, inputs: Tensor, batch_data_samples: Any) -> Tensor:
        """Images to logits of their size."""

    def forward(self, inputs: Tensor, data_samples: OptSampleList = None, mode: str = 'tensor') -> ForwardResults:
        """Run in one of three modes.

        Args:
            inputs: `(N, C, H, W)`.
            mode: `'tensor'`: logits. `'loss'`: a dict of losses. `'predict'`: samples with predictions.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)  # type: ignore[arg-type]
        if mode == 'predict':
            return self.predict(inputs, data_samples)  # type: ignore[return-value]
        if mode == 'tensor':
            return self._forward(inputs, data_samples)
        raise ConfigError(f"mode should be 'tensor', 'loss' or 'predict', but is {mode!r}.")

    @abstractmethod
    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """Losses by name."""

    @abstractmethod
    def predict(self, inputs: Tensor, data_samples: OptSampleList = None) -> SampleList:
        """Samples with `seg_logits` and `pred_sem_seg`."""

    @abstractmethod
    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Any:
        """The output of the head."""

    def postprocess_result(self, seg_logits: Tensor, data_samples: OptSampleList = None) -> SampleList:
        """Bring logits back to the original images and decide the labels.

        Padding is cut off, flips are undone and the logits are resized to `ori_shape`. The label is the largest
        logit; of a single channel, whether its probability exceeds the threshold of the decode head.

        Args:
            seg_logits: `(N, C, H, W)` of the padded images.
            data_samples: Without them, the logits stay as they are.

        Returns:
            Samples with `seg_logits (C, h, w)`, probabilities for C = 1, and `pred_sem_seg (1, h, w)`.
        """
        batch_size, channels, height, width = seg_logits.shape
        results = [SegDataSample() for _ in range(batch_size)] if data_samples is None else data_samples
        for index in range(batch_size):
            logits = seg_logits[index]
            if data_samples is not None:
                meta = data_samples[index].metainfo
                padding = meta.get('img_padding_size', meta.get('padding_size', (0, 0, 0, 0)))
                left, right, top, bottom = padding
                logits = logits[:, top : height - bottom, left : width - right]
                if meta.get('flip'):
                    logits = logits.flip(_FLIP_AXES[meta['flip_direction']])
                logits = resize(
                    logits[None],
                    size=meta['ori_shape'],
                    mode='bilinear',
                    align_corners=self.align_corners,
                    warning=False,
                )[0]
            if channels > 1:
                labels = logits.argmax(dim=0, keepdim=True)
            else:
                logits = logits.sigmoid()
                labels = (logits > self.decode_head.threshold).to(logits)
            results[index].set_data({'seg_logits': PixelData(data=logits), 'pred_sem_seg': PixelData(data=labels)})
        return results

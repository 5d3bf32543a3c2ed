"""From loaded samples to the batch that a model takes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from mmengine.model import BaseDataPreprocessor
from mmengine.utils.errors import ConfigError, DataError
from mmseg.registry import MODELS
from mmseg.utils.misc import stack_batch


@MODELS.register_module()
class SegDataPreProcessor(BaseDataPreprocessor):
    """Move to the device, swap channels, normalise, pad and stack.

    In training images are padded to `size` or a multiple of `size_divisor`, and their masks by `seg_pad_val`. In
    testing they are padded only if `test_cfg` has `size` or `size_divisor`.

    Args:
        mean, std: Of each channel, in the range of the images (usually 0 to 255), after the swap of channels.
        size: `(H, W)`.
        pad_val: Value of padding, after normalisation.
        bgr_to_rgb, rgb_to_bgr: Reverse the channels of images that have three.
        batch_augments: Configs of modules that take and return `(inputs, data_samples)`, applied in training.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        size: Sequence[int] | None = None,
        size_divisor: int | None = None,
        pad_val: float = 0,
        seg_pad_val: float = 255,
        bgr_to_rgb: bool = False,
        rgb_to_bgr: bool = False,
        batch_augments: list[dict] | None = None,
        test_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        if bgr_to_rgb and rgb_to_bgr:
            raise ConfigError('bgr_to_rgb and rgb_to_bgr exclude each other: both reverse the channels.')
        if (mean is None) != (std is None):
            raise ConfigError(f'mean and std go together, but are {mean!r} and {std!r}.')
        self.size = size
        self.size_divisor = size_divisor
        self.pad_val = pad_val
        self.seg_pad_val = seg_pad_val
        self.channel_conversion = bgr_to_rgb or rgb_to_bgr
        self._enable_normalize = mean is not None
        if mean is not None and std is not None:
            self.register_buffer('mean', torch.tensor(mean, dtype=torch.float32).view(-1, 1, 1), False)
            self.register_buffer('std', torch.tensor(std, dtype=torch.float32).view(-1, 1, 1), False)
        self.batch_augments = (
            None if batch_augments is None else nn.ModuleList([MODELS.build(cfg) for cfg in batch_augments])
        )
        self.test_cfg = test_cfg

    def forward(self, data: Any, training: bool = False) -> dict[str, Any]:
        """`data`: `inputs`, images `(C, H, W)`, and `data_samples`. Returns both, `inputs (N, C, H, W)` float32.

        Raises:
            DataError: In testing, images of different sizes without `test_cfg` to pad them.
        """
        data = self.cast_data(data)
        images = [self._normalize(image) for image in data['inputs']]
        samples = data.get('data_samples')
        if training:
            if samples is None:
                raise DataError('Training needs data_samples; does the pipeline end with PackSegInputs?')
            inputs, samples = stack_batch(images, samples, self.size, self.size_divisor, self.pad_val, self.seg_pad_val)
            for augment in self.batch_augments or ():
                inputs, samples = augment(inputs, samples)
        elif self.test_cfg:
            inputs, infos = stack_batch(
                images,
                size=self.test_cfg.get('size'),
                size_divisor=self.test_cfg.get('size_divisor'),
                pad_val=self.pad_val,
                seg_pad_val=self.seg_pad_val,
            )
            for sample, info in zip(samples or (), infos, strict=bool(samples)):
                sample.set_metainfo(info)
        else:
            sizes = {tuple(image.shape[1:]) for image in images}
            if len(sizes) > 1:
                raise DataError(
                    f'Images of one test batch have the sizes {sorted(sizes)}. Use batch_size=1, or let '
                    'data_preprocessor pad them: test_cfg=dict(size_divisor=32).'
                )
            inputs = torch.stack(images)
        return {'inputs': inputs, 'data_samples': samples}

    def _normalize(self, image: torch.Tensor) -> torch.Tensor:
        if image.dtype == torch.uint16:
            image = image.float()  # little else is implemented for this type
        if self.channel_conversion and image.shape[0] == 3:
            image = image.flip(0)
        image = image.float()
        if not self._enable_normalize:
            return image
        if len(self.mean) not in (1, image.shape[0]):
            raise DataError(
                f'The images have {image.shape[0]} channels, but mean and std of data_preprocessor {len(self.mean)} '
                'values: one for each channel is needed, or one for all.'
            )
        return (image - self.mean) / self.std

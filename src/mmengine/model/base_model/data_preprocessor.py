"""From a batch as the data loader collates it to what a model's `forward` takes, on the model's device."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import nn
from torch.nn import functional as F

from mmengine.model.utils import stack_batch
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement


def cuda_device(device: int | str | torch.device | None) -> torch.device:
    """What `Module.cuda(device)` means: `None` is the current device."""
    if device is None:
        return torch.device('cuda')
    return torch.device('cuda', device) if isinstance(device, int) else torch.device(device)


@MODELS.register_module()
class BaseDataPreprocessor(nn.Module):
    """Moves a batch to the device of the model.

    Args:
        non_blocking: copy without waiting; takes effect for pinned memory.
    """

    def __init__(self, non_blocking: bool | None = False) -> None:
        super().__init__()
        self._non_blocking = bool(non_blocking)
        self._device = torch.device('cpu')

    def cast_data(self, data: Any) -> Any:
        """Move tensors and data elements in nested mappings and sequences; everything else passes."""
        if isinstance(data, torch.Tensor):
            device = self._device
            return data if data.device == device else data.to(device, non_blocking=self._non_blocking)
        if isinstance(data, (dict, Mapping)):  # the first is the quicker question
            return {key: self.cast_data(value) for key, value in data.items()}
        if isinstance(data, BaseDataElement):
            return data.to(self._device, non_blocking=self._non_blocking)
        if isinstance(data, (str, bytes)) or data is None:
            return data
        if isinstance(data, tuple) and hasattr(data, '_fields'):
            return type(data)(*(self.cast_data(item) for item in data))
        if isinstance(data, Sequence):
            return type(data)(self.cast_data(item) for item in data)  # type: ignore[call-arg]
        return data

    def forward(self, data: dict[str, Any], training: bool = False) -> Any:
        """Move a batch of the data loader; `training` is for preprocessors that augment batches."""
        return self.cast_data(data)

    @property
    def device(self) -> torch.device:
        return self._device

    def to(self, *args: Any, **kwargs: Any) -> Self:
        device = torch._C._nn._parse_to(*args, **kwargs)[0]
        if device is not None:
            self._device = torch.device(device)
        return super().to(*args, **kwargs)

    def cuda(self, device: int | str | torch.device | None = None) -> Self:
        self._device = cuda_device(device)
        return super().cuda(self._device)

    def cpu(self) -> Self:
        self._device = torch.device('cpu')
        return super().cpu()


@MODELS.register_module()
class ImgDataPreprocessor(BaseDataPreprocessor):
    """Also normalises images, swaps their first and last channel, and pads them to a batch.

    Args:
        mean, std: a value for each channel, or one for all, in the range of the images (usually 0-255).
        pad_size_divisor: height and width become multiples of it.
        pad_value: what is put at right and bottom, after normalisation.
        bgr_to_rgb, rgb_to_bgr: which way channels are swapped; of three-channel images only.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        pad_size_divisor: int = 1,
        pad_value: float = 0,
        bgr_to_rgb: bool = False,
        rgb_to_bgr: bool = False,
        non_blocking: bool | None = False,
    ) -> None:
        super().__init__(non_blocking)
        if bgr_to_rgb and rgb_to_bgr:
            raise ValueError('bgr_to_rgb and rgb_to_bgr cannot both be True: they are the same swap')
        if (mean is None) != (std is None):
            raise ValueError(f'mean and std should be both given or both None, but got mean={mean}, std={std}')
        self._enable_normalize = mean is not None
        if mean is not None and std is not None:
            if not len(mean) or len(mean) != len(std) and 1 not in (len(mean), len(std)):
                raise ValueError(f'mean and std should have a value for each channel, but got {mean} and {std}')
            self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
            self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)
        self._channel_conversion = rgb_to_bgr or bgr_to_rgb
        self.pad_size_divisor = pad_size_divisor
        self.pad_value = pad_value

    def forward(self, data: dict[str, Any], training: bool = False) -> Any:
        """Prepare `data['inputs']`.

        Args:
            data: its `inputs` are a list of images `(C, H, W)`, or a batch `(N, C, H, W)`, of any dtype.

        Returns:
            `data` with `inputs` a float batch `(N, C, H', W')`, and `data_samples`, `None` when there were none.
        """
        data = self.cast_data(data)
        inputs = data['inputs']
        if isinstance(inputs, torch.Tensor):
            if inputs.ndim != 4:
                raise ValueError(f'a batch of images should have the shape (N, C, H, W), but got {tuple(inputs.shape)}')
            inputs = self._normalize(inputs)
            d = self.pad_size_divisor
            pad_h, pad_w = -inputs.shape[2] % d, -inputs.shape[3] % d
            if pad_h or pad_w:
                inputs = F.pad(inputs, (0, pad_w, 0, pad_h), 'constant', self.pad_value)
        elif isinstance(inputs, list | tuple) and all(isinstance(image, torch.Tensor) for image in inputs):
            inputs = [self._normalize(image) for image in inputs]
            inputs = stack_batch(inputs, self.pad_size_divisor, self.pad_value)
        else:
            raise TypeError(f'inputs should be a tensor or a list of tensors, but got {type(inputs).__name__}')
        data['inputs'] = inputs
        data.setdefault('data_samples', None)
        return data

    def _normalize(self, images: torch.Tensor) -> torch.Tensor:
        """Of `(..., C, H, W)`."""
        channels = images.shape[-3]
        if self._channel_conversion:
            if channels != 3:
                raise ValueError(f'bgr_to_rgb and rgb_to_bgr need 3 channels, but got {tuple(images.shape)}')
            # An index list would be copied to the device, and waited for.
            images = images.flip(-3)
        images = images.float()
        if self._enable_normalize:
            count = max(self.mean.shape[0], self.std.shape[0])
            if count not in (1, channels):
                raise ValueError(f'mean and std have {count} values, but images have the shape {tuple(images.shape)}')
            images = (images - self.mean) / self.std
        return images

"""What a pixel sampler is."""

from abc import ABCMeta, abstractmethod
from typing import Any

import torch


class BasePixelSampler(metaclass=ABCMeta):
    """Weighs pixels for the loss."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()

    @abstractmethod
    def sample(self, seg_logit: torch.Tensor, seg_label: torch.Tensor) -> torch.Tensor:
        """Weights `(N, H, W)` for logits `(N, C, H, W)` and labels `(N, 1, H, W)`."""

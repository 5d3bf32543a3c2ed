"""Cross entropy of the hard pixels."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmseg.models.losses.utils import class_weight_tensor, get_class_weight, raise_bad_labels
from mmseg.registry import MODELS


@MODELS.register_module()
class OhemCrossEntropy(nn.Module):
    """Mean cross entropy of the pixels whose true class has a probability below a threshold.

    Args:
        thres: The threshold, raised where fewer than `min_kept` pixels (of the whole batch) are below it.
    """

    _class_weight: Tensor | None

    def __init__(
        self,
        ignore_label: int = 255,
        thres: float = 0.7,
        min_kept: int = 100000,
        loss_weight: float = 1.0,
        class_weight: Sequence[float] | str | None = None,
        loss_name: str = 'loss_ohem',
    ) -> None:
        super().__init__()
        self.thresh = thres
        self.min_kept = max(1, min_kept)
        self.ignore_label = ignore_label
        self.loss_weight = loss_weight
        self._loss_name = loss_name
        self.class_weight = get_class_weight(class_weight)
        self.register_buffer('_class_weight', class_weight_tensor(self.class_weight), persistent=False)

    def forward(self, score: Tensor, target: Tensor) -> Tensor:
        """`score (N, C, H, W)` and `target (N, H, W)`."""
        class_weight = None if self._class_weight is None else self._class_weight.to(score)
        try:
            losses = F.cross_entropy(
                score, target, weight=class_weight, ignore_index=self.ignore_label, reduction='none'
            ).flatten()
        except (IndexError, RuntimeError) as error:
            raise_bad_labels(error, target, score.shape[1], self.ignore_label)
            raise
        valid = (target != self.ignore_label).flatten()
        index = target.masked_fill(target == self.ignore_label, 0).unsqueeze(1)
        # Ignored pixels get a probability above every threshold, and so sort last and are never kept.
        probs = score.softmax(1).gather(1, index).flatten().detach().masked_fill(~valid, torch.inf)
        last = (valid.sum() - 1).clamp(min=0, max=self.min_kept)
        threshold = probs.sort().values.gather(0, last.reshape(1)).clamp(min=self.thresh)
        kept = valid & (probs < threshold)
        return self.loss_weight * losses.masked_fill(~kept, 0).sum() / kept.sum().clamp(min=1)

    @property
    def loss_name(self) -> str:
        return self._loss_name

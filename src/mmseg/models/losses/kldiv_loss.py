"""Kullback-Leibler divergence, for distillation."""

import torch.nn.functional as F
from torch import Tensor, nn

from mmengine.utils.errors import ConfigError
from mmseg.registry import MODELS


@MODELS.register_module()
class KLDivLoss(nn.Module):
    """Divergence of softened predictions from those of a teacher (Hinton et al., arXiv:1503.02531, section 2).

    Args:
        temperature: T that logits are divided by; the loss is multiplied by its square.
        reduction: of all but the batch axis: `'none'`, `'mean'` or `'sum'`.
    """

    def __init__(self, temperature: float = 1.0, reduction: str = 'mean', loss_name: str = 'loss_kld') -> None:
        super().__init__()
        if reduction not in ('none', 'mean', 'sum'):
            raise ConfigError(f"reduction of KLDivLoss should be 'none', 'mean' or 'sum', but is {reduction!r}.")
        self.temperature = temperature
        self.reduction = reduction
        self._loss_name = loss_name

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Logits `(N, C, *)` of both to losses `(N,)`, or `(N, C, *)` for `'none'`."""
        log_probs = F.log_softmax(input / self.temperature, dim=1)
        log_target = F.log_softmax(target / self.temperature, dim=1)
        loss = F.kl_div(log_probs, log_target, reduction='none', log_target=True) * self.temperature**2
        if self.reduction == 'none':
            return loss
        loss = loss.flatten(1)
        return loss.mean(1) if self.reduction == 'mean' else loss.sum(1)

    @property
    def loss_name(self) -> str:
        return self._loss_name

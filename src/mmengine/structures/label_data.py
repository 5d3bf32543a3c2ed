"""Labels of a whole image."""

import torch

from .base_data_element import BaseDataElement


class LabelData(BaseDataElement):
    """Classes or scores of one image, with conversions between the two ways to write labels."""

    @staticmethod
    def onehot_to_label(onehot: torch.Tensor) -> torch.Tensor:
        """Indices `(M,)` int64 of the ones in `onehot (num_classes,)`."""
        if onehot.ndim != 1 or not torch.isin(onehot, torch.tensor([0, 1], device=onehot.device)).all():
            raise ValueError(f'onehot should be 1-d with zeros and ones only, but got {onehot}')
        return onehot.nonzero().flatten()

    @staticmethod
    def label_to_onehot(label: torch.Tensor, num_classes: int) -> torch.Tensor:
        """Zeros and ones `(num_classes,)` of the dtype of `label (M,)`."""
        if label.ndim != 1 or label.is_floating_point():
            raise ValueError(f'label should be 1-d integers, but has shape {tuple(label.shape)} and {label.dtype}')
        if label.numel() and not 0 <= int(label.min()) <= int(label.max()) < num_classes:
            raise ValueError(f'labels should be in 0..{num_classes - 1}, but got {label.tolist()}')
        onehot = label.new_zeros(num_classes)
        onehot[label.long()] = 1
        return onehot


__all__ = ['LabelData']

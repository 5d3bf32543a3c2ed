"""Convolutions whose second derivatives exist, which those of torch have."""

from torch.nn.functional import conv2d, conv_transpose2d

__all__ = ['conv2d', 'conv_transpose2d']

"""Patch embedding, at its earlier path."""

from mmcv.cnn.bricks.transformer import AdaptivePadding, PatchEmbed, PatchMerging

__all__ = ['AdaptivePadding', 'PatchEmbed', 'PatchMerging']

from .sampler import BasePixelSampler, OHEMPixelSampler, build_pixel_sampler
from .seg_data_sample import SegDataSample

__all__ = ['BasePixelSampler', 'OHEMPixelSampler', 'SegDataSample', 'build_pixel_sampler']

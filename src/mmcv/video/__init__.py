"""Videos as sequences of frames."""

from mmcv.video.io import Cache, VideoReader, frames2video

__all__ = ['Cache', 'VideoReader', 'frames2video']

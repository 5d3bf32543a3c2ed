"""What published segmentation configs take from `mmdet` and `mmpretrain`, for when these are not installed.

`mmengine.config.stand_ins` says how they are found. The code is that of mmseg; here it gets its other names.
"""

"""ISPRS Vaihingen: aerial images, https://www.isprs.org."""

from __future__ import annotations

from typing import Any

from mmseg.datasets.basesegdataset import BaseSegDataset
from mmseg.datasets.metainfo import metainfo
from mmseg.registry import DATASETS


@DATASETS.register_module()
class ISPRSDataset(BaseSegDataset):
    """6 classes. Label 0 is the boundary and ignored."""

    METAINFO = metainfo("""
ffffff impervious_surface
0000ff building
00ffff low_vegetation
00ff00 tree
ffff00 car
ff0000 clutter
""")

    def __init__(
        self,
        img_suffix: str = '.png',
        seg_map_suffix: str = '.png',
        reduce_zero_label: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            reduce_zero_label=reduce_zero_label,
            **kwargs,
        )

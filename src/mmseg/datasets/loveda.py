"""LoveDA: land cover, https://github.com/Junjue-Wang/LoveDA."""

from __future__ import annotations

from typing import Any

from mmseg.datasets.basesegdataset import BaseSegDataset
from mmseg.datasets.metainfo import metainfo
from mmseg.registry import DATASETS


@DATASETS.register_module()
class LoveDADataset(BaseSegDataset):
    """7 classes. Label 0 is "no data" and ignored."""

    METAINFO = metainfo("""
ffffff background
ff0000 building
ffff00 road
0000ff water
9f81b7 barren
00ff00 forest
ffc380 agricultural
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

"""Cityscapes: street scenes of German cities, https://www.cityscapes-dataset.com."""

from __future__ import annotations

from typing import Any

from mmseg.datasets.basesegdataset import BaseSegDataset
from mmseg.datasets.metainfo import metainfo
from mmseg.registry import DATASETS


@DATASETS.register_module()
class CityscapesDataset(BaseSegDataset):
    """19 classes by their training ids; the scripts of the dataset make these masks."""

    METAINFO = metainfo("""
804080 road
f423e8 sidewalk
464646 building
66669c wall
be9999 fence
999999 pole
faaa1e traffic light
dcdc00 traffic sign
6b8e23 vegetation
98fb98 terrain
4682b4 sky
dc143c person
ff0000 rider
00008e car
000046 truck
003c64 bus
005064 train
0000e6 motorcycle
770b20 bicycle
""")

    def __init__(
        self,
        img_suffix: str = '_leftImg8bit.png',
        seg_map_suffix: str = '_gtFine_labelTrainIds.png',
        **kwargs: Any,
    ) -> None:
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            **kwargs,
        )

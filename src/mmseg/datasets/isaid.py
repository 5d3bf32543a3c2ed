"""iSAID: objects in aerial images, https://captain-whu.github.io/iSAID."""

from __future__ import annotations

from typing import Any

from mmseg.datasets.basesegdataset import BaseSegDataset
from mmseg.datasets.metainfo import metainfo
from mmseg.registry import DATASETS


@DATASETS.register_module()
class iSAIDDataset(BaseSegDataset):
    """15 classes and background."""

    METAINFO = metainfo("""
000000 background
00003f ship
003f3f store_tank
003f00 baseball_diamond
003f7f tennis_court
003fbf basketball_court
003fff Ground_Track_Field
007f3f Bridge
007f7f Large_Vehicle
00007f Small_Vehicle
0000bf Helicopter
0000ff Swimming_pool
00bf7f Roundabout
007fbf Soccer_ball_field
007fff plane
00649b Harbor
""")

    def __init__(
        self,
        img_suffix: str = '.png',
        seg_map_suffix: str = '_instance_color_RGB.png',
        ignore_index: int = 255,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            ignore_index=ignore_index,
            **kwargs,
        )

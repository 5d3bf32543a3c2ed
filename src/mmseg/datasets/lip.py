"""Look Into Person: parts of people."""

from __future__ import annotations

from typing import Any

from mmseg.datasets.basesegdataset import BaseSegDataset
from mmseg.datasets.metainfo import metainfo
from mmseg.registry import DATASETS


@DATASETS.register_module()
class LIPDataset(BaseSegDataset):
    """19 parts and background."""

    METAINFO = metainfo("""
000000 Background
800000 Hat
ff0000 Hair
005500 Glove
aa0033 Sunglasses
ff5500 UpperClothes
000055 Dress
0077dd Coat
555500 Socks
005555 Pants
553300 Jumpsuits
345680 Scarf
008000 Skirt
0000ff Face
33aadd Left-arm
00ffff Right-arm
55ffaa Left-leg
aaff55 Right-leg
ffff00 Left-shoe
ffaa00 Right-shoe
""")

    def __init__(
        self,
        img_suffix: str = '.jpg',
        seg_map_suffix: str = '.png',
        **kwargs: Any,
    ) -> None:
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            **kwargs,
        )

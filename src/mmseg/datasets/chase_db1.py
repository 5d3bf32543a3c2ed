"""CHASE DB1: vessels of the retina."""

from __future__ import annotations

from typing import Any

from mmseg.datasets.basesegdataset import BaseSegDataset
from mmseg.datasets.metainfo import metainfo
from mmseg.registry import DATASETS


@DATASETS.register_module()
class ChaseDB1Dataset(BaseSegDataset):
    """2 classes."""

    METAINFO = metainfo("""
787878 background
06e6e6 vessel
""")

    def __init__(
        self,
        img_suffix: str = '.png',
        seg_map_suffix: str = '_1stHO.png',
        reduce_zero_label: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            reduce_zero_label=reduce_zero_label,
            **kwargs,
        )

"""LEVIR-CD: changed buildings between two aerial images."""

from __future__ import annotations

from typing import Any

from mmseg.datasets.basesegdataset import BaseCDDataset
from mmseg.datasets.metainfo import metainfo
from mmseg.registry import DATASETS


@DATASETS.register_module()
class LEVIRCDDataset(BaseCDDataset):
    """2 classes."""

    METAINFO = metainfo("""
000000 background
ffffff changed
""")

    def __init__(
        self,
        img_suffix: str = '.png',
        img_suffix2: str = '.png',
        seg_map_suffix: str = '.png',
        reduce_zero_label: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            img_suffix=img_suffix,
            img_suffix2=img_suffix2,
            seg_map_suffix=seg_map_suffix,
            reduce_zero_label=reduce_zero_label,
            **kwargs,
        )

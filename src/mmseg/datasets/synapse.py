"""Synapse multi-organ CT, slices as images."""

from __future__ import annotations

from typing import Any

from mmseg.datasets.basesegdataset import BaseSegDataset
from mmseg.datasets.metainfo import metainfo
from mmseg.registry import DATASETS


@DATASETS.register_module()
class SynapseDataset(BaseSegDataset):
    """8 organs and background."""

    METAINFO = metainfo("""
000000 background
0000ff aorta
00ff00 gallbladder
ff0000 left_kidney
00ffff right_kidney
ff00ff liver
ffff00 pancreas
3cffff spleen
f0f0f0 stomach
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

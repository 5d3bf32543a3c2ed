"""Night Driving: Cityscapes at night."""

from __future__ import annotations

from typing import Any

from mmseg.datasets.cityscapes import CityscapesDataset
from mmseg.registry import DATASETS


@DATASETS.register_module()
class NightDrivingDataset(CityscapesDataset):
    """The classes of Cityscapes."""

    def __init__(
        self,
        img_suffix: str = '_leftImg8bit.png',
        seg_map_suffix: str = '_gtCoarse_labelTrainIds.png',
        **kwargs: Any,
    ) -> None:
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            **kwargs,
        )

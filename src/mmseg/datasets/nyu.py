"""NYU Depth V2: depth of indoor scenes, https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html."""

from __future__ import annotations

import os
import re
from typing import Any

from mmengine.utils.errors import DataError
from mmseg.datasets.basesegdataset import BaseSegDataset
from mmseg.registry import DATASETS


@DATASETS.register_module()
class NYUDataset(BaseSegDataset):
    """Images and depth maps (`depth_map_path`); the kind of room, by the file name, is the `category_id`."""

    METAINFO = {
        'classes': (
            'printer_room',
            'bathroom',
            'living_room',
            'study',
            'conference_room',
            'study_room',
            'kitchen',
            'home_office',
            'bedroom',
            'dinette',
            'playroom',
            'indoor_balcony',
            'laundry_room',
            'basement',
            'excercise_room',
            'foyer',
            'home_storage',
            'cafe',
            'furniture_store',
            'office_kitchen',
            'student_lounge',
            'dining_room',
            'reception_room',
            'computer_lab',
            'classroom',
            'office',
            'bookstore',
        )
    }

    def __init__(
        self,
        data_prefix: dict = dict(img_path='images', depth_map_path='annotations'),  # noqa: C408
        img_suffix: str = '.jpg',
        depth_map_suffix: str = '.png',
        **kwargs: Any,
    ) -> None:
        self.depth_map_suffix = depth_map_suffix
        super().__init__(data_prefix=data_prefix, img_suffix=img_suffix, **kwargs)

    def _get_category_id_from_filename(self, image_fname: str) -> int:
        """The label of the room in a name such as `living_room_0021_00020.jpg`."""
        match = re.match(r'([a-z_]+?)_\d{4}', os.path.basename(image_fname))
        if match is None or match[1] not in self.METAINFO['classes']:
            raise DataError(f'{type(self).__name__}: the name of {image_fname} begins with no known kind of room')
        return self.METAINFO['classes'].index(match[1])

    def _sample(self, name: str) -> dict:
        return {
            'img_path': os.path.join(self.data_prefix['img_path'], name + self.img_suffix),
            'depth_map_path': os.path.join(self.data_prefix['depth_map_path'], name + self.depth_map_suffix),
            'seg_fields': [],
            'category_id': self._get_category_id_from_filename(name),
        }

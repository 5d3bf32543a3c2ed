"""Data sets described in the Data Set Description Language, https://opendatalab.github.io/dsdl-docs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from mmengine.utils.errors import MissingDependencyError
from mmseg.datasets.basesegdataset import BaseSegDataset, label_map_between
from mmseg.registry import DATASETS


@DATASETS.register_module()
class DSDLSegDataset(BaseSegDataset):
    """`ann_file` is the description of a split; `background` is put before its classes.

    Args:
        specific_key_path: where in the description fields stand, as the package `dsdl` takes it.
        pre_transform: functions by field, as the package `dsdl` takes them.
        used_labels: the classes to keep; pixels of others are ignored.

    Raises:
        MissingDependencyError: the package `dsdl` is absent.
    """

    def __init__(
        self,
        specific_key_path: dict = {},
        pre_transform: dict = {},
        used_labels: Sequence | None = None,
        **kwargs: Any,
    ) -> None:
        try:
            library: Any = import_module('dsdl.dataset')
        except ImportError as error:
            raise MissingDependencyError('DSDLSegDataset needs a package: pip install dsdl') from error
        self.used_labels = used_labels
        described = library.DSDLDataset(
            dsdl_yaml=os.path.join(kwargs.get('data_root') or '', kwargs.get('ann_file', '')),
            location_config={'type': 'LocalFileReader', 'working_dir': ''},
            required_fields=['Image', 'LabelMap'],
            specific_key_path=specific_key_path,
            transform=pre_transform,
        )
        self.dsdldataset = described
        # On the instance: descriptions differ, the class is one.
        self.METAINFO = {'classes': ('background', *described.class_names)}
        metainfo = dict(kwargs.pop('metainfo', None) or {})
        if used_labels:
            metainfo['classes'] = tuple(used_labels)
        super().__init__(metainfo={**self.METAINFO, **metainfo}, **kwargs)

    def get_label_map(self, new_classes: Sequence | None = None) -> dict | None:  # type: ignore[override]
        """As in the base class, from the classes of the description."""
        return label_map_between(type(self).__name__, self.METAINFO['classes'], new_classes)

    def load_data_list(self) -> list[dict]:
        """A dict a sample, below `data_prefix`."""
        masks = self.data_prefix.get('seg_map_path') or ''
        return [
            {
                'img_path': os.path.join(self.data_prefix['img_path'], sample['Image'][0].location),
                'seg_map_path': os.path.join(masks, sample['LabelMap'][0].location),
                'label_map': self.label_map,
                'reduce_zero_label': self.reduce_zero_label,
                'seg_fields': [],
            }
            for sample in self.dsdldataset
        ]

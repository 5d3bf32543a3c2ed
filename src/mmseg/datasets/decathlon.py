"""Medical Segmentation Decathlon: volumes listed in a `dataset.json`, http://medicaldecathlon.com."""

from __future__ import annotations

import os

from mmengine import fileio
from mmengine.utils.errors import DataError
from mmseg.datasets.basesegdataset import BaseSegDataset
from mmseg.registry import DATASETS


@DATASETS.register_module()
class DecathlonDataset(BaseSegDataset):
    """The volumes of `ann_file`, a JSON file with `labels`, `training` and `test`; its other values are meta
    information. Paths in it are below `data_root`. With `test_mode` the samples are those of `test`, without labels.
    """

    def load_data_list(self) -> list[dict]:
        """A dict a volume.

        Raises:
            DataError: `ann_file` is no such JSON file.
        """
        described = fileio.load(self.ann_file, backend_args=self.backend_args)
        lists = {'training', 'test'}
        if not isinstance(described, dict) or not lists <= described.keys() or 'labels' not in described:
            raise DataError(
                f'{type(self).__name__}: {self.ann_file} (`ann_file`) should be a JSON object with `labels`, '
                '`training` and `test`'
            )
        self._metainfo.update({key: value for key, value in described.items() if key not in lists})
        self._metainfo['classes'] = [name for _, name in sorted(described['labels'].items(), key=lambda i: int(i[0]))]
        self._metainfo['palette'] = self._update_palette()
        root = self.data_root or ''
        common = {'label_map': self.label_map, 'reduce_zero_label': self.reduce_zero_label}
        if self.test_mode:
            return [{'img_path': _below(root, path), **common, 'seg_fields': []} for path in described['test']]
        return [
            {
                'img_path': _below(root, pair['image']),
                'seg_map_path': _below(root, pair['label']),
                **common,
                'seg_fields': [],
            }
            for pair in described['training']
        ]


def _below(root: str, path: str) -> str:
    """The lists say `./imagesTr/name`."""
    return os.path.join(root, path.removeprefix('./'))

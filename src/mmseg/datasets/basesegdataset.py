"""Datasets of images and label maps, paired by their file names."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mmengine import fileio
from mmengine.dataset import BaseDataset
from mmengine.utils.errors import DataError
from mmseg.datasets.files import check_files, check_folder, is_local, no_samples
from mmseg.registry import DATASETS, TRANSFORMS


def label_map_between(owner: str, old_classes: Sequence | None, new_classes: Sequence | None) -> dict | None:
    """From the labels of `old_classes` to those of `new_classes`, 255 for left-out ones; `None` if nothing changes.

    Raises:
        DataError: a new class is none of the old ones.
    """
    if new_classes is None or old_classes is None or list(new_classes) == list(old_classes):
        return None
    unknown = [name for name in new_classes if name not in old_classes]
    if unknown:
        raise DataError(f'{owner} has no classes {unknown}; `metainfo.classes` takes a subset of {list(old_classes)}')
    new_labels = {name: label for label, name in enumerate(new_classes)}
    return {old: new_labels.get(name, 255) for old, name in enumerate(old_classes)}


@DATASETS.register_module()
class BaseSegDataset(BaseDataset):
    """Images below `data_prefix.img_path`, and for each a label map of the same name below `data_prefix.seg_map_path`.

    The names are those of `ann_file` (one a line, without suffix), or all files with `img_suffix`, sorted. With a
    subset of the classes in `metainfo`, `label_map` maps the others to the ignored label.

    Args:
        ann_file: file with the names of a split.
        img_suffix: ending of image files, which `seg_map_suffix` replaces.
        seg_map_suffix: ending of label maps.
        ignore_index: label of pixels that do not count.
        reduce_zero_label: label 0 is to be ignored and the others are one too high.
        backend_args: storage that holds the files, see `mmengine.fileio`.

    Raises:
        DataError: a folder or files are absent, or there is no sample.
    """

    METAINFO: dict = {}

    def __init__(
        self,
        ann_file: str = '',
        img_suffix: str = '.jpg',
        seg_map_suffix: str = '.png',
        metainfo: dict | None = None,
        data_root: str | None = None,
        data_prefix: dict = dict(img_path='', seg_map_path=''),  # noqa: C408 - as configs spell it
        filter_cfg: dict | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        pipeline: list[dict | Callable] = [],
        test_mode: bool = False,
        lazy_init: bool = False,
        max_refetch: int = 1000,
        ignore_index: int = 255,
        reduce_zero_label: bool = False,
        backend_args: dict | None = None,
    ) -> None:
        self.img_suffix = img_suffix
        self.seg_map_suffix = seg_map_suffix
        self.ignore_index = ignore_index
        self.reduce_zero_label = reduce_zero_label
        self.backend_args = None if backend_args is None else backend_args.copy()
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=data_prefix,
            filter_cfg=filter_cfg,
            indices=indices,
            serialize_data=serialize_data,
            # Built here, so that mmseg's transforms are found whatever the default scope is.
            pipeline=[TRANSFORMS.build(t) if isinstance(t, dict) else t for t in pipeline],
            test_mode=test_mode,
            lazy_init=True,
            max_refetch=max_refetch,
        )
        label_map = self.get_label_map(self._metainfo.get('classes'))
        if label_map is not None and ignore_index != 255:
            label_map = {old: ignore_index if new == 255 else new for old, new in label_map.items()}
        self.label_map = label_map
        self._metainfo.update(label_map=label_map, reduce_zero_label=reduce_zero_label)
        self._metainfo['palette'] = self._update_palette()
        if not lazy_init:
            self.full_init()
        if test_mode and self._metainfo.get('classes') is None:
            raise DataError(f'{type(self).__name__}: the classes must be known when testing; set `metainfo.classes`')

    @classmethod
    def get_label_map(cls, new_classes: Sequence | None = None) -> dict | None:
        """From the labels of `METAINFO['classes']` to those of `new_classes`, 255 for classes that are left out.

        `None` where nothing changes.

        Raises:
            ValueError: `new_classes` names a class that the dataset does not have.
        """
        return label_map_between(cls.__name__, cls.METAINFO.get('classes'), new_classes)

    def _update_palette(self) -> list:
        """A colour for each class: the given ones, those of the chosen subset, or random but fixed ones."""
        palette: list = self._metainfo.get('palette', [])
        classes = self._metainfo.get('classes') or []
        if len(palette) == len(classes):
            return palette
        if len(palette) == 0:
            # The legacy generator with this seed gives the colours that people know.
            return np.random.RandomState(42).randint(0, 255, size=(len(classes), 3)).tolist()
        if len(palette) < len(classes):
            raise DataError(f'{type(self).__name__}: `metainfo` has {len(palette)} colours for {len(classes)} classes')
        if self.label_map is None:
            return palette
        kept = sorted((new, old) for old, new in self.label_map.items() if new != self.ignore_index)
        return [palette[old] for _, old in kept]

    def _loads_masks(self) -> bool:
        return any('LoadAnnotations' in type(t).__name__ for t in self.pipeline.transforms)

    def _sample(self, name: str) -> dict:
        """The sample whose files are called `name`, a path without suffix."""
        sample = {'img_path': os.path.join(self.data_prefix['img_path'], name + self.img_suffix)}
        mask_folder = self.data_prefix.get('seg_map_path')
        if mask_folder is not None:
            sample['seg_map_path'] = os.path.join(mask_folder, name + self.seg_map_suffix)
        return {
            **sample,
            'label_map': self.label_map,
            'reduce_zero_label': self.reduce_zero_label,
            'seg_fields': [],
        }

    def _names(self) -> list[str]:
        """The names of all samples: paths below the prefixes, without suffix."""
        if self.ann_file and not os.path.isdir(self.ann_file):
            if is_local(self.ann_file, self.backend_args) and not os.path.isfile(self.ann_file):
                raise DataError(
                    f'{type(self).__name__}: the split file {self.ann_file} (`ann_file`, below `data_root`) '
                    'does not exist'
                )
            lines = fileio.list_from_file(self.ann_file, backend_args=self.backend_args)
            names = [line.strip() for line in lines if line.strip()]
            if not names:
                raise DataError(f'{type(self).__name__}: the split file {self.ann_file} (`ann_file`) is empty')
            return names
        folder = self.data_prefix['img_path']
        if is_local(folder, self.backend_args):
            check_folder(type(self).__name__, folder, 'data_prefix.img_path', self.data_root)
        files = fileio.list_dir_or_file(
            dir_path=folder,
            list_dir=False,
            suffix=self.img_suffix,
            recursive=True,
            backend_args=self.backend_args,
        )
        # Sorted as whole paths, so that the order is that of other releases.
        names = [name[: len(name) - len(self.img_suffix)] for name in sorted(files)]
        if not names:
            raise no_samples(type(self).__name__, folder, self.img_suffix)
        return names

    def load_data_list(self) -> list[dict]:
        """A dict a sample: `img_path`, `seg_map_path`, `label_map`, `reduce_zero_label`, `seg_fields`."""
        samples = [self._sample(name) for name in self._names()]
        self._check_files(samples)
        return samples

    def _check_files(self, samples: list[dict]) -> None:
        owner, root = type(self).__name__, self.data_root
        if self.ann_file and is_local(self.data_prefix['img_path'], self.backend_args):
            check_folder(owner, self.data_prefix['img_path'], 'data_prefix.img_path', root)
            origin = (
                f'The names come from {self.ann_file} (`ann_file`), the ending from `img_suffix` ({self.img_suffix!r}).'
            )
            check_files(owner, (s['img_path'] for s in samples), 'images', origin)
        folder = self.data_prefix.get('seg_map_path')
        # Test data may come without masks, as long as nothing reads them.
        needed = not self.test_mode or self._loads_masks()
        if folder is None or not needed or not is_local(folder, self.backend_args):
            return
        check_folder(owner, folder, 'data_prefix.seg_map_path', root)
        origin = (
            f'The mask of an image has its name with {self.seg_map_suffix!r} (`seg_map_suffix`) in place of '
            f'{self.img_suffix!r} (`img_suffix`).'
        )
        check_files(owner, (s['seg_map_path'] for s in samples), 'masks', origin)


@DATASETS.register_module()
class BaseCDDataset(BaseSegDataset):
    """Change detection: two images a sample, the second below `data_prefix.img_path2`."""

    def __init__(
        self,
        ann_file: str = '',
        img_suffix: str = '.jpg',
        img_suffix2: str = '.jpg',
        seg_map_suffix: str = '.png',
        metainfo: dict | None = None,
        data_root: str | None = None,
        data_prefix: dict = dict(img_path='', img_path2='', seg_map_path=''),  # noqa: C408
        **kwargs: Any,
    ) -> None:
        self.img_suffix2 = img_suffix2
        super().__init__(
            ann_file=ann_file,
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=data_prefix,
            **kwargs,
        )

    def _sample(self, name: str) -> dict:
        sample = super()._sample(name)
        return {**sample, 'img_path2': os.path.join(self.data_prefix['img_path2'], name + self.img_suffix2)}

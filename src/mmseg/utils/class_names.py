"""Classes and palettes of known datasets, taken from the dataset classes themselves."""

from difflib import get_close_matches
from typing import Any

from mmengine.utils.errors import DataError
from mmseg.registry import DATASETS

# Each known name, and other spellings of it.
dataset_aliases = {
    'cityscapes': ['cityscapes'],
    'ade': ['ade', 'ade20k'],
    'voc': ['voc', 'pascal_voc', 'voc12', 'voc12aug'],
    'pcontext': ['pcontext', 'pascal_context', 'voc2010'],
    'loveda': ['loveda'],
    'potsdam': ['potsdam'],
    'vaihingen': ['vaihingen'],
    'cocostuff': [
        'cocostuff',
        'cocostuff10k',
        'cocostuff164k',
        'coco-stuff',
        'coco-stuff10k',
        'coco-stuff164k',
        'coco_stuff',
        'coco_stuff10k',
        'coco_stuff164k',
    ],
    'isaid': ['isaid', 'iSAID'],
    'stare': ['stare', 'STARE'],
    'lip': ['LIP', 'lip'],
    'mapillary_v1': ['mapillary_v1'],
    'mapillary_v2': ['mapillary_v2'],
    'bdd100k': ['bdd100k'],
}

_CLASSES = {
    'cityscapes': 'CityscapesDataset',
    'ade': 'ADE20KDataset',
    'voc': 'PascalVOCDataset',
    'pcontext': 'PascalContextDataset59',
    'loveda': 'LoveDADataset',
    'potsdam': 'PotsdamDataset',
    'vaihingen': 'ISPRSDataset',
    'cocostuff': 'COCOStuffDataset',
    'isaid': 'iSAIDDataset',
    'stare': 'STAREDataset',
    'lip': 'LIPDataset',
    'mapillary_v1': 'MapillaryDataset_v1',
    'mapillary_v2': 'MapillaryDataset_v2',
    'bdd100k': 'BDD100KDataset',
}


def _metainfo(dataset: str) -> dict[str, Any]:
    for name, aliases in dataset_aliases.items():
        if dataset in aliases:
            found = DATASETS.get(_CLASSES[name])
            if found is None:
                raise DataError(f'Dataset {dataset!r} is known by name only: no class {_CLASSES[name]} is registered.')
            return found.METAINFO
    known = [alias for aliases in dataset_aliases.values() for alias in aliases]
    near = get_close_matches(dataset, known)
    raise DataError(f'Unrecognized dataset: {dataset!r}. Near it: {near}. Known: {known}.')


def get_classes(dataset: str) -> list[str]:
    """Names of the classes of a dataset (see `dataset_aliases`).

    Raises:
        DataError: The dataset is not known.
    """
    return list(_metainfo(dataset)['classes'])


def get_palette(dataset: str) -> list[list[int]]:
    """RGB colours, 0 to 255, of the classes of a dataset (see `dataset_aliases`).

    Raises:
        DataError: The dataset is not known.
    """
    return [list(colour) for colour in _metainfo(dataset)['palette']]

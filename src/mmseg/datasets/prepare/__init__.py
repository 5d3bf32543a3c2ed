"""From data sets as they are published to what their classes read: `mmseg data prepare`."""

from mmseg.datasets.prepare import (
    chase_db1,
    cityscapes,
    coco_stuff,
    drive,
    hrf,
    isaid,
    isprs,
    levir_cd,
    loveda,
    nyu,
    pascal_context,
    refuge,
    stare,
    synapse,
    unconverted,
    voc12_aug,
)
from mmseg.datasets.prepare.jobs import PREPARATIONS, Preparation
from mmseg.datasets.prepare.pixels import labels_of_colours
from mmseg.datasets.prepare.runner import Outcome, prepare

__all__ = [
    'Outcome',
    'PREPARATIONS',
    'Preparation',
    'chase_db1',
    'cityscapes',
    'coco_stuff',
    'drive',
    'hrf',
    'isaid',
    'isprs',
    'labels_of_colours',
    'levir_cd',
    'loveda',
    'nyu',
    'pascal_context',
    'prepare',
    'refuge',
    'stare',
    'synapse',
    'unconverted',
    'voc12_aug',
]

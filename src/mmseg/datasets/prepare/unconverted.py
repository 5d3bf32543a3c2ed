"""Data sets that are used as they are published."""

from .jobs import Preparation, add

add(
    Preparation(
        'ade20k',
        'ADE20K',
        'Unpack ADEChallengeData2016.zip to data/ade: images and annotations are in '
        'ADEChallengeData2016/images/training, '
        'annotations/training, images/validation and annotations/validation.',
    )
)
add(
    Preparation(
        'voc12',
        'Pascal VOC 2012',
        'Unpack VOCtrainval_11-May-2012.tar to data: it holds VOCdevkit/VOC2012/JPEGImages, SegmentationClass and '
        'ImageSets/Segmentation. For the additional annotations there is voc12_aug.',
    )
)
add(
    Preparation(
        'bdd100k',
        'BDD100K',
        'Unpack the 10K images and the segmentation labels to data/bdd100k: images/10k/{train,val} and '
        'labels/sem_seg/masks/{train,val}.',
    )
)
add(
    Preparation(
        'mapillary',
        'Mapillary Vistas v1.2 and v2.0',
        'Unpack the data set to data/mapillary: training/images, training/v1.2/labels and '
        'training/v2.0/labels, and the '
        'same below validation. Labels are palette images.',
    )
)
add(
    Preparation(
        'dark_zurich',
        'Dark Zurich',
        'Unpack the validation set to data/dark_zurich: rgb_anon/val/night/GOPR0356 and gt/val/night/GOPR0356 '
        '(*_gt_labelTrainIds.png).',
    )
)
add(
    Preparation(
        'night_driving',
        'Nighttime Driving',
        'Unpack NighttimeDrivingTest.zip to data/NighttimeDrivingTest: leftImg8bit/test/night and '
        'gtCoarse_daytime_trainvaltest/test/night.',
    )
)
add(
    Preparation(
        'lip',
        'LIP',
        'Unpack the single-person data to data/LIP: train_images, train_segmentations, val_images and '
        'val_segmentations.',
    )
)

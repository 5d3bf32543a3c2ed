"""Real images in the layouts of public data sets, read through `BaseSegDataset` and trained on for some iterations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mmengine.runner import Runner
from mmseg.datasets import BaseSegDataset

# folder, images, masks, suffixes, number of classes, zero is no label
LAYOUTS = {
    'cityscapes': ('pseudo_cityscapes_dataset', 'leftImg8bit/val', 'gtFine/val', '_leftImg8bit.png', '_gtFine_labelTrainIds.png', 19, False),
    'potsdam': ('pseudo_potsdam_dataset', 'img_dir', 'ann_dir', '.png', '.png', 6, True),
    'vaihingen': ('pseudo_vaihingen_dataset', 'img_dir', 'ann_dir', '.png', '.png', 6, True),
    'loveda': ('pseudo_loveda_dataset', 'img_dir', 'ann_dir', '.png', '.png', 7, True),
    'bdd100k': ('pseudo_bdd100k_dataset', 'images/10k/val', 'labels/sem_seg/masks/val', '.jpg', '.png', 19, False),
    'synapse': ('pseudo_synapse_dataset', 'img_dir', 'ann_dir', '.jpg', '.png', 14, False),
    'refuge': ('pseudo_refuge_dataset', 'img_dir', 'ann_dir', '.png', '.png', 3, False),
    'lip': ('pseudo_lip_dataset', 'train_images', 'train_segmentations', '.jpg', '.png', 20, False),
    'mapillary': ('pseudo_mapillary_dataset', 'images', 'v1.2', '.jpg', '.png', 66, False),
    'generic with a split file': ('pseudo_dataset', 'imgs', 'gts', '_img.jpg', '_gt.png', 256, False),
}  # fmt: skip


def dataset_cfg(shared: Path, name: str) -> dict[str, Any]:
    folder, images, masks, suffix, mask_suffix, classes, reduce_zero = LAYOUTS[name]
    return dict(
        type='BaseSegDataset',
        data_root=str(shared / 'data' / folder),
        data_prefix=dict(img_path=images, seg_map_path=masks),
        img_suffix=suffix,
        seg_map_suffix=mask_suffix,
        reduce_zero_label=reduce_zero,
        ann_file='splits/train.txt' if name == 'generic with a split file' else '',
        metainfo=dict(classes=[f'class {i}' for i in range(classes)], palette=[[i, i, i] for i in range(classes)]),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='RandomResize', scale=(256, 256), ratio_range=(0.5, 1.5), keep_ratio=True),
            dict(type='RandomCrop', crop_size=(96, 96), cat_max_ratio=0.75),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackSegInputs'),
        ],
    )


@pytest.mark.parametrize('name', list(LAYOUTS))
def test_read_and_trained_on(name: str, shared: Path, tmp_path: Path) -> None:
    classes = LAYOUTS[name][5]
    runner = Runner(
        model=dict(
            type='EncoderDecoder',
            data_preprocessor=dict(
                type='SegDataPreProcessor',
                mean=[120.0] * 3,
                std=[60.0] * 3,
                bgr_to_rgb=True,
                size=(96, 96),
                seg_pad_val=255,
            ),
            backbone=dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8, norm_cfg=dict(type='BN')),
            decode_head=dict(
                type='FCNHead',
                in_channels=64,
                in_index=3,
                channels=8,
                num_convs=1,
                num_classes=classes,
                norm_cfg=dict(type='BN'),
            ),
            test_cfg=dict(mode='whole'),
        ),
        work_dir=str(tmp_path),
        train_dataloader=dict(
            batch_size=2,
            num_workers=0,
            dataset=dataset_cfg(shared, name),
            sampler=dict(type='InfiniteSampler', shuffle=True),
        ),
        train_cfg=dict(by_epoch=False, max_iters=3),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        default_hooks=dict(checkpoint=None),
        visualizer=dict(type='Visualizer', vis_backends=[]),
        default_scope='mmseg',
        randomness=dict(seed=0),
        log_level='WARNING',
    )
    before = runner.model.backbone.layer1[0].conv1.weight.clone()
    runner.train()
    losses = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == 3 and np.isfinite(losses).all()
    assert not torch.equal(before, runner.model.backbone.layer1[0].conv1.weight)


def test_images_and_masks_are_paired_as_they_lie_on_disk(shared: Path) -> None:
    for name in LAYOUTS:
        cfg = dataset_cfg(shared, name)
        cfg.pop('type')
        dataset = BaseSegDataset(**{**cfg, 'pipeline': []})
        assert len(dataset) >= 1
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            image = cv2.imread(info['img_path'])
            mask = cv2.imread(info['seg_map_path'], cv2.IMREAD_UNCHANGED)
            assert image is not None and mask is not None and image.shape[:2] == mask.shape[:2], info

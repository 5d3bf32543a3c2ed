"""Published architectures, filled alike, give the numbers that the reference implementation gave."""

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mmseg.models  # noqa: F401
from mmengine.model import revert_sync_batchnorm
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

PARITY = Path(__file__).resolve().parents[3].parent / 'shared' / 'parity'
BN = {'type': 'SyncBN', 'requires_grad': True}
ATROUS = {'dilations': (1, 12, 24, 36)}


def resnet(depth: int, dilated: bool = True, kind: str = 'ResNetV1c', **kwargs: Any) -> dict:
    strides, dilations = ((1, 2, 1, 1), (1, 1, 2, 4)) if dilated else ((1, 2, 2, 2), (1, 1, 1, 1))
    cfg = {
        'type': kind,
        'depth': depth,
        'strides': strides,
        'dilations': dilations,
        'norm_cfg': BN,
        'contract_dilation': True,
    }
    return {**cfg, **kwargs}


def head(kind: str, classes: int, in_channels: Any, channels: int, align: bool = False, **kwargs: Any) -> dict:
    loss = {'type': 'CrossEntropyLoss', 'use_sigmoid': False, 'loss_weight': kwargs.pop('loss_weight', 1.0)}
    cfg = {'type': kind, 'num_classes': classes, 'in_channels': in_channels, 'channels': channels, 'norm_cfg': BN}
    return {**cfg, 'in_index': 3, 'align_corners': align, 'loss_decode': loss, **kwargs}


def with_aux(depth: int, classes: int, kind: str, align: bool = False, **kwargs: Any) -> dict:
    """ResNet, a head on its last stage, an FCN head on its third one."""
    width, channels = (512, 128) if depth == 18 else (2048, 512)
    dilation = kwargs.get('dilation', 1)
    backbone = kwargs.pop('backbone', resnet(depth))
    aux = head('FCNHead', classes, width // 2, channels // 2, align, in_index=2, num_convs=1, concat_input=False)
    aux.update(loss_decode={'type': 'CrossEntropyLoss', 'loss_weight': 0.4}, dilation=dilation)
    main = {**head(kind, classes, width, channels, align), **kwargs}
    return {'type': 'EncoderDecoder', 'backbone': backbone, 'decode_head': main, 'auxiliary_head': aux}


def segformer(classes: int, dims: int, layers: list[int]) -> dict:
    backbone = {'type': 'MixVisionTransformer', 'embed_dims': dims, 'num_layers': layers, 'num_heads': [1, 2, 5, 8]}
    decode = head('SegformerHead', classes, [dims * n for n in (1, 2, 5, 8)], 256, in_index=[0, 1, 2, 3])
    return {'type': 'EncoderDecoder', 'backbone': dict(backbone, drop_path_rate=0.1), 'decode_head': decode}


def fast_scnn() -> dict:
    def fcn(kind: str, in_channels: int, channels: int, index: int, weight: float, **kwargs: Any) -> dict:
        loss = {'type': 'CrossEntropyLoss', 'use_sigmoid': True, 'loss_weight': weight}
        cfg = head(kind, 19, in_channels, channels, in_index=index, concat_input=False, **kwargs)
        return dict(cfg, loss_decode=loss)

    return {
        'type': 'EncoderDecoder',
        'backbone': {'type': 'FastSCNN', 'norm_cfg': BN},
        'decode_head': fcn('DepthwiseSeparableFCNHead', 128, 128, -1, 1.0),
        'auxiliary_head': [fcn('FCNHead', 128, 32, -2, 0.4, num_convs=1), fcn('FCNHead', 64, 32, -3, 0.4, num_convs=1)],
    }


def upernet(depth: int, classes: int) -> dict:
    width = 64 if depth == 18 else 256
    in_channels = [width * 2**stage for stage in range(4)]
    cfg = with_aux(depth, classes, 'UPerHead', backbone=resnet(depth, dilated=False), in_channels=in_channels)
    cfg['decode_head'].update(channels=512, in_index=[0, 1, 2, 3])
    cfg['auxiliary_head'].update(channels=256)
    return cfg


def sem_fpn(classes: int) -> dict:
    return {
        'type': 'EncoderDecoder',
        'backbone': resnet(50, dilated=False),
        'neck': {'type': 'FPN', 'in_channels': [256, 512, 1024, 2048], 'out_channels': 256, 'num_outs': 4},
        'decode_head': head('FPNHead', classes, [256] * 4, 128, in_index=[0, 1, 2, 3], feature_strides=[4, 8, 16, 32]),
    }


def aspp_plus(depth: int, classes: int, **kwargs: Any) -> dict:
    c1 = {'c1_in_channels': 64, 'c1_channels': 12} if depth == 18 else {'c1_in_channels': 256, 'c1_channels': 48}
    return with_aux(depth, classes, 'DepthwiseSeparableASPPHead', **{**ATROUS, **c1, **kwargs})


def unet(head_type: str, *losses: dict, **kwargs: Any) -> dict:
    decode = head(head_type, 2, 64, 64 if head_type == 'FCNHead' else 16, in_index=4, **kwargs)
    aux = head('FCNHead', 2, 128, 64, in_index=3, num_convs=1, concat_input=False, loss_weight=0.4)
    backbone = {'type': 'UNet', 'norm_cfg': BN}
    decode['loss_decode'] = list(losses) or decode['loss_decode']
    return {'type': 'EncoderDecoder', 'backbone': backbone, 'decode_head': decode, 'auxiliary_head': aux}


PLAIN18 = resnet(18, kind='ResNet')
CASES = {
    'fcn/fcn_r18b-d8_4xb2-80k_cityscapes-512x1024.py': with_aux(18, 19, 'FCNHead', backbone=PLAIN18),
    'fcn/fcn_r18-d8_4xb2-80k_cityscapes-769x769.py': with_aux(18, 19, 'FCNHead', align=True),
    'pspnet/pspnet_r18-d8_4xb4-80k_isaid-896x896.py': with_aux(18, 16, 'PSPHead'),
    'pspnet/pspnet_r50-d8_4xb4-80k_loveda-512x512.py': with_aux(50, 7, 'PSPHead'),
    'fastscnn/fast_scnn_8xb4-160k_cityscapes-512x1024.py': fast_scnn(),
    'segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py': segformer(150, 32, [2, 2, 2, 2]),
    'deeplabv3plus/deeplabv3plus_r18b-d8_4xb2-80k_cityscapes-769x769.py': aspp_plus(
        18, 19, align=True, backbone=PLAIN18
    ),
}
SLOW_CASES = {
    'unet/unet-s5-d16_pspnet_4xb4-40k_drive-64x64.py': unet('PSPHead'),
    'unet/unet-s5-d16_fcn_4xb4-ce-1.0-dice-3.0-40k_hrf-256x256.py': unet(
        'FCNHead',
        {'type': 'CrossEntropyLoss'},
        {'type': 'DiceLoss', 'loss_weight': 3.0},
        num_convs=1,
        concat_input=False,
    ),
    'segformer/segformer_mit-b1_8xb1-160k_cityscapes-1024x1024.py': segformer(19, 64, [2, 2, 2, 2]),
    'segformer/segformer_mit-b3_8xb2-160k_ade20k-512x512.py': segformer(150, 64, [3, 4, 18, 3]),
    'fcn/fcn-d6_r50-d16_4xb2-40k_cityscapes-512x1024.py': with_aux(
        50,
        19,
        'FCNHead',
        dilation=6,
        backbone=resnet(50, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)),
    ),
    'pspnet/pspnet_r101-d8_4xb4-160k_coco-stuff164k-512x512.py': with_aux(101, 171, 'PSPHead'),
    'deeplabv3/deeplabv3_r18b-d8_4xb2-80k_cityscapes-512x1024.py': with_aux(
        18, 19, 'ASPPHead', backbone=PLAIN18, **ATROUS
    ),
    'deeplabv3/deeplabv3_r50-d8_4xb4-160k_ade20k-512x512.py': with_aux(50, 150, 'ASPPHead', **ATROUS),
    'deeplabv3plus/deeplabv3plus_r101-d16-mg124_4xb2-40k_cityscapes-512x1024.py': aspp_plus(
        101,
        19,
        dilations=(1, 6, 12, 18),
        sampler={'type': 'OHEMPixelSampler', 'min_kept': 100000},
        backbone=resnet(101, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), multi_grid=(1, 2, 4)),
    ),
    'upernet/upernet_r18_4xb4-160k_ade20k-512x512.py': upernet(18, 150),
    'sem_fpn/fpn_r50_4xb2-80k_cityscapes-512x1024.py': sem_fpn(19),
}


@cache
def records() -> dict[str, dict]:
    wanted = CASES.keys() | SLOW_CASES.keys()
    with open(PARITY / 'models.jsonl') as lines:
        found = (json.loads(line) for line in lines)
        return {record['config']: record for record in found if record['config'] in wanted}


@cache
def recipe() -> Any:
    spec = importlib.util.spec_from_file_location('parity_recipe', PARITY / 'recipe.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not PARITY.is_dir(), reason='the folder shared/parity is not beside the repository')
@pytest.mark.filterwarnings('ignore:Resizing:UserWarning')  # 769x769 configs at another size
@pytest.mark.parametrize('config', [*CASES, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_CASES)])
def test_equals_reference(config: str) -> None:
    record = records()[config]
    model = revert_sync_batchnorm(MODELS.build({**CASES, **SLOW_CASES}[config])).eval()

    assert [[name, list(value.shape)] for name, value in model.state_dict().items()] == record['state']
    assert sum(parameter.numel() for parameter in model.parameters()) == record['params']

    recipe().fill(model)
    side = record['hw']
    inputs, meta = recipe().inputs(side, side), recipe().metainfo(side, side)
    with torch.no_grad():
        logits = model.encode_decode(inputs, [meta] * 2)
    assert list(logits.shape) == record['shape']
    stats, scale = recipe().stats(logits), record['logits']['absmax']
    for name, value in record['logits'].items():
        assert stats[name] == pytest.approx(value, abs=1e-4 * scale), name

    labels = recipe().labels(side, side, record['num_classes'])
    samples = []
    for label in labels:
        sample = SegDataSample(metainfo=meta)
        sample.gt_sem_seg = PixelData(data=label)
        samples.append(sample)
    torch.manual_seed(0)
    np.random.seed(0)
    with torch.no_grad():
        losses = model.loss(inputs, samples)
    assert {name: float(value) for name, value in losses.items()} == pytest.approx(record['losses'], rel=1e-4)

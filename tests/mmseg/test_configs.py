"""The configs of this repository: each has a true header, builds its model, and trains on what it says."""

import re
from pathlib import Path

import pytest
import torch

import mmseg.models  # noqa: F401
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS, MODELS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
NAMES = sorted(str(p.relative_to(CONFIGS)) for p in CONFIGS.rglob('*.py') if p.parent.name != '_base_')


def without_weights(node: object) -> None:
    if isinstance(node, dict):
        node.pop('pretrained', None)
        init_cfg = node.get('init_cfg')
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            del node['init_cfg']
        for value in node.values():
            without_weights(value)


def test_there_are_enough() -> None:
    assert len(NAMES) >= 25


@pytest.mark.parametrize('name', NAMES)
def test_header_and_model(name: str) -> None:
    text = (CONFIGS / name).read_text()
    header = text.split('"""')[1]
    assert f'configs/{name}' in header, 'the command of the header names another file'
    assert re.search(r'(Published|Expected): +(mIoU|Dice|mDice) \d', header), 'no figure in the header'
    cfg = Config.fromfile(CONFIGS / name)
    without_weights(cfg.model)
    with DefaultScope.overwrite_default_scope('mmseg'), torch.device('meta'):
        model = MODELS.build(cfg.model)
        dataset = DATASETS.get(cfg.train_dataloader.dataset.type)
    heads = model.decode_head if isinstance(model.decode_head, torch.nn.ModuleList) else [model.decode_head]
    assert heads[-1].num_classes == len(dataset.METAINFO['classes'])

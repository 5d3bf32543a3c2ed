"""The earlier names of the one registry of models."""

from typing import Any

from mmseg.registry import MODELS

BACKBONES = MODELS
NECKS = MODELS
HEADS = MODELS
LOSSES = MODELS
SEGMENTORS = MODELS


def build_backbone(cfg: Any) -> Any:
    return BACKBONES.build(cfg)


def build_neck(cfg: Any) -> Any:
    return NECKS.build(cfg)


def build_head(cfg: Any) -> Any:
    return HEADS.build(cfg)


def build_loss(cfg: Any) -> Any:
    return LOSSES.build(cfg)


def build_segmentor(cfg: Any, train_cfg: Any = None, test_cfg: Any = None) -> Any:
    """Build a segmentor; `train_cfg` and `test_cfg` may be given beside `cfg` instead of in it."""
    given = {'train_cfg': train_cfg, 'test_cfg': test_cfg}
    return SEGMENTORS.build(cfg, default_args={key: value for key, value in given.items() if value is not None})

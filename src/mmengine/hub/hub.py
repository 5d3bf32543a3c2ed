"""Configs and models of installed packages, by `package::path`."""

from __future__ import annotations

from typing import Any

from torch import nn

from mmengine.checkpoint import load_checkpoint
from mmengine.config import Config
from mmengine.config.loading import package_config
from mmengine.config.metafile import config_with_weights
from mmengine.registry import MODELS, DefaultScope


def get_config(cfg_path: str, pretrained: bool = False) -> Config:
    """The config of `mmseg::pspnet/pspnet_r50-d8_4xb2-40k_cityscapes-512x1024.py`; `.py` may be left out.

    Args:
        pretrained: put the address of the published weights into `cfg.model_path`.

    Raises:
        ConfigError: there are no such package, config or weights.
    """
    name = _checked(cfg_path)
    if not pretrained:
        return Config.fromfile(package_config(name))
    config, weights = config_with_weights(name)
    config.model_path = weights
    return config


def get_model(cfg_path: str, pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """The model of a config of an installed package.

    Args:
        cfg_path: as for `get_config`.
        pretrained: load the published weights.
        kwargs: defaults for arguments of the model.
    """
    config = get_config(cfg_path, pretrained)
    if 'data_preprocessor' in config:
        config.model.setdefault('data_preprocessor', config.data_preprocessor)
    with DefaultScope.overwrite_default_scope(config.get('default_scope') or cfg_path.partition('::')[0]):
        model = MODELS.build(config.model, default_args=kwargs)
    if pretrained:
        load_checkpoint(model, config.model_path, map_location='cpu')
    return model


def _checked(cfg_path: str) -> str:
    if '::' not in cfg_path:
        raise ValueError(f"a config of a package is written 'package::path', but got {cfg_path!r}")
    return cfg_path if cfg_path.endswith(('.py', '.json', '.yaml', '.yml', '.toml')) else f'{cfg_path}.py'

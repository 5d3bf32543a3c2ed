"""Configs and models by `package::path`."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmengine.hub import get_config, get_model
from mmengine.registry import DefaultScope
from mmengine.utils.errors import ConfigError


def test_config_of_a_package(hub_package: Path) -> None:
    config = get_config('hubpkg::small/small.py')
    assert config.model.width == 3
    assert 'model_path' not in config
    assert get_config('hubpkg::small/small', pretrained=True).model_path == str(hub_package / 'small.pth')


def test_model_with_published_weights(hub_package: Path) -> None:
    before = DefaultScope.get_current_instance()
    model = get_model('hubpkg::small/small', pretrained=True)
    assert model.fc.weight.tolist() == [[1, 1, 1]]
    assert DefaultScope.get_current_instance() is before
    assert get_model('hubpkg::small/bare', width=5).fc.in_features == 5


def test_what_is_absent_is_named(hub_package: Path) -> None:
    with pytest.raises(ConfigError, match=r"'nopkg' is not installed"):
        get_config('nopkg::a')
    with pytest.raises(ConfigError, match=r'small\.py'):
        get_config('hubpkg::small/smal')
    with pytest.raises(ConfigError, match='no weights'):
        get_config('hubpkg::small/bare', pretrained=True)
    with pytest.raises(ValueError, match='package::path'):
        get_config('small/small.py')

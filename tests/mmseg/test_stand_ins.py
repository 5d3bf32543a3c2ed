"""Types of `mmdet` and `mmpretrain` that published configs name resolve to ours where those packages are absent."""

from pathlib import Path

import pytest

from mmengine.config import Config
from mmengine.config.stand_ins import stand_in_of
from mmengine.registry import MODELS
from mmengine.utils.errors import ConfigError

pytestmark = pytest.mark.skipif(stand_in_of('mmdet') is None, reason='mmdet is installed: it answers itself')


def test_custom_imports_of_an_absent_package_reach_the_stand_in(tmp_path: Path) -> None:
    file = tmp_path / 'c.py'
    file.write_text("custom_imports = dict(imports=['mmdet.models', 'mmpretrain.models'], allow_failed_imports=False)")
    Config.fromfile(file)


def test_a_scope_of_an_absent_package_is_that_of_the_stand_in() -> None:
    assert MODELS._registry_of('mmpretrain').scope == 'mmpretrain'


def test_other_absent_packages_stay_errors(tmp_path: Path) -> None:
    file = tmp_path / 'c.py'
    file.write_text("custom_imports = dict(imports=['mmrotate.models'], allow_failed_imports=False)")
    with pytest.raises(ConfigError, match='mmrotate'):
        Config.fromfile(file)

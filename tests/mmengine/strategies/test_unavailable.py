"""Names of strategies that are not built in."""

from __future__ import annotations

import pytest

from mmengine._strategy import BaseStrategy, ColossalAIStrategy, DDPStrategy, DeepSpeedStrategy
from mmengine._strategy.deepspeed import DeepSpeedOptimWrapper
from mmengine.registry import STRATEGIES
from mmengine.utils.errors import ConfigError


@pytest.mark.parametrize('cls', [ColossalAIStrategy, DeepSpeedStrategy])
def test_making_one_says_what_to_do(cls: type) -> None:
    assert issubclass(cls, BaseStrategy)
    with pytest.raises(ConfigError, match=f'{cls.__name__} is not available.*torchrun'):
        STRATEGIES.build({'type': cls.__name__})
    with pytest.raises(ConfigError, match='DeepSpeedOptimWrapper is not available'):
        DeepSpeedOptimWrapper(None)


def test_projects_can_derive_from_them() -> None:
    class Own(DeepSpeedStrategy):
        pass

    assert issubclass(DDPStrategy, BaseStrategy)
    with pytest.raises(ConfigError):
        Own()

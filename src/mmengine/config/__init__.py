from typing import TYPE_CHECKING

from mmengine.utils.lazy_names import lazy_names

from .config import Config, ConfigDict, DictAction
from .lazy import read_base
from .origin import Origin, origin_of, where

if TYPE_CHECKING:
    from .checking import Finding, check

__all__ = ['Config', 'ConfigDict', 'DictAction', 'Finding', 'Origin', 'check', 'origin_of', 'read_base', 'where']

__getattr__ = lazy_names(__name__, __all__, 'mmengine.config.checking')

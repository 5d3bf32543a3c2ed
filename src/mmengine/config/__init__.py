from .config import Config, ConfigDict, DictAction
from .lazy import read_base
from .origin import Origin, origin_of, where

__all__ = ['Config', 'ConfigDict', 'DictAction', 'Origin', 'origin_of', 'read_base', 'where']

"""Registration of everything in mmseg."""

import datetime
from importlib import import_module

from mmengine.registry import DefaultScope

_PARTS = ('datasets', 'engine', 'evaluation', 'models', 'structures', 'visualization')


def register_all_modules(init_default_scope: bool = True) -> None:
    """Import every part of mmseg that registers something.

    Args:
        init_default_scope: Make `mmseg` the default scope, in which types without a prefix are looked up.
    """
    for part in _PARTS:
        import_module(f'mmseg.{part}')
    if not init_default_scope:
        return
    current = DefaultScope.get_current_instance()
    if current is None or current.scope_name != 'mmseg':
        name = 'mmseg' if current is None else f'mmseg-{datetime.datetime.now()}'
        DefaultScope.get_instance(name, scope_name='mmseg')

"""Logging of text (`MMLogger`) and of scalars (`MessageHub`)."""

from typing import TYPE_CHECKING

from mmengine.logging.logger import MMLogger, print_log
from mmengine.utils.lazy_names import lazy_names

if TYPE_CHECKING:
    from mmengine.logging.history_buffer import HistoryBuffer
    from mmengine.logging.message_hub import MessageHub

__all__ = ['HistoryBuffer', 'MMLogger', 'MessageHub', 'print_log']

# These need torch and NumPy, which lines of text do not.
__getattr__ = lazy_names(__name__, __all__, 'mmengine.logging.history_buffer', 'mmengine.logging.message_hub')

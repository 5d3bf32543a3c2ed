from .config import Config, ConfigDict, DictAction, read_base
from .fileio import *
from .logging import *
from .registry import *
from .utils import *
from .version import __version__

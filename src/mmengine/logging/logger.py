"""The logger of a run: plain lines on standard output, and the same in a file."""

import logging
import os
import platform
import sys
from typing import Any, ClassVar, Self, TextIO

from mmengine.dist import get_local_rank, get_rank, get_world_size
from mmengine.utils import ManagerMixin, mkdir_or_exist

_COLORS = {'ERROR': 31, 'CRITICAL': 31, 'WARNING': 33, 'INFO': 37, 'DEBUG': 32}


class FilterDuplicateWarning(logging.Filter):
    """Lets a warning with the same text through only once."""

    def __init__(self, name: str = 'mmengine') -> None:
        super().__init__(name)
        self.seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        message = record.getMessage()
        if message in self.seen:
            return False
        self.seen.add(message)
        return True


class MMFormatter(logging.Formatter):
    """`time - logger - level - message`; errors also say where in the code they were logged."""

    _FIELDS: ClassVar[str] = '%(asctime)s - %(name)s - {} - %(message)s'
    _ERROR_FIELDS: ClassVar[str] = (
        '%(asctime)s - %(name)s - {} - %(pathname)s - %(funcName)s - %(lineno)d - %(message)s'
    )

    def __init__(self, color: bool = True, blink: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._styles = {}
        for level, code in _COLORS.items():
            shown = f'\x1b[{"5;" if blink else ""}{code}m{level}\x1b[0m' if color else level
            fields = self._ERROR_FIELDS if level in ('ERROR', 'CRITICAL') else self._FIELDS
            self._styles[level] = logging.PercentStyle(fields.format(shown))
        self._other = logging.PercentStyle(self._FIELDS.format('%(levelname)s'))

    def usesTime(self) -> bool:
        return True

    def formatMessage(self, record: logging.LogRecord) -> str:
        return self._styles.get(record.levelname, self._other).format(record)


class _ConsoleHandler(logging.StreamHandler[TextIO]):
    """Writes to what standard output is now; on other ranks than 0 only errors."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stdout

    def filter(self, record: logging.LogRecord) -> Any:
        return super().filter(record) if record.levelno >= logging.ERROR or get_rank() == 0 else False


class _TellOnce:
    """What a log file does that cannot be written, on a full disk for example: say so once; the run goes on."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.told = False

    def __call__(self, record: logging.LogRecord) -> None:
        if not self.told:
            self.told = True
            error = sys.exc_info()[1]
            sys.stderr.write(f'WARNING: {self.path} cannot be written, lines of the log are lost: {error}\n')


class MMLogger(logging.Logger, ManagerMixin):
    """A named logger that lies outside of the tree of `logging`, so that no other library changes it.

    Args:
        name: of the instance, for `get_instance`.
        logger_name: printed on each line.
        log_file: rank 0 writes it without colour. With `distributed`, each other rank writes a file of its
            own beside it, whose name tells host, device and rank.
        file_mode: `'w'` or `'a'`.
        file_handler_cfg: `type` (a class of `logging` or `logging.handlers`) and arguments of a handler.
    """

    _instance_dict: ClassVar[dict[str, Any]]  # type: ignore[assignment]

    def __init__(
        self,
        name: str,
        logger_name: str = 'mmengine',
        log_file: str | None = None,
        log_level: int | str = 'INFO',
        file_mode: str = 'w',
        distributed: bool = False,
        file_handler_cfg: dict[str, Any] | None = None,
    ) -> None:
        logging.Logger.__init__(self, logger_name)
        ManagerMixin.__init__(self, name)
        self.setLevel(log_level)
        self._log_file: str | None = None
        console = _ConsoleHandler()
        color = sys.stdout.isatty() and 'NO_COLOR' not in os.environ
        console.setFormatter(MMFormatter(color=color, datefmt='%m/%d %H:%M:%S'))
        self._add(console)
        if log_file is not None and (distributed or get_rank() == 0):
            self._log_file = _file_of_rank(str(log_file))
            mkdir_or_exist(os.path.dirname(self._log_file))
            handler = _make_file_handler(self._log_file, file_mode, file_handler_cfg)
            handler.handleError = _TellOnce(self._log_file)  # type: ignore[method-assign]
            handler.setFormatter(MMFormatter(color=False, datefmt='%Y/%m/%d %H:%M:%S'))
            self._add(handler)

    def _add(self, handler: logging.Handler) -> None:
        handler.addFilter(FilterDuplicateWarning(self.name))
        self.addHandler(handler)

    @property
    def log_file(self) -> str | None:
        """The file that this process writes."""
        return self._log_file

    @classmethod
    def get_current_instance(cls) -> Self:
        """The logger made last; the first call makes one named `mmengine`."""
        if not cls._instance_dict:
            cls.get_instance('mmengine')
        return super().get_current_instance()

    def isEnabledFor(self, level: int) -> bool:
        # Without the cache of logging.Logger, which only loggers in the tree of `logging` get cleared.
        return not self.disabled and level >= self.level and level > self.manager.disable

    def __reduce__(self) -> tuple[Any, ...]:
        # Parts of a run that hold their logger can be copied and sent to other processes.
        return type(self).get_instance, (self.instance_name,)


def _file_of_rank(log_file: str) -> str:
    rank = get_rank()
    if get_world_size() == 1 or rank == 0:
        return log_file
    stem, suffix = os.path.splitext(log_file)
    return f'{stem}_{platform.node()}_device{get_local_rank()}_rank{rank}{suffix}'


def _make_file_handler(path: str, mode: str, cfg: dict[str, Any] | None) -> logging.Handler:
    if cfg is None:
        return logging.FileHandler(path, mode, encoding='utf-8')
    from logging import handlers  # brings sockets with it

    cfg = dict(cfg)
    name = cfg.pop('type', None)
    handler_type = getattr(handlers, str(name), None) or getattr(logging, str(name), None)
    if not (isinstance(handler_type, type) and issubclass(handler_type, logging.Handler)):
        raise ValueError(f'file_handler_cfg should name a handler of `logging` as its type, but got {name!r}')
    return handler_type(**{'filename': path, **cfg})


def print_log(msg: object, logger: logging.Logger | str | None = None, level: int = logging.INFO) -> None:
    """Log a message.

    Args:
        logger: a logger, the name of an `MMLogger`, `'current'` (the one made last), `'silent'` (nowhere) or
            `None` (printed).

    Raises:
        ValueError: there is no `MMLogger` of that name.
    """
    if logger is None:
        print(msg)
    elif isinstance(logger, logging.Logger):
        logger.log(level, msg, stacklevel=2)
    elif logger == 'current':
        MMLogger.get_current_instance().log(level, msg, stacklevel=2)
    elif isinstance(logger, str) and logger != 'silent':
        if not MMLogger.check_instance_created(logger):
            known = ['silent', 'current', *MMLogger._instance_dict]
            raise ValueError(f'there is no MMLogger named {logger!r}; logger may be one of {known}')
        MMLogger.get_instance(logger).log(level, msg, stacklevel=2)
    elif logger != 'silent':
        raise TypeError(f"logger should be a Logger, a name, 'current', 'silent' or None, but got {logger!r}")

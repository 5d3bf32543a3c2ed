"""Errors whose message is meant for the user of a run.

    MMError                      the command line prints its message and notes, without a traceback
    ├── ConfigError   ValueError   a config that cannot be read or contradicts itself
    │   ├── UnknownTypeError  KeyError    a `type` that no registry knows
    │   └── ArgumentError     TypeError   an argument that the named class does not take, or lacks
    ├── DataError     ValueError   images, masks or lists that are missing, broken or inconsistent
    ├── CheckpointError  RuntimeError   a checkpoint that is absent, broken, unsafe or of another model
    └── MissingDependencyError  ImportError   an optional package; the message names the extra to install

Each class also derives from the built-in that callers of the existing interface catch.
"""


class MMError(Exception):
    """Base class. The message says what is wrong, where it stands (file, line, key path, value) and the way out."""

    def __str__(self) -> str:
        # KeyError would print the repr of its argument, which hides line breaks.
        return str(self.args[0]) if self.args else ''


class ConfigError(MMError, ValueError):
    """A config that cannot be read or contradicts itself."""


class UnknownTypeError(ConfigError, KeyError):
    """A `type` that no registry knows."""


class ArgumentError(ConfigError, TypeError):
    """An argument that the named class or function does not take, or lacks."""


class DataError(MMError, ValueError):
    """Images, masks or lists of them that are missing, broken or inconsistent."""


class CheckpointError(MMError, RuntimeError):
    """A checkpoint that is absent, broken, unsafe to load, or of another model."""


class MissingDependencyError(MMError, ImportError):
    """An optional package is not installed."""

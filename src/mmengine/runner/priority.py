"""Priorities of hooks: lower values run earlier."""

from enum import Enum

from mmengine.utils.errors import ConfigError


class Priority(Enum):
    HIGHEST = 0
    VERY_HIGH = 10
    HIGH = 30
    ABOVE_NORMAL = 40
    NORMAL = 50
    BELOW_NORMAL = 60
    LOW = 70
    VERY_LOW = 90
    LOWEST = 100


def get_priority(priority: int | str | Priority) -> int:
    """The integer of a priority given by name, value or member.

    Raises:
        ConfigError: for an unknown name (a ValueError) or an integer outside of 0..100.
        TypeError: for anything else.
    """
    if isinstance(priority, Priority):
        return priority.value
    if isinstance(priority, int):
        if 0 <= priority <= 100:
            return priority
        raise ConfigError(f'priority should be in 0..100, but got {priority}')
    if isinstance(priority, str):
        try:
            return Priority[priority.upper()].value
        except KeyError:
            raise ConfigError(
                f'priority should be an integer in 0..100 or one of {", ".join(Priority.__members__)}, not {priority!r}'
            ) from None
    raise TypeError(f'priority should be a name, an integer or a Priority, but got {type(priority).__name__}')

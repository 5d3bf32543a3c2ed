"""A loop over tasks with a progress bar drawn by rich."""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import ExitStack
from itertools import repeat
from typing import Any


class _Worker:
    """Picklable call of `func` with a task: a tuple is its arguments, anything else its only argument."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    def __call__(self, task: Any) -> Any:
        return self.func(*task) if isinstance(task, tuple) else self.func(task)


def track_progress_rich(
    func: Callable[..., Any],
    tasks: Iterable[Any] = (),
    task_num: int | None = None,
    nproc: int = 1,
    chunksize: int = 1,
    description: str = 'Processing',
    color: str = 'blue',
) -> list[Any]:
    """Results of `func` for each task, in order, computed in `nproc` processes with a progress bar.

    Args:
        tasks: a tuple is unpacked into arguments. Without tasks `func()` is called `task_num` times.
        task_num: number of tasks where `tasks` has no length.
        color: rich style of the bar.

    Raises:
        ValueError: there are no tasks and no `task_num`, or the two differ.
    """
    if not callable(func):
        raise TypeError(f'func should be callable, but got {func!r}')
    if not isinstance(tasks, Iterable):
        raise TypeError(f'tasks should be iterable, but got {type(tasks).__name__}')
    if nproc <= 0:
        raise ValueError(f'nproc should be positive, but got {nproc}')
    total = len(tasks) if isinstance(tasks, Sized) else None
    if total == 0:
        if task_num is None:
            raise ValueError('without tasks, task_num should say how often to call func')
        total, tasks = task_num, repeat((), task_num)
    elif total is not None and task_num not in (None, total):
        raise ValueError(f'task_num is {task_num}, but there are {total} tasks')

    # At use: everything imports this module.
    from multiprocessing import Pool

    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn('{task.description}'),
        BarColumn(complete_style=color),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    worker = _Worker(func)
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(*columns))
        results: Iterator[Any]
        if nproc == 1:
            results = map(worker, tasks)
        else:
            results = stack.enter_context(Pool(nproc)).imap(worker, tasks, chunksize)
        return list(progress.track(results, total=total or task_num, description=description))

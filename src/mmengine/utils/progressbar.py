"""A text progress bar that also reads well in a log file, and loops over tasks that draw one."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from mmengine.utils.timer import Timer

if TYPE_CHECKING:
    from multiprocessing.pool import Pool as PoolType


class ProgressBar:
    """Counts tasks on one line of `file` (standard output by default), with speed and remaining time.

    With `task_num=0` the number of tasks is unknown and no bar is drawn. Times are in seconds.
    """

    def __init__(self, task_num: int = 0, bar_width: int = 50, start: bool = True, file: TextIO | None = None) -> None:
        self.task_num = task_num
        self.bar_width = bar_width
        self.completed = 0
        self.file = sys.stdout if file is None else file
        if start:
            self.start()

    @property
    def terminal_width(self) -> int:
        return shutil.get_terminal_size().columns

    def start(self) -> None:
        if self.task_num > 0:
            self._write(f'[{" " * self.bar_width}] 0/{self.task_num}, elapsed: 0s, ETA:')
        else:
            self._write('completed: 0, elapsed: 0s')
        self.timer = Timer()

    def update(self, num_tasks: int = 1) -> None:
        """Count `num_tasks` more tasks as done."""
        if num_tasks <= 0:
            raise ValueError(f'num_tasks should be positive, but got {num_tasks}')
        self.completed += num_tasks
        elapsed = self.timer.since_start()
        speed = self.completed / max(elapsed, 1e-9)
        if self.task_num <= 0:
            self._write(f'\rcompleted: {self.completed}, elapsed: {elapsed:.0f}s, {speed:.1f} tasks/s')
            return
        share = min(self.completed / self.task_num, 1)
        eta = max(self.task_num - self.completed, 0) / speed
        text = f'] {self.completed}/{self.task_num}, {speed:.1f} task/s, elapsed: {elapsed:.0f}s, ETA: {eta:5.0f}s'
        width = max(2, min(self.bar_width, self.terminal_width - len(text) - 1))
        self._write(f'\r[{">" * int(width * share):<{width}}{text}')

    def _write(self, text: str) -> None:
        self.file.write(text)
        self.file.flush()


def _count(tasks: Any) -> tuple[Iterable[Any], int]:
    """Tasks and their number, of a sequence or of a pair (iterable, number)."""
    if isinstance(tasks, tuple) and len(tasks) == 2 and isinstance(tasks[0], Iterable) and type(tasks[1]) is int:
        return tasks
    if isinstance(tasks, Sequence):
        return tasks, len(tasks)
    raise TypeError(f'tasks should be a sequence or a pair (iterable, number), but got {type(tasks).__name__}')


def track_progress(
    func: Callable[..., Any], tasks: Any, bar_width: int = 50, file: TextIO | None = None, **kwargs: Any
) -> list[Any]:
    """`func(task, **kwargs)` for each task with a bar; `tasks` is a sequence or a pair (iterable, number)."""
    return [func(task, **kwargs) for task in track_iter_progress(tasks, bar_width, file)]


def track_iter_progress(tasks: Any, bar_width: int = 50, file: TextIO | None = None) -> Iterator[Any]:
    """Iterate over tasks with a bar; `tasks` is a sequence or a pair (iterable, number)."""
    items, number = _count(tasks)
    return _advance(items, ProgressBar(number, bar_width, file=file))


def _advance(items: Iterable[Any], bar: ProgressBar) -> Iterator[Any]:
    for item in items:
        yield item
        bar.update()
    bar.file.write('\n')


def init_pool(
    process_num: int, initializer: Callable[..., Any] | None = None, initargs: tuple[Any, ...] | None = None
) -> 'PoolType':
    from multiprocessing import Pool  # at use: everything imports this module

    if initializer is None:
        return Pool(process_num)
    if initargs is not None and not isinstance(initargs, tuple):
        raise TypeError(f'initargs should be a tuple, but got {initargs!r}')
    return Pool(process_num, initializer, initargs or ())


def track_parallel_progress(
    func: Callable[..., Any],
    tasks: Any,
    nproc: int,
    initializer: Callable[..., Any] | None = None,
    initargs: tuple[Any, ...] | None = None,
    bar_width: int = 50,
    chunksize: int = 1,
    skip_first: bool = False,
    keep_order: bool = True,
    file: TextIO | None = None,
) -> list[Any]:
    """`track_progress` in `nproc` processes.

    `skip_first` leaves the first task of each process out of the estimate of the speed, and
    `keep_order=False` collects results as they come.
    """
    items, number = _count(tasks)
    skipped = nproc * chunksize if skip_first else 0
    bar = ProgressBar(max(number - skipped, 0), bar_width, start=not skip_first, file=file)
    results = []
    with init_pool(nproc, initializer, initargs) as pool:
        run = pool.imap if keep_order else pool.imap_unordered
        for result in run(func, items, chunksize):
            results.append(result)
            if len(results) == skipped:
                bar.start()
            elif len(results) > skipped:
                bar.update()
    bar.file.write('\n')
    return results

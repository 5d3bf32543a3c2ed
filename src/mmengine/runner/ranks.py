"""What the ranks of a run tell each other: where they are, when to stop, who takes part in a save, who has failed."""

from __future__ import annotations

import logging
import os
import re
import signal
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.dist.board import Board
from mmengine.logging import MMLogger
from mmengine.logging.logger import MMFormatter

_LOOK_EVERY = 1.0  # seconds between two looks at the board
_SAVE_WAIT = float(os.environ.get('MMNEXT_SAVE_WAIT', 60))  # seconds that rank 0 waits for the others in a save
_REPORT_WAIT = 3.0  # seconds that a rank whose collective failed waits for what the others report
_COLLECTIVE = re.compile(
    r'gloo|nccl|connection (closed|reset|refused)|broken pipe|timed? ?out|socket|store', re.IGNORECASE
)


class Ranks:
    """Talk of one run among its ranks. Alone, a process talks to itself."""

    def __init__(self) -> None:
        self._board = Board()
        self.rank, self.world_size = self._board.rank, self._board.world_size
        self._look_at = 0.0
        self._signum: int | None = None  # what all were told
        self._saves: Counter[str] = Counter()

    # ------------------------------------------------------------------ stopping together

    def stop_signal(self, signum: int | None, iteration: int, every: int) -> int | None:
        """The signal to stop for now, after `iteration`; all ranks get it after the same iteration.

        A signal at any rank is enough. Each rank looks for one about once a second, and says that it knows. Then rank 0
        names the iteration: the next after which no rank can be ahead of it, as all exchange gradients in it.

        Args:
            signum: the signal that this process got.
            every: iterations between two exchanges of gradients.
        """
        if self.world_size == 1:
            return signum
        if signum is None and self._signum is None and time.monotonic() < self._look_at:
            return None
        try:
            return self._agree(signum, iteration, every)
        except RuntimeError:  # the process that kept the store has left
            return signum

    def _agree(self, signum: int | None, iteration: int, every: int) -> int | None:
        board = self._board
        if self._signum is None:
            self._look_at = time.monotonic() + _LOOK_EVERY
            board.post(f'at/{self.rank}', f'{iteration} {time.time()}')
            told = board.read('signal')
            if told is not None:
                self._signum = int(told)
            elif signum is None:
                return None
            else:
                self._signum = signum
                board.post('signal', str(signum))
            board.count('know', 1)
        if self.rank == 0 and not board.has('stop') and board.count('know') == self.world_size:
            board.post('stop', str((iteration // every + 1) * every))
        stop = board.read('stop')
        return self._signum if stop is not None and iteration >= int(stop) else None

    # ------------------------------------------------------------------ saving together

    def missing_in(self, what: str, wait: float = _SAVE_WAIT) -> list[int]:
        """The ranks that do not take part in `what`, by name, within the time. All that do get the same answer."""
        if self.world_size == 1:
            return []
        self._saves[what] += 1
        place, board = f'save/{what}/{self._saves[what]}', self._board
        if self.rank > 0:
            board.post(f'{place}/{self.rank}')
            if not board.wait([f'{place}/verdict'], 10 * wait):
                return [0]
        else:
            board.post(f'{place}/0')
            board.wait(board.of_ranks(place), wait)
            missing = [r for r, name in enumerate(board.of_ranks(place)) if not board.has(name)]
            board.post(f'{place}/verdict', ' '.join(map(str, missing)))
        return [int(r) for r in (board.read(f'{place}/verdict') or '').split()]

    # ------------------------------------------------------------------ failing

    @contextmanager
    def reporting(self, logger: logging.Logger) -> Iterator[None]:
        """Log what ends the run on this rank with its traceback, tell the others, and note what they told."""
        try:
            yield
        except Exception as error:
            if self.world_size > 1:
                self._report(error, logger)
            raise

    def _report(self, error: Exception, logger: logging.Logger) -> None:
        collective = isinstance(error, RuntimeError) and bool(_COLLECTIVE.search(str(error)))
        try:
            if collective:
                # Not the cause: some other rank is gone, or did not come.
                self._board.post(f'lost/{self.rank}')
                for note in self._of_others():
                    error.add_note(note)
            else:
                self._board.post(f'failed/{self.rank}', f'{type(error).__name__}: {error}'[:1000])
                self._board.post('failed')
        except RuntimeError as lost:
            error.add_note(f'(the other ranks cannot be asked: {lost})')
        text = ''.join(traceback.format_exception(error))
        logger.error(f'rank {self.rank} of {self.world_size} failed\n{text}')
        self._tell_torchrun(error, secondary=collective)

    def _of_others(self) -> list[str]:
        board, end = self._board, time.monotonic() + _REPORT_WAIT
        others = [r for r in range(self.world_size) if r != self.rank]
        while time.monotonic() < end and not all(board.has(f'lost/{r}') for r in others):
            if board.has('failed'):
                break
            time.sleep(0.05)
        failed = {r: board.read(f'failed/{r}') for r in others if board.has(f'failed/{r}')}
        if failed:
            return [f'rank {r} failed: {what}' for r, what in failed.items()]
        absent = [r for r in others if not board.has(f'lost/{r}')]
        return [f'rank {r} did not take part in the collective ({self._last_seen(r)})' for r in absent]

    def _last_seen(self, rank: int) -> str:
        seen = self._board.read(f'at/{rank}')
        if seen is None:
            return 'it was never seen in the training loop'
        iteration, when = seen.split()
        return f'last seen after iteration {iteration}, {time.time() - float(when):.0f} s ago'

    @staticmethod
    def _tell_torchrun(error: Exception, secondary: bool) -> None:
        """Have torchrun show this traceback, if this rank failed first; what only follows from it is later."""
        if 'TORCHELASTIC_ERROR_FILE' not in os.environ:
            return
        from torch.distributed.elastic.multiprocessing.errors import get_error_handler

        if secondary:
            time.sleep(0.2)
        handler = get_error_handler()
        handler.initialize()
        handler.record_exception(error)

    def end_if_others_failed(self) -> None:
        """After a signal, from a thread: end this process if another rank failed, as a collective may never return."""

        def watch() -> None:
            for _ in range(60):
                time.sleep(0.5)
                try:
                    failed = self._board.has('failed')
                except RuntimeError:
                    failed = True
                if failed:
                    time.sleep(_REPORT_WAIT)
                    os.kill(os.getpid(), signal.SIGTERM)  # its handler is by now the one from before the training
                    return

        if self.world_size > 1:
            threading.Thread(target=watch, name='others-failed', daemon=True).start()


def keep_log_of_rank(logger: MMLogger, folder: str, rank: int) -> None:
    """On other ranks than 0: warnings (also Python's) and errors go to `folder/rank_N.log`, once there are any."""
    path = Path(folder, f'rank_{rank}.log')
    handler = logging.FileHandler(path, 'a', encoding='utf-8', delay=True)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(MMFormatter(color=False, datefmt=f'%Y/%m/%d %H:%M:%S rank {rank}'))
    logger.addHandler(handler)
    logging.captureWarnings(True)
    python = logging.getLogger('py.warnings')
    for former in [h for h in python.handlers if isinstance(h, logging.FileHandler)]:
        python.removeHandler(former)
    python.addHandler(handler)
    python.propagate = False

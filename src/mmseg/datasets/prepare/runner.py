"""Carry out a preparation: in parallel, file by file whole or absent, and only what is not done yet."""

from __future__ import annotations

import multiprocessing
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path

import cv2
import numpy as np

from mmengine.utils.errors import ConfigError, DataError, MMError

from .jobs import PREPARATIONS, Content, Job, Options, Preparation, copy
from .manifest import Manifest, Written, digest
from .source import Source, close_archives

Progress = Callable[[int, int], None]
SHOWN = 10


@dataclass
class Outcome:
    """What `prepare` has done.

    Args:
        jobs, skipped: their number, and how many were done before.
        folders: the number of files in each folder.
        warnings: folders with another number of files than expected.
    """

    jobs: int = 0
    skipped: int = 0
    folders: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


def find(name: str) -> Preparation:
    """Raises:
    ConfigError: there is no preparation of that name; names the nearest one.
    """
    key = name.lower().replace('-', '_')
    if key in PREPARATIONS:
        return PREPARATIONS[key]
    near = get_close_matches(key, PREPARATIONS, n=1)
    hint = f'did you mean {near[0]!r}? ' if near else ''
    raise ConfigError(f'no data set {name!r} is known; {hint}Known are: {", ".join(PREPARATIONS)}')


def prepare(
    name: str,
    src: str | Path,
    dst: str | Path,
    size: int | None = None,
    stride: int | None = None,
    jobs: int = 1,
    verify: bool = False,
    progress: Progress = lambda done, total: None,
) -> Outcome:
    """Convert the data set at `src` into files below `dst`, which then is the `data_root` of its config.

    Each file is read back after it was written. What the manifest of an earlier call lists stays, as long as its size
    is the same; with `verify` also its content.

    Args:
        size, stride: of tiles.
        jobs: number of processes.
        progress: called with the number of jobs that are done, and of all.

    Raises:
        DataError: the source lacks something, or some files could not be converted (all others are).
    """
    preparation = find(name)
    if preparation.plan is None:
        raise ConfigError(f'{preparation.title} needs no conversion. {preparation.layout}')
    try:
        return _prepare(preparation, preparation.options(size, stride), Path(src), Path(dst), jobs, verify, progress)
    finally:
        close_archives()


def _prepare(
    preparation: Preparation, options: Options, src: Path, root: Path, jobs: int, verify: bool, progress: Progress
) -> Outcome:
    planned = _plan(preparation, Source(src), options, root)
    root.mkdir(parents=True, exist_ok=True)
    manifest = Manifest(root, {'dataset': preparation.name, **asdict(options)})
    try:
        done = {key for key, files in manifest.jobs.items() if all(f.is_there(root, verify) for f in files)}
        due = [job for job in planned if job.key not in done]
        outcome = Outcome(len(planned), len(planned) - len(due))
        progress(outcome.skipped, outcome.jobs)
        failures: list[str] = []
        for count, (job, result) in enumerate(_results(due, root, jobs), start=1):
            if isinstance(result, MMError):
                failures.append(f'{job.key}: {result}')
            else:
                manifest.add(job.key, result)
            progress(outcome.skipped + count, outcome.jobs)
    finally:
        manifest.close()
    if failures:
        listed = '\n'.join(f'  {line}' for line in failures[:SHOWN])
        more = f'\n  and {len(failures) - SHOWN} more' if len(failures) > SHOWN else ''
        raise DataError(
            f'{len(failures)} of {len(planned)} parts of {preparation.title} could not be converted:\n{listed}{more}\n'
            'All others are written; the same command goes on with what is missing.'
        )
    for job in planned:
        outcome.folders.update(os.path.dirname(file.path) for file in manifest.jobs[job.key])
    outcome.warnings = _unexpected(preparation, options, outcome)
    return outcome


def _plan(preparation: Preparation, source: Source, options: Options, root: Path) -> list[Job]:
    assert preparation.plan is not None
    try:
        planned = list(preparation.plan(source, options))
    except DataError as error:
        error.add_note(f'Expected of the source:\n{preparation.layout}')
        raise
    # Where the target is the source, images are in place.
    planned = [job for job in planned if not (job.make is copy and Path(job.args[0].path) == root / job.args[1])]
    twice = [key for key, n in Counter(job.key for job in planned).items() if n > 1]
    if twice:
        raise DataError(f'{source.root} holds {twice[0]} twice, in different folders or archives; remove one of them')
    return planned


def _results(due: Sequence[Job], root: Path, jobs: int) -> Iterator[tuple[Job, list[Written] | MMError]]:
    """The files of each job, or why there are none; in the order in which they finish."""
    if jobs <= 1 or len(due) <= 1:
        for job in due:
            yield job, execute(job, root)
        return
    # Spawned: torch runs threads, which a fork would not take along.
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(min(jobs, len(due)), context, cv2.setNumThreads, (1,)) as pool:
        waiting = iter(due)
        running: dict[Future, Job] = {}
        try:
            while True:
                # No more than needed: an interrupt has little to wait for.
                for job in waiting:
                    running[pool.submit(execute, job, root)] = job
                    if len(running) >= 2 * jobs:
                        break
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def execute(job: Job, root: Path) -> list[Written] | MMError:
    """Write the files of a job. Errors that a user can mend are returned, so that the other jobs go on."""
    try:
        return [_write(root, path, content) for path, content in job.make(*job.args)]
    except MMError as error:
        return error
    except OSError as error:
        return DataError(f'cannot write below {root}: {error}')


def _write(root: Path, path: str, content: Content) -> Written:
    """Write aside, read back, rename.

    Raises:
        DataError: what was read back is something else.
    """
    encoded = content if isinstance(content, bytes) else _encode(path, content)
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f'.{target.name}.{uuid.uuid4().hex[:8]}')
    try:
        aside.write_bytes(encoded)
        back = aside.read_bytes()
        same = back == encoded
        if same and isinstance(content, np.ndarray) and path.endswith('.png'):
            decoded = cv2.imdecode(np.frombuffer(back, np.uint8), cv2.IMREAD_UNCHANGED)
            same = decoded is not None and np.array_equal(decoded, content)
        if not same:
            raise DataError(f'{target} is not what was written; is the disk full or broken?')
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return Written(path, len(encoded), digest(encoded))


def _encode(path: str, array: np.ndarray) -> bytes:
    suffix = os.path.splitext(path)[1]
    # The quality at which published weights have seen such images.
    parameters = [cv2.IMWRITE_JPEG_QUALITY, 75] if suffix == '.jpg' else []
    ok, encoded = cv2.imencode(suffix, np.ascontiguousarray(array), parameters)
    assert ok, f'{path} {array.shape} {array.dtype}'
    return encoded.tobytes()


def _unexpected(preparation: Preparation, options: Options, outcome: Outcome) -> list[str]:
    if preparation.tiles is not None and options != preparation.options():
        return []
    return [
        f'{folder} has {outcome.folders[folder]} files, where the whole data set has {number}'
        for folder, number in preparation.expected.items()
        if outcome.folders[folder] != number
    ]

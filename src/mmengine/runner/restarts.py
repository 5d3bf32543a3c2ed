"""A job that `torchrun --max-restarts` starts again goes on from its own newest checkpoint."""

from __future__ import annotations

import os
from pathlib import Path


def restart_count() -> int:
    """How often `torchrun --max-restarts` has started this job again."""
    return int(os.environ.get('TORCHELASTIC_RESTART_COUNT', 0))


def mark_start(work_dir: str) -> None:
    """At the first start under torchrun, note when the job began, for `written_by_this_job` after a restart."""
    if os.environ.get('TORCHELASTIC_RESTART_COUNT') == '0':
        Path(work_dir, '.job_start').write_text('')


def written_by_this_job(path: str, work_dir: str) -> bool:
    """Whether a checkpoint was written since the job began, and not by a run before it in the same folder."""
    start = Path(work_dir, '.job_start')
    return Path(path).exists() and start.exists() and Path(path).stat().st_mtime >= start.stat().st_mtime

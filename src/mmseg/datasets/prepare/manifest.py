"""What a preparation has written: a line a job, so that an interrupted one can go on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

NAME = 'prepare.jsonl'
FORMAT = 1


@dataclass(frozen=True)
class Written:
    """A file below the target folder, as it was when it was written."""

    path: str
    size: int
    digest: str

    def is_there(self, root: Path, content: bool = False) -> bool:
        """Whether the file is there with this size, and with this `content`."""
        file = root / self.path
        if not file.is_file() or file.stat().st_size != self.size:
            return False
        return not content or digest(file.read_bytes()) == self.digest


def digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


class Manifest:
    """`prepare.jsonl` in the target folder: a header, then the files of each job that is done.

    A file of another data set or with other options is begun anew.
    """

    def __init__(self, root: Path, header: dict[str, Any]) -> None:
        self.path = root / NAME
        self.header = {'format': FORMAT, **header}
        self.jobs: dict[str, list[Written]] = {}
        self._file: TextIO | None = None
        if self.path.is_file() and not self._read():
            self.jobs.clear()
            self.path.unlink()

    def _read(self) -> bool:
        """Whether the file is about the same preparation. The last line may be cut off."""
        lines = self.path.read_text(encoding='utf-8').split('\n')
        try:
            if json.loads(lines[0]) != self.header:
                return False
            for line in lines[1:-1]:
                entry = json.loads(line)
                self.jobs[entry['job']] = [Written(*each) for each in entry['files']]
        except (ValueError, KeyError, TypeError):
            return False
        if lines[-1]:
            self._rewrite()
        return True

    def _rewrite(self) -> None:
        text = [json.dumps(self.header), *(self._line(job, files) for job, files in self.jobs.items())]
        self.path.write_text('\n'.join(text) + '\n', encoding='utf-8')

    @staticmethod
    def _line(job: str, files: list[Written]) -> str:
        return json.dumps({'job': job, 'files': [[f.path, f.size, f.digest] for f in files]})

    def add(self, job: str, files: list[Written]) -> None:
        """Note that a job is done."""
        if self._file is None:
            new = not self.path.exists()
            self._file = self.path.open('a', encoding='utf-8')
            if new:
                self._file.write(json.dumps(self.header) + '\n')
        self.jobs[job] = files
        self._file.write(self._line(job, files) + '\n')
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

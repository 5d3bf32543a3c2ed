"""The files that a data set is published as: in folders, or in archives as they were downloaded."""

from __future__ import annotations

import gzip
import re
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from mmengine.utils.errors import DataError

ARCHIVES = ('.zip', '.tar', '.tar.gz', '.tgz')


@dataclass(frozen=True)
class File:
    """A file below the source folder, or in an archive there; can be sent to another process.

    `name` is its path below the folder, with `/`; the stem of an archive counts as a folder.
    """

    name: str
    path: str
    member: str | None = None

    def read(self) -> bytes:
        """The content; that of `*.gz` is unpacked.

        Raises:
            DataError: it cannot be read.
        """
        try:
            content = Path(self.path).read_bytes() if self.member is None else _read_member(self.path, self.member)
            return gzip.decompress(content) if self.name.endswith('.gz') else content
        except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
            raise DataError(f'cannot read {self}: {error}') from error

    def __str__(self) -> str:
        return self.path if self.member is None else f'{self.member} in {self.path}'


class Source:
    """All files below a folder and in the archives there; or those of one archive.

    Raises:
        DataError: there is no such folder, or an archive is broken.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if not self.root.exists():
            raise DataError(f'the source {self.root} does not exist; give the folder with the downloaded data set')
        paths = [self.root] if self.root.is_file() else sorted(p for p in self.root.rglob('*') if p.is_file())
        base = self.root.parent if self.root.is_file() else self.root
        plain, packed = [], []
        for path in paths:
            name = path.relative_to(base).as_posix()
            suffix = next((s for s in ARCHIVES if name.lower().endswith(s)), None)
            if suffix is None:
                plain.append(File(name, str(path)))
            else:
                stem = name[: -len(suffix)]
                packed += [File(f'{stem}/{member}', str(path), member) for member in _members(str(path))]
        self.files = plain + packed  # what is unpacked goes first

    def find(self, pattern: str) -> dict[tuple[str, ...], File]:
        """The files whose names end so (a regular expression), by the groups of the pattern, sorted.

        Raises:
            DataError: two files of the same kind have the same groups.
        """
        compiled = re.compile(f'(?:^|/){pattern}$')
        found: dict[tuple[str, ...], File] = {}
        for file in self.files:
            match = compiled.search(file.name)
            if match is None:
                continue
            other = found.setdefault(match.groups(), file)
            if other is not file and (other.member is None) == (file.member is None):
                raise DataError(f'{other} and {file} are both {"/".join(match.groups())}; remove one of them')
        return dict(sorted(found.items()))

    def need(self, pattern: str, what: str) -> dict[tuple[str, ...], File]:
        """`find`, but at least one.

        Raises:
            DataError: there is none; `what` says what was looked for.
        """
        found = self.find(pattern)
        if not found:
            raise DataError(f'{self.root} has no {what}; {self._contents()}')
        return found

    def _contents(self) -> str:
        if not self.files:
            return 'it is empty'
        tops = sorted({'/'.join(file.name.split('/')[:2]) for file in self.files})
        more = f' and {len(tops) - 12} more' if len(tops) > 12 else ''
        return f'it holds {len(self.files)} files: {", ".join(tops[:12])}{more}'


def _members(path: str) -> list[str]:
    try:
        if path.lower().endswith('.zip'):
            names = [info.filename for info in _zip(path).infolist() if not info.is_dir()]
        else:
            names = [info.name for info in _tar(path).getmembers() if info.isfile()]
    except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise DataError(f'the archive {path} is broken ({error}); download it again') from error
    return sorted(name for name in names if not name.startswith('__MACOSX/'))


def _read_member(path: str, member: str) -> bytes:
    if path.lower().endswith('.zip'):
        return _zip(path).read(member)
    file = _tar(path).extractfile(member)
    assert file is not None  # only files are listed
    return file.read()


# Kept open: the table of contents of a large archive takes a while. A process has its own.
_OPEN: dict[str, zipfile.ZipFile | tarfile.TarFile] = {}


def close_archives() -> None:
    """Close those that were read in this process."""
    while _OPEN:
        _OPEN.popitem()[1].close()


def _zip(path: str) -> zipfile.ZipFile:
    found = _OPEN.get(path)
    if not isinstance(found, zipfile.ZipFile):
        _OPEN[path] = found = zipfile.ZipFile(path)
    return found


def _tar(path: str) -> tarfile.TarFile:
    found = _OPEN.get(path)
    if not isinstance(found, tarfile.TarFile):
        _OPEN[path] = found = tarfile.open(path)  # noqa: SIM115 - kept open
    return found

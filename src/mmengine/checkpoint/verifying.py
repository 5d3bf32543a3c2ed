"""Whether a checkpoint is as it was written.

The files of `torch.save` are zip archives with the CRC-32 of each record, and a list of contents at the end that holds
their sizes; `torch.load` looks at neither. A copied or renamed file can be verified as well, and so can files that
others wrote.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import IO, Any

from mmengine.utils.errors import CheckpointError

_BLOCK = 2**20


def damage(file: IO[bytes]) -> str:
    """What is wrong with a file of `torch.save`, by its checksums; '' if nothing is. Other files have none: ''."""
    file.seek(0)
    start = file.read(2)
    file.seek(0)
    if start != b'PK':
        return ''
    try:
        with zipfile.ZipFile(file) as archive:
            records = archive.infolist()
            if not any(record.filename.endswith('data.pkl') for record in records):
                return 'it has no data.pkl'
            for record in records:
                # 0 is written by `torch.serialization.set_crc32_options(False)`.
                if record.CRC:
                    with archive.open(record) as stream:
                        while stream.read(_BLOCK):
                            pass
    except Exception as e:  # noqa: BLE001  a changed byte can lead zipfile anywhere
        return f'{type(e).__name__}: {e}'
    finally:
        file.seek(0)
    return ''


def verify_checkpoint(path: str | Path) -> None:
    """Read a local checkpoint, a file or a folder of shards, to its end and compare its checksums.

    Files before torch 1.6 and safetensors have none: of these it is checked that they begin as such files do, and
    that nothing is cut off.

    Raises:
        CheckpointError: it is absent or broken; names the record.
    """
    path = Path(path).expanduser()
    try:
        if path.is_dir():
            _verify_folder(path)
            return
        with open(path, 'rb') as file:
            reason = _damage_of_any(path, file)
    except OSError as e:
        raise CheckpointError(f'{path} cannot be read: {e.strerror or e}') from e
    if reason:
        raise CheckpointError(f'{path} ({path.stat().st_size:,} bytes) is broken: {reason}')


def is_whole(path: str | Path) -> bool:
    """Whether a local checkpoint, a file or a folder of shards, is as it was written; see `verify_checkpoint`."""
    try:
        verify_checkpoint(path)
    except CheckpointError:
        return False
    return True


def _damage_of_any(path: Path, file: IO[bytes]) -> str:
    size = path.stat().st_size
    start = file.read(8)
    if path.suffix == '.safetensors':
        return _damage_of_safetensors(path)
    if start[:2] == b'PK':
        return damage(file)
    if start[:1] != b'\x80':
        return 'it is no checkpoint' if size else 'it is empty'
    file.seek(-1, 2)
    # A pickle ends with a dot; in files before torch 1.6 tensors follow it.
    return '' if size > 1000 or file.read(1) == b'.' else 'it was cut off'


def _damage_of_safetensors(path: Path) -> str:
    import safetensors

    try:
        with safetensors.safe_open(path, framework='pt'):
            return ''
    except safetensors.SafetensorError as e:
        return str(e)


class _Records(pickle.Unpickler):
    """Reads the list of shards and takes nothing from it but plain values."""

    def find_class(self, module: str, name: str) -> Any:
        return _Plain


class _Plain:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state if isinstance(state, dict) else {'state': state})

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def _verify_folder(folder: Path) -> None:
    verify_checkpoint(folder / 'run.pth')
    try:
        with open(folder / '.metadata', 'rb') as file:
            places = list(_Records(file).load().storage_data.values())
        spans = [(str(each.relative_path), int(each.offset), int(each.length)) for each in places]
    except Exception as e:
        raise CheckpointError(f'{folder / ".metadata"} cannot be read: {type(e).__name__}: {e}') from e
    for name, offset, length in spans:
        with open(folder / name, 'rb') as file:
            reason = damage(_Span(file, offset, length))  # type: ignore[arg-type]
        if reason:
            raise CheckpointError(f'{folder / name} is broken: {reason}')


class _Span:
    """A part of a file as a file."""

    def __init__(self, file: IO[bytes], offset: int, length: int) -> None:
        self.file, self.offset, self.length, self.position = file, offset, length, 0

    def seekable(self) -> bool:
        return True

    def seek(self, position: int, whence: int = 0) -> int:
        self.position = position + (0, self.position, self.length)[whence]
        return self.position

    def tell(self) -> int:
        return self.position

    def read(self, size: int = -1) -> bytes:
        left = max(self.length - self.position, 0)
        self.file.seek(self.offset + self.position)
        data = self.file.read(left if size < 0 else min(size, left))
        self.position += len(data)
        return data

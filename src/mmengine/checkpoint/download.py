"""Getting files over HTTP: from mirrors as well, whole or not at all, with their hash checked."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from rich.progress import Progress

from mmengine.fileio import atomic_write
from mmengine.utils.errors import CheckpointError

from .model_urls import ENV_MMENGINE_HOME

fcntl: Any
try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None

ENV_MIRRORS = 'MMENGINE_MIRRORS'
ENV_HF_ENDPOINT = 'HF_ENDPOINT'
ENV_HF_TOKEN = 'HF_TOKEN'
_HF = 'https://huggingface.co'
_HASH = re.compile(r'-([a-f0-9]{8,})\.\w+$')
_TIMEOUT = 30  # seconds without an answer
_BLOCK = 1 << 20


def addresses(url: str) -> list[str]:
    """Where to look for a URL: on the mirrors in `$MMENGINE_MIRRORS`, then at itself.

    The variable holds pairs `beginning=replacement`, separated by commas or spaces:
    `https://download.openmmlab.com=https://mirror.example.org/openmmlab`.

    Raises:
        CheckpointError: the variable reads otherwise.
    """
    found = []
    for pair in re.split(r'[\s,]+', os.getenv(ENV_MIRRORS, '').strip()):
        beginning, separator, mirror = pair.partition('=')
        if pair and not (beginning and separator and mirror):
            raise CheckpointError(f"{ENV_MIRRORS} should hold pairs 'beginning=replacement', but has {pair!r}")
        if pair and url.startswith(beginning):
            found.append(mirror + url[len(beginning) :])
    return [*found, url]


def huggingface_url(address: str) -> str:
    """The URL of `hf://owner/repo[@revision]/path`. `$HF_ENDPOINT` names another host than huggingface.co.

    Raises:
        CheckpointError: the address reads otherwise.
    """
    match = re.fullmatch(r'hf://(?P<repo>[^/@]+/[^/@]+)(?:@(?P<revision>[^/]+))?/(?P<path>.+)', address)
    if match is None:
        raise CheckpointError(f"{address} should read 'hf://owner/repo/file' or 'hf://owner/repo@revision/file'")
    host = os.getenv(ENV_HF_ENDPOINT, _HF).rstrip('/')
    revision = quote(match['revision'] or 'main', safe='')
    return f'{host}/{match["repo"]}/resolve/{revision}/{quote(match["path"])}'


def download_once(url: str, path: str, progress: bool) -> None:
    """Put what is at `url` at `path`, unless it is there; of the processes of a machine one downloads, the others wait.

    Raises:
        CheckpointError: it is nowhere to be had, or has another hash than its name says.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with _lock(f'{path}.lock'):
        if not os.path.isfile(path):
            download(url, path, progress)


@contextmanager
def _lock(path: str) -> Iterator[None]:
    """Held by one process at a time, and released when it dies. Where there are no locks, nobody waits."""
    if fcntl is None:
        yield
        return
    with open(path, 'w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass  # some network file systems have none; each process then downloads for itself, which is safe
        try:
            yield
        finally:
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass  # another process that had waited removed it


def download(url: str, path: str, progress: bool = False) -> None:
    """Put what is at `url`, or at a mirror of it, at `path`.

    Raises:
        CheckpointError: it is nowhere to be had, or has another hash than its name says.
    """
    found = _HASH.search(path)
    # A date looks like a hash, too, but has no letters.
    digest = found[1] if found is not None and not found[1].isdigit() else None
    failures: list[tuple[str, Exception]] = []
    for address in addresses(url):
        try:
            _fetch(address, path, digest, progress)
            return
        except (OSError, ValueError) as e:
            if isinstance(e, HTTPError):
                e.close()
            failures.append((address, e))
    tried = '\n'.join(f'could not download {address}: {error}' for address, error in failures)
    raise CheckpointError(
        f'{tried}\nPut the file by hand at {path}, set {ENV_MMENGINE_HOME} to a folder that has it in `checkpoints`, '
        f'or name a mirror in {ENV_MIRRORS} (beginning=replacement).'
    ) from failures[-1][1]


def _fetch(url: str, path: str, digest: str | None, progress: bool) -> None:
    headers = {'User-Agent': 'mmengine'}
    token = os.getenv(ENV_HF_TOKEN)
    if token and url.startswith(os.getenv(ENV_HF_ENDPOINT, _HF)):
        headers['Authorization'] = f'Bearer {token}'
    sha256, size = hashlib.sha256(), 0
    with urlopen(Request(url, headers=headers), timeout=_TIMEOUT) as response, atomic_write(path) as file:
        expected = int(response.headers.get('Content-Length') or 0)
        with Progress(disable=not progress, transient=True) as bar:
            task = bar.add_task(os.path.basename(urlsplit(url).path), total=expected or None)
            while block := response.read(_BLOCK):
                sha256.update(block)
                file.write(block)
                size += len(block)
                bar.advance(task, len(block))
        if expected and size != expected:
            raise OSError(f'got {size} of {expected} bytes')
        if digest is not None and not sha256.hexdigest().startswith(digest):
            raise ValueError(f'invalid hash value (expected {digest}, got {sha256.hexdigest()[: len(digest)]})')

"""Files at `http://` and `https://` addresses, read with the standard library."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from mmengine.fileio.backends.base import BaseStorageBackend

_TIMEOUT = 60  # seconds without an answer


class HTTPBackend(BaseStorageBackend):
    """Reads from web servers."""

    def get(self, filepath: str) -> bytes:
        with urlopen(self._request(filepath), timeout=_TIMEOUT) as response:
            return response.read()

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        return self.get(filepath).decode(encoding)

    def exists(self, filepath: str) -> bool:
        try:
            with urlopen(self._request(filepath, 'HEAD'), timeout=_TIMEOUT):
                return True
        except HTTPError as e:
            if e.code in (404, 410):
                return False
            raise

    isfile = exists

    def join_path(self, filepath: str, *filepaths: str) -> str:
        return '/'.join([filepath.rstrip('/'), *(part.strip('/') for part in filepaths)])

    @contextmanager
    def get_local_path(self, filepath: str) -> Iterator[str]:
        """A temporary copy with the same extension, which is removed after the block."""
        suffix = os.path.splitext(urlsplit(filepath).path)[1]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, f'download{suffix}')
            with open(path, 'wb') as file:
                file.write(self.get(filepath))
            yield path

    def _request(self, url: str, method: str = 'GET') -> Request:
        if not str(url).startswith(('http://', 'https://')):
            raise ValueError(f'an address should start with http:// or https://, but got {url!r}')
        return Request(str(url), method=method, headers={'User-Agent': 'mmengine'})

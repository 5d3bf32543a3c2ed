"""Remote files, by any protocol that fsspec knows (`s3://`, `gs://`, `hf://`, `memory://`, ...)."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.fileio.backends.base import BaseStorageBackend
from mmengine.fileio.backends.local_backend import check_suffix
from mmengine.utils.errors import MissingDependencyError


class FsspecBackend(BaseStorageBackend):
    """Files at URIs; the keyword arguments are the options of the file system (`anon=True`, `key=...`)."""

    def __init__(self, **storage_options: Any) -> None:
        self.storage_options = storage_options

    def _open(self, uri: str | Path) -> tuple[Any, str]:
        """The file system of a URI, and the path in it."""
        from fsspec.core import url_to_fs

        text = str(uri)
        protocol, separator, rest = text.partition('://')
        if separator and '::' not in protocol:
            text = f'{protocol.split(":")[-1]}://{rest}'  # `cluster:s3://...` was a spelling of Petrel
        try:
            return url_to_fs(text, **self.storage_options)
        except ImportError as e:
            hint = "; pip install 'mmnext[s3]'" if text.startswith(('s3://', 's3a://')) else ''
            raise MissingDependencyError(f'{text} needs a package that is not installed: {e}{hint}') from e

    def get(self, filepath: str | Path) -> bytes:
        fs, path = self._open(filepath)
        return fs.cat_file(path)

    def get_text(self, filepath: str | Path, encoding: str = 'utf-8') -> str:
        return self.get(filepath).decode(encoding)

    def put(self, obj: bytes, filepath: str | Path) -> None:
        fs, path = self._open(filepath)
        try:
            fs.pipe_file(path, bytes(obj))
        except FileNotFoundError:  # a file system whose folders have to be made; buckets have none
            fs.makedirs(path.rsplit('/', 1)[0], exist_ok=True)
            fs.pipe_file(path, bytes(obj))

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        self.put(obj.encode(encoding), filepath)

    def exists(self, filepath: str | Path) -> bool:
        fs, path = self._open(filepath)
        return fs.exists(path)

    def isdir(self, filepath: str | Path) -> bool:
        fs, path = self._open(filepath)
        return fs.isdir(path)

    def isfile(self, filepath: str | Path) -> bool:
        fs, path = self._open(filepath)
        return fs.isfile(path)

    def join_path(self, filepath: str | Path, *filepaths: str | Path) -> str:
        return '/'.join([str(filepath).rstrip('/'), *(str(part).strip('/') for part in filepaths)])

    @contextmanager
    def get_local_path(self, filepath: str | Path) -> Iterator[str]:
        """A temporary copy with the same extension, which is removed after the block."""
        with tempfile.TemporaryDirectory() as folder:
            yield self.copyfile_to_local(filepath, os.path.join(folder, os.path.basename(str(filepath))))

    def copyfile(self, src: str | Path, dst: str | Path) -> str:
        """Copy a file within the storage; into `dst` if that is a folder."""
        fs, source = self._open(src)
        target_uri = self._inside(src, dst)
        _, target = self._open(target_uri)
        if source == target:
            raise FileExistsError(f'{src} and {dst} are the same file')
        fs.copy(source, target)
        return target_uri

    def _inside(self, src: str | Path, dst: str | Path) -> str:
        return self.join_path(dst, os.path.basename(str(src))) if self.isdir(dst) else str(dst)

    def _new_tree(self, dst: str | Path) -> tuple[Any, str]:
        fs, target = self._open(dst)
        if fs.exists(target):
            raise FileExistsError(f'{dst} exists already')
        return fs, target

    def copytree(self, src: str | Path, dst: str | Path) -> str:
        """Copy a folder within the storage. `FileExistsError` if `dst` exists."""
        fs, target = self._new_tree(dst)
        _, source = self._open(src)
        fs.copy(f'{source.rstrip("/")}/', f'{target.rstrip("/")}/', recursive=True)
        return str(dst)

    def copyfile_from_local(self, src: str | Path, dst: str | Path) -> str:
        target_uri = self._inside(src, dst)
        fs, target = self._open(target_uri)
        fs.put_file(str(src), target)
        return target_uri

    def copytree_from_local(self, src: str | Path, dst: str | Path) -> str:
        fs, target = self._new_tree(dst)
        fs.put(f'{str(src).rstrip("/")}/', f'{target.rstrip("/")}/', recursive=True)
        return str(dst)

    def copyfile_to_local(self, src: str | Path, dst: str | Path) -> str:
        fs, source = self._open(src)
        target = str(dst)
        if os.path.isdir(target):
            target = os.path.join(target, os.path.basename(str(src)))
        fs.get_file(source, target)
        return target

    def copytree_to_local(self, src: str | Path, dst: str | Path) -> str:
        if os.path.exists(dst):
            raise FileExistsError(f'{dst} exists already')
        fs, source = self._open(src)
        fs.get(f'{source.rstrip("/")}/', f'{str(dst).rstrip("/")}/', recursive=True)
        return str(dst)

    def remove(self, filepath: str | Path) -> None:
        fs, path = self._open(filepath)
        if fs.isdir(path):
            raise IsADirectoryError(f'{filepath} is a folder; remove it by rmtree()')
        fs.rm_file(path)

    def rmtree(self, dir_path: str | Path) -> None:
        fs, path = self._open(dir_path)
        fs.rm(path, recursive=True)

    def copy_if_symlink_fails(self, src: str | Path, dst: str | Path) -> bool:
        """Copy, since there are no links: always `False`."""
        self.copyfile(src, dst)
        return False

    def list_dir_or_file(
        self,
        dir_path: str | Path,
        list_dir: bool = True,
        list_file: bool = True,
        suffix: str | tuple[str, ...] | None = None,
        recursive: bool = False,
    ) -> Iterator[str]:
        """Paths below a folder, relative to it and in sorted order, without hidden files."""
        check_suffix(suffix, list_dir)
        fs, root = self._open(dir_path)
        return self._walk(fs, root.rstrip('/'), '', list_dir, list_file, suffix, recursive)

    def _walk(
        self,
        fs: Any,
        root: str,
        prefix: str,
        list_dir: bool,
        list_file: bool,
        suffix: str | tuple[str, ...] | None,
        recursive: bool,
    ) -> Iterator[str]:
        folder = f'{root}/{prefix}'.rstrip('/')
        for entry in sorted(fs.ls(folder, detail=True), key=lambda item: item['name']):
            name = entry['name'].rstrip('/').rsplit('/', 1)[-1]
            path = f'{prefix}/{name}' if prefix else name
            if entry['type'] == 'directory':
                if list_dir:
                    yield path
                if recursive:
                    yield from self._walk(fs, root, path, list_dir, list_file, suffix, recursive)
            elif list_file and not name.startswith('.') and (suffix is None or path.endswith(suffix)):
                yield path

    def generate_presigned_url(self, url: str, client_method: str = 'get_object', expires_in: int = 3600) -> str:
        """A URL that gives access to a file for `expires_in` seconds, where the storage has such."""
        fs, path = self._open(url)
        method = {} if client_method == 'get_object' else {'client_method': client_method}  # s3fs alone takes it
        return fs.sign(path, expiration=expires_in, **method)

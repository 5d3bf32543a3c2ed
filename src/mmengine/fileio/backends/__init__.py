"""Storage backends."""

from mmengine.fileio.backends.base import BaseStorageBackend
from mmengine.fileio.backends.fsspec_backend import FsspecBackend
from mmengine.fileio.backends.http_backend import HTTPBackend
from mmengine.fileio.backends.lmdb_backend import LmdbBackend
from mmengine.fileio.backends.local_backend import LocalBackend
from mmengine.fileio.backends.memcached_backend import MemcachedBackend
from mmengine.fileio.backends.petrel_backend import PetrelBackend
from mmengine.fileio.backends.registry_utils import backends, prefix_to_backends, register_backend

__all__ = [
    'BaseStorageBackend',
    'FsspecBackend',
    'HTTPBackend',
    'LmdbBackend',
    'LocalBackend',
    'MemcachedBackend',
    'PetrelBackend',
    'backends',
    'prefix_to_backends',
    'register_backend',
]

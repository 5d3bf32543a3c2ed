"""Files: reading and writing them locally and remotely, in several formats."""

from typing import TYPE_CHECKING

from mmengine.fileio.atomic import atomic_write
from mmengine.utils.lazy_names import lazy_names

if TYPE_CHECKING:
    from mmengine.fileio.backends import (
        BaseStorageBackend,
        FsspecBackend,
        HTTPBackend,
        LmdbBackend,
        LocalBackend,
        MemcachedBackend,
        PetrelBackend,
        register_backend,
    )
    from mmengine.fileio.file_client import FileClient, HardDiskBackend
    from mmengine.fileio.handlers import (
        BaseFileHandler,
        JsonHandler,
        PickleHandler,
        YamlHandler,
        register_handler,
    )
    from mmengine.fileio.io import (
        copy_if_symlink_fails,
        copyfile,
        copyfile_from_local,
        copyfile_to_local,
        copytree,
        copytree_from_local,
        copytree_to_local,
        dump,
        exists,
        generate_presigned_url,
        get,
        get_file_backend,
        get_local_path,
        get_text,
        isdir,
        isfile,
        join_path,
        list_dir_or_file,
        load,
        put,
        put_text,
        remove,
        rmtree,
    )
    from mmengine.fileio.parse import dict_from_file, list_from_file

__all__ = [
    'BaseFileHandler',
    'BaseStorageBackend',
    'FileClient',
    'FsspecBackend',
    'HTTPBackend',
    'HardDiskBackend',
    'JsonHandler',
    'LmdbBackend',
    'LocalBackend',
    'MemcachedBackend',
    'PetrelBackend',
    'PickleHandler',
    'YamlHandler',
    'atomic_write',
    'copy_if_symlink_fails',
    'copyfile',
    'copyfile_from_local',
    'copyfile_to_local',
    'copytree',
    'copytree_from_local',
    'copytree_to_local',
    'dict_from_file',
    'dump',
    'exists',
    'generate_presigned_url',
    'get',
    'get_file_backend',
    'get_local_path',
    'get_text',
    'isdir',
    'isfile',
    'join_path',
    'list_dir_or_file',
    'list_from_file',
    'load',
    'put',
    'put_text',
    'register_backend',
    'register_handler',
    'remove',
    'rmtree',
]

# Writing a file needs none of the backends, which bring NumPy and the web with them.
__getattr__ = lazy_names(
    __name__,
    __all__,
    'mmengine.fileio.backends',
    'mmengine.fileio.handlers',
    'mmengine.fileio.io',
    'mmengine.fileio.parse',
    'mmengine.fileio.file_client',
)

"""The name of a backend whose client was never published."""

from mmengine.fileio.backends.fsspec_backend import FsspecBackend
from mmengine.utils.errors import MissingDependencyError


class PetrelBackend(FsspecBackend):
    """Cannot be made; it tells what to use instead."""

    def __init__(
        self, path_mapping: dict[str, str] | None = None, enable_mc: bool = True, conf_path: str | None = None
    ) -> None:
        raise MissingDependencyError(
            'PetrelBackend needs petrel_client, which is not public. For S3 buckets write s3://bucket/key '
            "as the path and leave backend='petrel' out of backend_args (pip install s3fs; the other "
            'backend_args are its options); for files on disk set backend_args=None.'
        )

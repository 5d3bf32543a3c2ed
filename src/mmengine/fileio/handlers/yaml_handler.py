"""YAML. Files cannot run code; of the Python tags only tuples are read."""

from typing import IO, Any

import yaml

from mmengine.fileio.handlers.base import BaseFileHandler


class _Loader(getattr(yaml, 'CSafeLoader', yaml.SafeLoader)):  # type: ignore[misc]
    pass


_Loader.add_constructor(
    'tag:yaml.org,2002:python/tuple', lambda loader, node: tuple(loader.construct_sequence(node, deep=True))
)
_Dumper = getattr(yaml, 'CDumper', yaml.Dumper)


class YamlHandler(BaseFileHandler):
    def load_from_fileobj(self, file: IO[Any], **kwargs: Any) -> Any:
        kwargs.setdefault('Loader', _Loader)
        return yaml.load(file, **kwargs)

    def dump_to_fileobj(self, obj: Any, file: IO[Any], **kwargs: Any) -> None:
        kwargs.setdefault('Dumper', _Dumper)
        yaml.dump(obj, file, **kwargs)

    def dump_to_str(self, obj: Any, **kwargs: Any) -> str:
        kwargs.setdefault('Dumper', _Dumper)
        return yaml.dump(obj, **kwargs)

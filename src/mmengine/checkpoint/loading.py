"""Loading checkpoints from anywhere."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from mmengine.logging import print_log
from mmengine.utils.errors import CheckpointError

from . import loaders
from .state_dict import _load_checkpoint_to_model, state_dict_of
from .unpickling import trust_checkpoints

Loader = Callable[..., Any]


class CheckpointLoader:
    """Chooses a loader by the beginning of an address."""

    # Prefixes are regular expressions; the longer of two that match is the more special one, '' is a local file.
    _schemes: ClassVar[dict[str, Loader]] = {}

    @classmethod
    def _register_scheme(cls, prefixes: str | Sequence[str], loader: Loader, force: bool = False) -> None:
        if isinstance(prefixes, str):
            prefixes = [prefixes]
        if not isinstance(prefixes, list | tuple):
            raise TypeError(f'prefixes should be a str or a list of them, but got {prefixes!r}')
        for prefix in prefixes:
            if prefix in cls._schemes and not force:
                raise KeyError(f'{prefix} is already registered as a loader backend, add "force=True" to override it')
            cls._schemes[prefix] = loader
        cls._schemes = OrderedDict(sorted(cls._schemes.items(), key=lambda item: item[0], reverse=True))

    @classmethod
    def register_scheme(
        cls, prefixes: str | Sequence[str], loader: Loader | None = None, force: bool = False
    ) -> Callable:
        """Register `loader(filename, map_location)` for addresses that begin so; also as a decorator."""

        def register(loader: Loader) -> Loader:
            cls._register_scheme(prefixes, loader, force)
            return loader

        return register if loader is None else register(loader)

    @classmethod
    def _get_checkpoint_loader(cls, path: str) -> Loader:
        return next(loader for prefix, loader in cls._schemes.items() if re.match(prefix, path))

    @classmethod
    def load_checkpoint(
        cls,
        filename: str | Path,
        map_location: Any = None,
        logger: logging.Logger | str | None = 'current',
        trust: bool = False,
    ) -> Any:
        """Load a checkpoint.

        Args:
            filename: path, URL or `{scheme}://{name}`.
            map_location: as `torch.load` takes it.
            trust: let the file run code. For files whose origin is known only.

        Raises:
            CheckpointError: the file is not there, broken, or could run code.
        """
        filename = str(filename)
        loader = cls._get_checkpoint_loader(filename)
        kind = getattr(loader, '__name__', type(loader).__name__).removeprefix('load_from_')
        print_log(f'Loads checkpoint by {kind} backend from path: {filename}', logger=logger)
        with trust_checkpoints(trust):
            return loader(filename, map_location)


for _prefixes, _loader in (
    ('', loaders.load_from_local),
    (('http://', 'https://'), loaders.load_from_http),
    (('modelzoo://', 'torchvision://'), loaders.load_from_torchvision),
    (('open-mmlab://', 'openmmlab://'), loaders.load_from_openmmlab),
    ('mmcls://', loaders.load_from_mmcls),
    ('hf://', loaders.load_from_huggingface),
    ('pavi://', loaders.load_from_pavi),
    (r'[a-z][a-z0-9+.-]*://', loaders.load_from_ceph),  # by fsspec; sorts behind all that begin with a letter
    ((r'(\S+\:)?s3://', r'(\S+\:)?petrel://'), loaders.load_from_ceph),
):
    CheckpointLoader.register_scheme(_prefixes, _loader)


def _load_checkpoint(
    filename: str | Path,
    map_location: Any = None,
    logger: logging.Logger | str | None = None,
    trust: bool = False,
) -> Any:
    """What a checkpoint holds; see `CheckpointLoader.load_checkpoint`."""
    return CheckpointLoader.load_checkpoint(filename, map_location, logger, trust)


def _load_checkpoint_with_prefix(
    prefix: str,
    filename: str | Path,
    map_location: Any = None,
    logger: logging.Logger | str | None = None,
) -> OrderedDict[str, Any]:
    """The part of a state dict whose names begin with a prefix, without it."""
    state = state_dict_of(_as_mapping(_load_checkpoint(filename, map_location, logger), filename))
    prefix = prefix if not prefix or prefix.endswith('.') else f'{prefix}.'
    part = OrderedDict((key[len(prefix) :], value) for key, value in state.items() if key.startswith(prefix))
    if not part:
        first = sorted({key.split('.')[0] for key in state})
        raise CheckpointError(f'no name in {filename} begins with {prefix!r}; they begin with {", ".join(first[:20])}')
    return part


def load_checkpoint(
    model: nn.Module,
    filename: str | Path,
    map_location: Any = None,
    strict: bool = False,
    logger: logging.Logger | str | None = None,
    revise_keys: Sequence[tuple[str, str]] = [(r'^module\.', '')],
    trust: bool = False,
) -> Any:
    """Load a checkpoint into a model; returns what it holds.

    Args:
        filename: path, URL or `{scheme}://{name}`.
        strict: raise where a name or shape differs, instead of reporting it.
        revise_keys: patterns (regular expressions) and replacements, applied to the names in turn.
        trust: let the file run code. For files whose origin is known only.
    """
    checkpoint = _as_mapping(_load_checkpoint(filename, map_location, logger, trust), filename)
    return _load_checkpoint_to_model(model, checkpoint, strict, logger, revise_keys)


def _as_mapping(checkpoint: Any, filename: str | Path) -> Mapping[str, Any]:
    if not isinstance(checkpoint, Mapping):
        raise CheckpointError(
            f'No state_dict found in checkpoint file {filename}: it holds a {type(checkpoint).__name__}'
        )
    return checkpoint

"""From a model and inputs of any kind to predictions and pictures."""

from __future__ import annotations

import re
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from rich.progress import track
from torch import nn

from mmengine.checkpoint import _load_checkpoint, _load_checkpoint_to_model
from mmengine.config import Config, ConfigDict
from mmengine.config.metafile import package_models
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.fileio import isdir, join_path, list_dir_or_file
from mmengine.logging import print_log
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import FUNCTIONS, MODELS, VISUALIZERS, DefaultScope
from mmengine.structures import BaseDataElement
from mmengine.utils.errors import ConfigError
from mmengine.visualization import Visualizer

InputType = str | np.ndarray | torch.Tensor
InputsType = InputType | Sequence[InputType]
ImgType = np.ndarray | Sequence[np.ndarray]
ResType = dict | list[dict] | BaseDataElement | list[BaseDataElement]
ConfigType = Config | ConfigDict
ModelType = dict | ConfigType | str

_STEPS = ('preprocess', 'forward', 'visualize', 'postprocess')


class InferencerMeta(ABCMeta):
    """Checks when a class is made that no argument belongs to two steps."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> InferencerMeta:
        cls = super().__new__(mcs, name, bases, namespace)
        owner: dict[str, str] = {}
        for step in _STEPS:
            keys = getattr(cls, f'{step}_kwargs')
            if not isinstance(keys, set):
                raise TypeError(f'{name}.{step}_kwargs should be a set of names, but got {keys!r}')
            for key in keys:
                if key in owner:
                    # the type of error that callers of the existing interface catch
                    raise AssertionError(
                        f'{name}: {key!r} is in {owner[key]}_kwargs and {step}_kwargs; an argument goes to one step'
                    )
                owner[key] = step
        return cls


class BaseInferencer(metaclass=InferencerMeta):
    """Calls `preprocess`, `forward`, `visualize` and `postprocess`, in batches.

    Derived classes implement `_init_pipeline`, `visualize` and `postprocess`, and list in the four sets `*_kwargs`
    which arguments of a call go to which step.

    Args:
        model: a config, its path, or the name (or alias) of a model in the metafiles of the package `scope`; None
            takes the config that the file `weights` carries.
        weights: address of a checkpoint; None with the name of a model takes the published one, and leaves the model
            untrained else.
        device: the accelerator if there is one, else the CPU, by default.
        scope: package whose classes the config names; that of the config, or `mmengine`, by default.
        show_progress: draw a bar.

    Attributes:
        cfg, model, pipeline, collate_fn, visualizer: what the config described; the visualizer may be None.

    Raises:
        ConfigError: neither model nor weights, or there is no such model.
    """

    preprocess_kwargs: ClassVar[set[str]] = set()
    forward_kwargs: ClassVar[set[str]] = set()
    visualize_kwargs: ClassVar[set[str]] = set()
    postprocess_kwargs: ClassVar[set[str]] = set()

    def __init__(
        self,
        model: ModelType | None = None,
        weights: str | None = None,
        device: str | None = None,
        scope: str | None = None,
        show_progress: bool = True,
    ) -> None:
        if scope is None:
            current = DefaultScope.get_current_instance()
            scope = current.scope_name if current is not None else None
        self.scope: str = scope or 'mmengine'
        cfg: ConfigType
        if isinstance(model, str):
            if Path(model).is_file() or '::' in model:
                cfg = Config.fromfile(model)
            else:
                cfg, published = self._load_model_from_metafile(model)
                weights = published if weights is None else weights
        elif isinstance(model, (Config, ConfigDict)):
            cfg = model.copy() if isinstance(model, ConfigDict) else Config(model._cfg_dict.copy())
        elif isinstance(model, dict):
            cfg = ConfigDict(model)
        elif model is None and weights is not None:
            cfg = self._config_of_checkpoint(weights)
        else:
            raise ConfigError(
                'an inferencer needs a model (config, path or name), or weights that carry their config, but got '
                f'{model!r} and {weights!r}'
            )
        if scope is None and cfg.get('default_scope'):
            self.scope = cfg.default_scope
        self.cfg = cfg
        self.show_progress = show_progress
        device = device or get_device()
        with DefaultScope.overwrite_default_scope(self.scope):
            self.model: Any = self._init_model(cfg, weights, device)
            self.pipeline = self._init_pipeline(cfg)
            self.collate_fn = self._init_collate(cfg)
            self.visualizer = self._init_visualizer(cfg)

    def __call__(
        self,
        inputs: InputsType,
        return_datasamples: bool = False,
        batch_size: int = 1,
        **kwargs: Any,
    ) -> dict:
        """The results of all inputs.

        Args:
            inputs: an input, a sequence of such, or a folder.
            return_datasamples: give data elements in place of plain values.
            kwargs: go to the steps that list them.

        Returns:
            What `postprocess` gives, usually with the keys `predictions` and `visualization`.
        """
        preprocess, forward, visualize, postprocess = self._dispatch_kwargs(**kwargs)
        given = self._inputs_to_list(inputs)
        batches = self.preprocess(given, batch_size=batch_size, **preprocess)
        if self.show_progress:
            total = -(-len(given) // batch_size)
            batches = track(batches, description='Inference', total=total)
        predictions: list[Any] = []
        for batch in batches:
            predictions.extend(self.forward(batch, **forward))
        pictures = self.visualize(given, predictions, **visualize)
        return self.postprocess(predictions, pictures, return_datasamples, **postprocess)

    # The steps.

    def preprocess(self, inputs: InputsType, batch_size: int = 1, **kwargs: Any) -> Iterable[Any]:
        """Batches for `forward`: each input through `pipeline`, `batch_size` of them through `collate_fn`."""
        return map(self.collate_fn, self._get_chunk_data(map(self.pipeline, inputs), batch_size))

    @torch.no_grad()
    def forward(self, inputs: dict | tuple, **kwargs: Any) -> Any:
        """Predictions of a batch, one an input."""
        return self.model.test_step(inputs)

    @abstractmethod
    def visualize(self, inputs: list, preds: Any, show: bool = False, **kwargs: Any) -> list[np.ndarray] | None:
        """Pictures of the predictions."""

    @abstractmethod
    def postprocess(
        self, preds: Any, visualization: list[np.ndarray] | None, return_datasample: bool = False, **kwargs: Any
    ) -> dict:
        """What a call returns."""

    # Building.

    def _init_model(self, cfg: ConfigType, weights: str | None, device: str = 'cpu') -> nn.Module:
        """The model on its device, in evaluation mode."""
        model = MODELS.build(cfg.model)
        checkpoint: Any = None
        if weights is not None:
            checkpoint = _load_checkpoint(weights, map_location='cpu')
        else:
            print_log('the model has no trained weights: `weights` was not given', 'current', 30)
        self._load_weights_to_model(model, checkpoint, cfg)
        model = revert_sync_batchnorm(model)
        return model.to(device).eval()

    def _load_weights_to_model(self, model: nn.Module, checkpoint: dict | None, cfg: ConfigType | None) -> None:
        """Load weights, if any; `model.cfg` becomes the config, `model.dataset_meta` what the file says."""
        model.cfg = cfg  # type: ignore[assignment]
        if checkpoint is None:
            return
        _load_checkpoint_to_model(model, checkpoint)
        meta = checkpoint.get('meta', {})
        if 'dataset_meta' in meta:
            model.dataset_meta = meta['dataset_meta']

    @abstractmethod
    def _init_pipeline(self, cfg: ConfigType) -> Callable:
        """A function from one input to what `collate_fn` takes."""

    def _init_collate(self, cfg: ConfigType) -> Callable:
        """`collate_fn` of the test data loader, `pseudo_collate` by default."""
        options = (cfg.get('test_dataloader') or {}).get('collate_fn')
        if options is None:
            return pseudo_collate
        options = dict(options)
        kind = options.pop('type')
        function = FUNCTIONS.resolve(kind) if isinstance(kind, str) else kind
        return lambda batch: function(batch, **options)

    def _init_visualizer(self, cfg: ConfigType) -> Visualizer | None:
        """The visualizer of the config, if it has one, with the data set's colours and a name of its own."""
        if 'visualizer' not in cfg:
            return None
        options = dict(cfg.visualizer, name=f'{cfg.visualizer.get("name", "inferencer")}-{id(self)}')
        visualizer = VISUALIZERS.build(options)
        if hasattr(self.model, 'dataset_meta'):
            visualizer.dataset_meta = self.model.dataset_meta
        return visualizer

    # Helpers of the steps.

    def _inputs_to_list(self, inputs: InputsType) -> list:
        """A list of inputs; a folder gives the paths of the files in it."""
        if isinstance(inputs, str) and _is_folder(inputs):
            return [join_path(inputs, name) for name in list_dir_or_file(inputs, list_dir=False)]
        return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]

    def _get_chunk_data(self, inputs: Iterable, chunk_size: int) -> Iterator[list]:
        """Lists of `chunk_size` items; the last may be shorter."""
        items = iter(inputs)
        while chunk := list(islice(items, chunk_size)):
            yield chunk

    def _dispatch_kwargs(self, **kwargs: Any) -> tuple[dict, dict, dict, dict]:
        """The arguments of the four steps.

        Raises:
            ValueError: no step takes an argument.
        """
        sets = [getattr(self, f'{step}_kwargs') for step in _STEPS]
        known = set().union(*sets)
        for key in kwargs:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f'did you mean {near[0]!r}?' if near else f'there are {", ".join(sorted(known)) or "none"}'
                raise ValueError(f'{type(self).__name__} takes no argument {key!r}; {hint}')
        preprocess, forward, visualize, postprocess = ({k: v for k, v in kwargs.items() if k in s} for s in sets)
        return preprocess, forward, visualize, postprocess

    # Models by name.

    @staticmethod
    def list_models(scope: str | None = None, patterns: str = r'.*') -> list[str]:
        """Names and aliases of the models in the metafiles of a package that match a regular expression."""
        if scope is None:
            current = DefaultScope.get_current_instance()
            if current is None:
                raise ConfigError('list_models needs a scope, the name of a package, when no default scope is set')
            scope = current.scope_name
        names = [name for entry in package_models(scope) for name in _names(entry)]
        return sorted(name for name in set(names) if re.search(patterns, name))

    @staticmethod
    def _get_models_from_metafile(package: str) -> Iterator[dict[str, Any]]:
        """The entries of all models in the metafiles of a package."""
        yield from package_models(package)

    def _load_model_from_metafile(self, model: str) -> tuple[Config, str]:
        """Config and address of the weights of a model that a metafile names."""
        entries = list(package_models(self.scope)) if self.scope != 'mmengine' else []
        for entry in entries:
            if model.lower() in (name.lower() for name in _names(entry)):
                return Config.fromfile(entry['Config']), entry['Weights']
        near = get_close_matches(model, [name for entry in entries for name in _names(entry)], n=3)
        hint = f'; did you mean {" or ".join(near)}?' if near else ''
        raise ConfigError(f'there is no file {model!r}, nor a model of that name in the package {self.scope}{hint}')

    @staticmethod
    def _config_of_checkpoint(weights: str) -> Config:
        checkpoint = _load_checkpoint(weights, map_location='cpu')
        text = checkpoint.get('meta', {}).get('cfg')
        if not isinstance(text, str):
            raise ConfigError(f'{weights} carries no config; give `model` as well')
        return Config.fromstring(text, file_format='.py')


def _names(entry: dict[str, Any]) -> list[str]:
    """Name and aliases of a model."""
    alias = entry.get('Alias') or []
    return [entry['Name'], *([alias] if isinstance(alias, str) else alias)]


def _is_folder(path: str) -> bool:
    """Whether a path is a folder, of a storage that knows folders; web servers do not."""
    return not path.startswith(('http://', 'https://')) and isdir(path)

"""Modules that know from their config how to initialise themselves."""

import copy
import logging
from abc import ABCMeta
from collections import defaultdict
from collections.abc import Iterable, Mapping
from logging import FileHandler
from typing import Any

from torch import nn

from mmengine.logging import MMLogger, print_log
from mmengine.model.weight_init import PretrainedInit, initialize, update_init_info
from mmengine.model.wrappers.utils import is_model_wrapper
from mmengine.registry import MODELS

InitCfg = dict[str, Any] | list[dict[str, Any]] | None


class BaseModule(nn.Module, metaclass=ABCMeta):
    """A module with an `init_cfg`, which `init_weights` carries out.

    Args:
        init_cfg: one or several configs for `initialize`; see there.
    """

    def __init__(self, init_cfg: InitCfg = None) -> None:
        super().__init__()
        self._is_init = False
        self.init_cfg = copy.deepcopy(init_cfg)

    @property
    def is_init(self) -> bool:
        """Whether `init_weights` has run. Set it to keep the weights as they are."""
        return self._is_init

    @is_init.setter
    def is_init(self, value: bool) -> None:
        self._is_init = value

    def init_weights(self) -> None:
        """Initialise this module by its `init_cfg`, then its children, then load pretrained weights.

        The outermost call logs for every parameter how it was initialised.
        """
        outermost = not hasattr(self, '_params_init_info')
        if outermost:
            self._track_parameters()
        try:
            if self._is_init:
                print_log(
                    f'init_weights of {type(self).__name__} was called again; the weights stay as they are',
                    logger='current',
                    level=logging.WARNING,
                )
            else:
                self._init_weights()
            if outermost:
                self._dump_init_info()
        finally:
            if outermost:
                for module in self.modules():
                    module.__dict__.pop('_params_init_info', None)

    def _init_weights(self) -> None:
        pretrained: list[Any] = []
        others: list[Any] = []
        for cfg in [self.init_cfg] if isinstance(self.init_cfg, Mapping) else self.init_cfg or []:
            if not isinstance(cfg, Mapping):
                raise TypeError(f'init_cfg should be a dict or a list of dicts, but got {self.init_cfg!r}')
            (pretrained if cfg.get('type') in ('Pretrained', PretrainedInit) else others).append(cfg)
        if self.init_cfg:
            print_log(
                f'initialize {type(self).__name__} with init_cfg {self.init_cfg}',
                logger='current',
                level=logging.DEBUG,
            )
        if others:
            initialize(self, others)
        child: Any
        for child in self.children():
            if is_model_wrapper(child) and not hasattr(child, 'init_weights'):
                child = child.module
            if hasattr(child, 'init_weights') and not getattr(child, 'is_init', False):
                child.init_weights()
                update_init_info(child, init_info=f'by `init_weights` of {type(child).__name__}')
        # Last, so that the rules of children do not overwrite it.
        if pretrained:
            initialize(self, pretrained)
        self._is_init = True

    def _track_parameters(self) -> None:
        """Give all modules a common table: parameter → how it was initialised, and its mean (to notice changes)."""
        table: dict[nn.Parameter, dict[str, Any]] = defaultdict(dict)
        for param in self.parameters():
            table[param] = {
                'init_info': f'not changed by `init_weights` of {type(self).__name__}',
                'tmp_mean_value': param.detach().mean().cpu(),
            }
        for module in self.modules():
            module._params_init_info = table  # type: ignore[assignment]

    def _dump_init_info(self) -> None:
        """Write the table to the log file where there is one, otherwise to the log at debug level."""
        logger = MMLogger.get_current_instance()
        lines = [
            f'{name} - {tuple(param.shape)}: {self._params_init_info[param]["init_info"]}\n'  # type: ignore[index]
            for name, param in self.named_parameters()
        ]
        streams: list[Any] = [
            h.stream for h in logger.handlers if isinstance(h, FileHandler) and h.stream
        ]  # not that of `rank_N.log`
        if not streams:
            for line in lines:
                print_log(line, logger=logger, level=logging.DEBUG)
        for stream in streams:
            stream.write('How each parameter was initialised:\n')
            stream.writelines(lines)
            stream.flush()

    def __repr__(self) -> str:
        text = super().__repr__()
        return f'{text}\ninit_cfg={self.init_cfg}' if self.init_cfg else text


@MODELS.register_module()  # what a registry builds from a list of configs
class Sequential(BaseModule, nn.Sequential):
    """`nn.Sequential` with an `init_cfg`."""

    def __init__(self, *args: Any, init_cfg: InitCfg = None) -> None:
        BaseModule.__init__(self, init_cfg)
        nn.Sequential.__init__(self, *args)


class ModuleList(BaseModule, nn.ModuleList):
    """`nn.ModuleList` with an `init_cfg`."""

    def __init__(self, modules: Iterable[nn.Module] | None = None, init_cfg: InitCfg = None) -> None:
        BaseModule.__init__(self, init_cfg)
        nn.ModuleList.__init__(self, modules)


class ModuleDict(BaseModule, nn.ModuleDict):
    """`nn.ModuleDict` with an `init_cfg`."""

    def __init__(self, modules: dict[str, nn.Module] | None = None, init_cfg: InitCfg = None) -> None:
        BaseModule.__init__(self, init_cfg)
        nn.ModuleDict.__init__(self, modules)

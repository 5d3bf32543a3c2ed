"""Parameters, gradients and optimizer states split over the ranks, by FSDP2 (`torch.distributed.fsdp.fully_shard`)."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmengine.checkpoint.sharded import (
    gathered,
    is_dtensor,
    is_sharded_checkpoint,
    load_sharded_checkpoint,
    save_sharded_checkpoint,
)
from mmengine.dist import get_world_size, is_distributed
from mmengine.logging import print_log
from mmengine.model.sharding import load_as_dtensors, split_like
from mmengine.registry import STRATEGIES
from mmengine.utils.errors import ConfigError

from .strategy import DDPStrategy

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

# Modules are called by these as well as by `forward`; FSDP2 must gather their parameters then, too.
_ENTRIES = ('loss', 'predict')


@STRATEGIES.register_module()
class FSDPStrategy(DDPStrategy):
    """Shards the model after its weights are initialised or before they are loaded; nothing is wrapped.

    A unit is what is gathered for its forward and backward and freed after. The model itself is the unit of all
    parameters that are in no other.

    Args:
        shard: units by class name (`'BasicBlock'`) or by dotted name with wildcards (`'backbone.layers.*'`).
        min_params: besides, modules with at least this many parameters that are in no unit yet, from the leaves up. By
            default a million where `shard` names nothing.
        exclude: modules, named as in `shard`, that become no unit; they belong to the unit around them.
        param_dtype: of the gathered parameters and of the computation, as `'bfloat16'`. None leaves both as they are,
            with autocast where an `AmpOptimWrapper` asks for it; `'amp'` takes the dtype of that wrapper.
        reduce_dtype: of the exchange of gradients; by default `param_dtype`.
        reshard_after_forward: free parameters after the forward and gather them again for the backward. None: all
            but the model's own. An integer: see `fully_shard`.
        cpu_offload: keep shards in the memory of the host.
        sharded: write checkpoints as folders of shards, in which every rank writes its own, instead of as one file.
        state_dict_cfg: other name of `sharded`: `'full'`, or `'local'` or `'sharded'`.
        skip_init_weights: leave `init_weights` out, where a checkpoint is loaded anyway.
    """

    shards = True

    def __init__(
        self,
        *,
        shard: str | Sequence[str] = (),
        min_params: int | None = None,
        exclude: str | Sequence[str] = (),
        param_dtype: str | torch.dtype | None = None,
        reduce_dtype: str | torch.dtype | None = None,
        reshard_after_forward: bool | int | None = None,
        cpu_offload: bool = False,
        sharded: bool = False,
        state_dict_cfg: str | dict = 'full',
        skip_init_weights: bool = False,
        model_wrapper: dict | None = None,
        activation_checkpointing: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if model_wrapper is not None or kwargs:
            given = sorted({*(model_wrapper or {}), *kwargs})
            raise ConfigError(
                f'FSDPStrategy does not know {", ".join(given)}: FSDP2 wraps nothing, and what is sharded, and how, '
                'is said by shard, min_params, exclude, param_dtype, reduce_dtype, reshard_after_forward, cpu_offload'
            )
        if activation_checkpointing is not None:
            raise ConfigError('activation_checkpointing is an option of models here (with_cp), not of FSDPStrategy')
        if isinstance(state_dict_cfg, Mapping):
            state_dict_cfg = 'full' if 'full' in str(state_dict_cfg.get('state_dict_type', 'full')).lower() else 'local'
        if state_dict_cfg not in ('full', 'local', 'sharded'):
            raise ConfigError(f"state_dict_cfg should be 'full', 'local' or 'sharded', but got {state_dict_cfg!r}")
        if min_params is not None and min_params < 1:
            raise ConfigError(f'min_params should be at least 1, but got {min_params}')
        self.names = [shard] if isinstance(shard, str) else list(shard)
        self.min_params = min_params if min_params is not None or self.names else 1_000_000
        self.excluded = [exclude] if isinstance(exclude, str) else list(exclude)
        self.param_dtype = param_dtype
        self.reduce_dtype = reduce_dtype
        self.reshard_after_forward = reshard_after_forward
        self.cpu_offload = cpu_offload
        self.sharded = sharded or state_dict_cfg != 'full'
        self.skip_init_weights = skip_init_weights
        self._mesh: DeviceMesh | None = None

    # ------------------------------------------------------------------ sharding

    def wrap(self, model: nn.Module, wrapper_cfg: dict | None = None) -> nn.Module:
        """The model on its device. It is sharded when its weights are there: `shard`."""
        if wrapper_cfg is not None:
            raise ConfigError('model_wrapper_cfg and FSDPStrategy exclude each other: FSDP2 wraps nothing')
        if not is_distributed():
            raise ConfigError('FSDPStrategy needs a process group: launcher="pytorch" and torchrun')
        return self.on_device(model)

    def shard(self, model: nn.Module, amp_dtype: torch.dtype | None = None) -> None:
        """Shard a model in place, once.

        Args:
            amp_dtype: what `param_dtype='amp'` means.
        """
        # Here and not above: they take a second to import, which runs that do not shard need not spend.
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import (
            CPUOffloadPolicy,
            FSDPModule,
            MixedPrecisionPolicy,
            OffloadPolicy,
            fully_shard,
            register_fsdp_forward_method,
        )

        if isinstance(model, FSDPModule):
            return
        self._mesh = init_device_mesh(self.device.type, (get_world_size(),))
        param_dtype = amp_dtype if self.param_dtype == 'amp' else _dtype(self.param_dtype, 'param_dtype')
        options: dict[str, Any] = {
            'mesh': self._mesh,
            'mp_policy': MixedPrecisionPolicy(param_dtype, _dtype(self.reduce_dtype, 'reduce_dtype')),
            'offload_policy': CPUOffloadPolicy() if self.cpu_offload else OffloadPolicy(),
        }
        if self.reshard_after_forward is not None:
            options['reshard_after_forward'] = self.reshard_after_forward
        units = self.units(model)
        for unit in units:
            fully_shard(unit, **options)
            for name in _ENTRIES:
                if callable(getattr(unit, name, None)):
                    register_fsdp_forward_method(unit, name)
        fully_shard(model, **options)
        load_as_dtensors(model)
        print_log(
            f'{len(units) + 1} units of {type(model).__name__} are sharded over {get_world_size()} ranks', 'current'
        )

    def units(self, model: nn.Module) -> list[nn.Module]:
        """The modules that become units besides the model, inner ones first.

        Raises:
            ConfigError: a name in `shard` or `exclude` is of no module.
        """
        named = dict(model.named_modules())
        for pattern in (*self.names, *self.excluded):
            if not any(_is_named(name, module, pattern) for name, module in named.items()):
                kinds = ', '.join(sorted({type(m).__name__ for m in named.values()}))
                raise ConfigError(f'FSDPStrategy: no module of the model is named or is a {pattern!r}; it has {kinds}')
        taken: set[nn.Parameter] = set()
        units = []
        for name, module in reversed(named.items()):  # children come before their parents so
            own = set(module.parameters()) - taken
            if module is model or not own or any(_is_named(name, module, p) for p in self.excluded):
                continue
            if isinstance(module, (nn.ModuleList, nn.ModuleDict)):
                continue  # these have no forward
            large = self.min_params is not None and sum(p.numel() for p in own) >= self.min_params
            if large or any(_is_named(name, module, p) for p in self.names):
                units.append(module)
                taken |= own
        return units

    # ------------------------------------------------------------------ states

    def model_state(self, model: nn.Module) -> dict[str, Any]:
        return model.state_dict()

    def distribute_optimizer_state(self, state: Any, optim_wrapper: Any) -> Any:
        params = dict(enumerate(optim_wrapper._params())) if hasattr(optim_wrapper, '_params') else None
        if params is None:  # several optimizers by name
            return {key: self.distribute_optimizer_state(each, optim_wrapper[key]) for key, each in state.items()}
        state = dict(state)
        if 'state' in state:
            state['state'] = {i: _split_like(each, params.get(i)) for i, each in state['state'].items()}
        if 'accumulated_grads' in state:
            state['accumulated_grads'] = {i: _split(g, params.get(i)) for i, g in state['accumulated_grads'].items()}
        return state

    def write(self, checkpoint: dict, path: str, write: Any, default: Any, backend_args: dict | None) -> None:
        if not self.sharded:
            super().write(gathered(checkpoint), path, write, default, backend_args)
            return
        if write is not default:
            raise ConfigError('sharded=True of FSDPStrategy and async_save of CheckpointHook exclude each other')
        save_sharded_checkpoint(checkpoint, path)

    def read(self, path: str) -> dict[str, Any] | None:
        return load_sharded_checkpoint(path, self._mesh) if is_sharded_checkpoint(path) else None


def _is_named(name: str, module: nn.Module, pattern: str) -> bool:
    return any(cls.__name__ == pattern for cls in type(module).__mro__) or (
        bool(name) and fnmatch.fnmatchcase(name, pattern)
    )


def _dtype(value: str | torch.dtype | None, name: str) -> torch.dtype | None:
    found = getattr(torch, value, None) if isinstance(value, str) else value
    if value is not None and not isinstance(found, torch.dtype):
        raise ConfigError(f"{name} of FSDPStrategy should be a dtype such as 'bfloat16', but got {value!r}")
    return found


def _split_like(values: Mapping[str, Any], param: Tensor | None) -> dict[str, Any]:
    return {key: _split(value, param) for key, value in values.items()}


def _split(value: Any, param: Tensor | None) -> Any:
    """A full tensor of a parameter's shape, split as the parameter is."""
    if not is_dtensor(param) or not isinstance(value, Tensor) or is_dtensor(value) or value.shape != param.shape:  # type: ignore
        return value
    return split_like(value, param)

"""Checkpoints: written whole or not at all, loaded without running what is in them."""

from .loaders import (
    CheckpointNotFoundError,
    _process_mmcls_checkpoint,
    load_from_ceph,
    load_from_http,
    load_from_huggingface,
    load_from_local,
    load_from_mmcls,
    load_from_openmmlab,
    load_from_pavi,
    load_from_torchvision,
)
from .loading import CheckpointLoader, _load_checkpoint, _load_checkpoint_with_prefix, load_checkpoint
from .model_urls import (
    DEFAULT_CACHE_DIR,
    ENV_MMENGINE_HOME,
    ENV_XDG_CACHE_HOME,
    _get_mmengine_home,
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
    get_torchvision_models,
)
from .safetensors_io import load_safetensors, save_safetensors
from .saving import find_latest_checkpoint, save_checkpoint
from .state_dict import _load_checkpoint_to_model, get_state_dict, load_state_dict, weights_to_cpu
from .unpickling import set_trust, trust_checkpoints
from .verifying import is_whole, verify_checkpoint

__all__ = [
    'CheckpointLoader',
    'CheckpointNotFoundError',
    'DEFAULT_CACHE_DIR',
    'ENV_MMENGINE_HOME',
    'ENV_XDG_CACHE_HOME',
    '_get_mmengine_home',
    '_load_checkpoint',
    '_load_checkpoint_to_model',
    '_load_checkpoint_with_prefix',
    '_process_mmcls_checkpoint',
    'find_latest_checkpoint',
    'get_deprecated_model_names',
    'get_external_models',
    'get_mmcls_models',
    'get_state_dict',
    'get_torchvision_models',
    'is_whole',
    'load_checkpoint',
    'load_from_ceph',
    'load_from_http',
    'load_from_huggingface',
    'load_from_local',
    'load_from_mmcls',
    'load_from_openmmlab',
    'load_from_pavi',
    'load_from_torchvision',
    'load_safetensors',
    'load_state_dict',
    'save_checkpoint',
    'save_safetensors',
    'set_trust',
    'trust_checkpoints',
    'verify_checkpoint',
    'weights_to_cpu',
]

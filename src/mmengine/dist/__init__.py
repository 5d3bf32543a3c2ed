"""Distribution: joining the process group, ranks and collectives. All works in a single process, too."""

from typing import TYPE_CHECKING

from mmengine.dist.place import (
    get_dist_info,
    get_local_group,
    get_local_rank,
    get_local_size,
    get_rank,
    get_world_size,
    init_local_group,
    is_distributed,
    is_main_process,
    master_only,
)
from mmengine.utils.lazy_names import lazy_names

if TYPE_CHECKING:
    from mmengine.dist.dist import (
        all_gather,
        all_gather_object,
        all_reduce,
        all_reduce_dict,
        all_reduce_params,
        broadcast,
        broadcast_object_list,
        collect_results,
        collect_results_cpu,
        collect_results_gpu,
        gather,
        gather_object,
        sync_random_seed,
    )
    from mmengine.dist.launch import infer_launcher, init_dist
    from mmengine.dist.utils import (
        barrier,
        cast_data_device,
        get_backend,
        get_comm_device,
        get_data_device,
        get_default_group,
    )

__all__ = [
    'all_gather',
    'all_gather_object',
    'all_reduce',
    'all_reduce_dict',
    'all_reduce_params',
    'barrier',
    'broadcast',
    'broadcast_object_list',
    'cast_data_device',
    'collect_results',
    'collect_results_cpu',
    'collect_results_gpu',
    'gather',
    'gather_object',
    'get_backend',
    'get_comm_device',
    'get_data_device',
    'get_default_group',
    'get_dist_info',
    'get_local_group',
    'get_local_rank',
    'get_local_size',
    'get_rank',
    'get_world_size',
    'infer_launcher',
    'init_dist',
    'init_local_group',
    'is_distributed',
    'is_main_process',
    'master_only',
    'sync_random_seed',
]

# These need torch, which those who only want to know their rank do not.
__getattr__ = lazy_names(__name__, __all__, 'mmengine.dist.utils', 'mmengine.dist.launch', 'mmengine.dist.dist')

from mmengine.utils.dl_utils.misc import is_jit_tracing

__all__ = ['is_jit_tracing']

from mmengine.utils.dl_utils.misc import torch_meshgrid

__all__ = ['torch_meshgrid']

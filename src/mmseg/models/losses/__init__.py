from .accuracy import Accuracy, accuracy
from .boundary_loss import BoundaryLoss
from .cross_entropy_loss import CrossEntropyLoss, binary_cross_entropy, cross_entropy, mask_cross_entropy
from .dice_loss import DiceLoss
from .focal_loss import FocalLoss
from .huasdorff_distance_loss import HausdorffDistanceLoss, HuasdorffDisstanceLoss
from .kldiv_loss import KLDivLoss
from .lovasz_loss import LovaszLoss
from .ohem_cross_entropy_loss import OhemCrossEntropy
from .silog_loss import SiLogLoss
from .tversky_loss import TverskyLoss
from .utils import reduce_loss, weight_reduce_loss, weighted_loss

__all__ = [
    'Accuracy',
    'BoundaryLoss',
    'CrossEntropyLoss',
    'DiceLoss',
    'FocalLoss',
    'HausdorffDistanceLoss',
    'HuasdorffDisstanceLoss',
    'KLDivLoss',
    'LovaszLoss',
    'OhemCrossEntropy',
    'SiLogLoss',
    'TverskyLoss',
    'accuracy',
    'binary_cross_entropy',
    'cross_entropy',
    'mask_cross_entropy',
    'reduce_loss',
    'weight_reduce_loss',
    'weighted_loss',
]

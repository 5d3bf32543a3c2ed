from .aspp_head import ASPPHead
from .fcn_head import FCNHead
from .fpn_head import FPNHead
from .psp_head import PSPHead
from .segformer_head import SegformerHead
from .sep_aspp_head import DepthwiseSeparableASPPHead
from .sep_fcn_head import DepthwiseSeparableFCNHead
from .uper_head import UPerHead

__all__ = [
    'ASPPHead',
    'DepthwiseSeparableASPPHead',
    'DepthwiseSeparableFCNHead',
    'FCNHead',
    'FPNHead',
    'PSPHead',
    'SegformerHead',
    'UPerHead',
]

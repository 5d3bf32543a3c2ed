"""Backbones of timm."""

from typing import Any

from torch import Tensor, nn

from mmengine.model import BaseModule
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.utils.errors import MissingDependencyError
from mmseg.registry import MODELS


@MODELS.register_module()
class TIMMBackbone(BaseModule):
    """A model of timm (https://timm.fast.ai) by its name.

    Args:
        model_name: As `timm.create_model` takes it.
        features_only: Put out the features of each stage.
        pretrained: Load timm's weights.
        checkpoint_path: A file whose weights are loaded at the end.
        in_channels: Channels of images.
        kwargs: Further arguments of `timm.create_model`, such as `out_indices`; `norm_layer` may be a registered name.
    """

    def __init__(
        self,
        model_name: str,
        features_only: bool = True,
        pretrained: bool = True,
        checkpoint_path: str = '',
        in_channels: int = 3,
        init_cfg: Any = None,
        **kwargs: Any,
    ) -> None:
        try:
            import timm
        except (ImportError, RuntimeError) as error:  # torchvision, which timm imports, may be built for another torch
            raise MissingDependencyError(
                f"TIMMBackbone needs timm, which cannot be imported ({error}): pip install 'mmnext[timm]'"
            ) from error
        super().__init__(init_cfg)
        if isinstance(kwargs.get('norm_layer'), str):
            kwargs['norm_layer'] = ROOT_MODELS.get(kwargs['norm_layer'])
        self.timm_model: nn.Module = timm.create_model(
            model_name=model_name,
            features_only=features_only,
            pretrained=pretrained,
            in_chans=in_channels,
            checkpoint_path=checkpoint_path,
            **kwargs,
        )
        # The classifier is not used.
        for name in ('global_pool', 'fc', 'classifier'):
            setattr(self.timm_model, name, None)
        if pretrained or checkpoint_path:
            self._is_init = True

    def forward(self, x: Tensor) -> Any:
        """`(N, in_channels, H, W)` to what the model puts out: a list of maps with `features_only`."""
        return self.timm_model(x)

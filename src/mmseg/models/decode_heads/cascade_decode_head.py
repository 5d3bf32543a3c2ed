"""The base of heads that refine the prediction of another head."""

from abc import ABCMeta, abstractmethod
from typing import Any

from torch import Tensor

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.utils.typing_utils import ConfigType, SampleList


class BaseCascadeDecodeHead(BaseDecodeHead, metaclass=ABCMeta):
    """A head whose `forward` also takes the logits of the head before it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    @abstractmethod
    def forward(self, inputs: Any, prev_output: Tensor) -> Any:  # type: ignore[override]
        """Features and earlier logits to logits."""

    def loss(  # type: ignore[override]
        self, inputs: Any, prev_output: Tensor, batch_data_samples: SampleList, train_cfg: ConfigType
    ) -> dict:
        return self.loss_by_feat(self.forward(inputs, prev_output), batch_data_samples)

    def predict(  # type: ignore[override]
        self, inputs: Any, prev_output: Tensor, batch_img_metas: list[dict], tese_cfg: ConfigType
    ) -> Tensor:
        return self.predict_by_feat(self.forward(inputs, prev_output), batch_img_metas)

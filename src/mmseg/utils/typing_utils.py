"""Names for the types that models pass around."""

from collections.abc import Sequence

from torch import Tensor

from mmengine.config import ConfigDict
from mmseg.structures import SegDataSample

ConfigType = ConfigDict | dict
OptConfigType = ConfigType | None
MultiConfig = ConfigType | Sequence[ConfigType]
OptMultiConfig = MultiConfig | None

SampleList = Sequence[SegDataSample]
OptSampleList = SampleList | None

TensorDict = dict[str, Tensor]
TensorList = Sequence[Tensor]

ForwardResults = dict[str, Tensor] | list[SegDataSample] | tuple[Tensor] | Tensor

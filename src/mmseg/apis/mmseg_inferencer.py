"""From a model's name and images to masks and pictures, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from PIL import Image
from torch import nn

import mmcv
from mmengine.config import Config, ConfigDict
from mmengine.dataset import Compose
from mmengine.infer import BaseInferencer
from mmengine.infer.infer import InputsType, ModelType
from mmengine.utils.errors import ConfigError, DataError
from mmseg.structures import SegDataSample
from mmseg.utils import get_classes, get_palette
from mmseg.visualization import SegLocalVisualizer

from .find_config import find_config, packaged_configs
from .inference import dataset_meta

IMAGE_SUFFIXES = {'.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp'}


class MMSegInferencer(BaseInferencer):
    """Segments images given as paths, arrays `(H, W, 3)` BGR uint8, lists of these, or a folder.

    Args:
        model: a config, its path, the name of a model in the metafiles of the package `scope`, or of a config that
            comes with this package.
        weights: a checkpoint; None with the name of a model takes the published one.
        classes, palette: names and RGB colours of the classes, in place of those that the checkpoint carries.
        dataset_name: take both from this data set, such as 'cityscapes'.
    """

    preprocess_kwargs: ClassVar[set[str]] = set()
    forward_kwargs: ClassVar[set[str]] = {'mode', 'out_dir'}
    visualize_kwargs: ClassVar[set[str]] = {'show', 'wait_time', 'img_out_dir', 'opacity', 'return_vis', 'with_labels'}
    postprocess_kwargs: ClassVar[set[str]] = {'pred_out_dir', 'return_datasample'}

    def __init__(
        self,
        model: ModelType,
        weights: str | None = None,
        classes: str | list | None = None,
        palette: str | list | None = None,
        dataset_name: str | None = None,
        device: str | None = None,
        scope: str | None = 'mmseg',
    ) -> None:
        self.classes = get_classes(classes) if isinstance(classes, str) else classes
        self.palette = get_palette(palette) if isinstance(palette, str) else palette
        self.dataset_name = dataset_name
        self.num_visualized_imgs = self.num_pred_imgs = 0  # arrays have these numbers for names
        self._keep_logits = True
        super().__init__(model=model, weights=weights, device=device, scope=scope)
        if not isinstance(self.visualizer, SegLocalVisualizer):
            self.visualizer = SegLocalVisualizer(name=f'inferencer-{id(self)}')
        self.visualizer.dataset_meta = self.model.dataset_meta

    def _load_model_from_metafile(self, model: str) -> tuple[Config, str]:
        try:
            return super()._load_model_from_metafile(model)
        except ConfigError:
            if model.removesuffix('.py') not in packaged_configs():
                raise
            return Config.fromfile(find_config(model)), None  # type: ignore[return-value]

    def _load_weights_to_model(self, model: nn.Module, checkpoint: dict | None, cfg: Any) -> None:
        super()._load_weights_to_model(model, checkpoint, cfg)
        meta = dict(dataset_meta(cfg, (checkpoint or {}).get('meta', {})))
        if self.dataset_name is not None:
            meta = {'classes': get_classes(self.dataset_name), 'palette': get_palette(self.dataset_name)}
        if self.classes is not None:
            meta['classes'] = self.classes
        if self.palette is not None:
            meta['palette'] = self.palette
        number = len(meta['classes'])
        if meta.get('palette') is None:
            meta['palette'] = np.random.default_rng(42).integers(0, 256, (number, 3)).tolist()
        if len(meta['palette']) < number:
            raise ConfigError(f'{number} classes need as many colours, but palette has {len(meta["palette"])}')
        cast(Any, model).dataset_meta = meta

    def __call__(
        self,
        inputs: InputsType,
        return_datasamples: bool = False,
        batch_size: int = 1,
        return_vis: bool = False,
        show: bool = False,
        wait_time: int = 0,
        out_dir: str = '',
        img_out_dir: str = 'vis',
        pred_out_dir: str = 'pred',
        **kwargs: Any,
    ) -> dict:
        """The results of all inputs.

        Args:
            inputs: a path, an array, a sequence of these, or a folder, whose image files are taken.
            return_datasamples: give data samples, with their logits, instead of arrays.
            return_vis: also give the pictures.
            show: show each picture for `wait_time` seconds (0: until a key is pressed).
            out_dir: write pictures to `out_dir/img_out_dir` and masks (PNG) to `out_dir/pred_out_dir`; an empty name of
                one of these leaves it out.

        Returns:
            `predictions` (int64 `(H, W)` label maps, or data samples) and `visualization` (RGB uint8 `(H, W, 3)`, or
            None each); of one input, the thing itself instead of a list.
        """
        self._keep_logits = return_datasamples
        return super().__call__(
            inputs,
            return_datasamples,
            batch_size,
            return_vis=return_vis,
            show=show,
            wait_time=wait_time,
            img_out_dir=str(Path(out_dir, img_out_dir)) if out_dir and img_out_dir else '',
            pred_out_dir=str(Path(out_dir, pred_out_dir)) if out_dir and pred_out_dir else '',
            **kwargs,
        )

    def _inputs_to_list(self, inputs: Any) -> list:
        if isinstance(inputs, Path):
            inputs = str(inputs)
        found = super()._inputs_to_list(inputs)
        if isinstance(inputs, str) and found != [inputs]:
            found = sorted(path for path in found if Path(path).suffix.lower() in IMAGE_SUFFIXES)
            if not found:
                raise DataError(f'the folder {inputs} holds no images ({", ".join(sorted(IMAGE_SUFFIXES))})')
        return found

    @torch.no_grad()
    def forward(self, inputs: dict | tuple, **kwargs: Any) -> list[SegDataSample]:
        """Predictions of a batch, moved to the CPU; logits of many images fill any memory."""
        samples = []
        for sample in super().forward(inputs, **kwargs):
            if not self._keep_logits:
                sample.pop('seg_logits', None)
            samples.append(sample.cpu())
        return samples

    def visualize(  # type: ignore[override]
        self,
        inputs: list,
        preds: list[SegDataSample],
        return_vis: bool = False,
        show: bool = False,
        wait_time: int = 0,
        img_out_dir: str = '',
        opacity: float = 0.8,
        with_labels: bool | None = True,
    ) -> list[np.ndarray] | None:
        """Pictures of the predictions, drawn only if somebody wants them."""
        if not (show or img_out_dir or return_vis):
            return None
        visualizer: Any = self.visualizer
        visualizer.alpha = opacity
        pictures = []
        for given, sample in zip(inputs, preds, strict=True):
            image = mmcv.imread(given, channel_order='rgb')
            name = _name(given, self.num_visualized_imgs)
            self.num_visualized_imgs += 1
            visualizer.add_datasample(
                name,
                image,
                sample,
                draw_gt=False,
                show=show,
                wait_time=wait_time,
                out_file=str(Path(img_out_dir, f'{name}.png')) if img_out_dir else None,
                with_labels=with_labels,
            )
            pictures.append(visualizer.get_image())
        return pictures if return_vis else None

    def postprocess(  # type: ignore[override]
        self,
        preds: SegDataSample | Sequence[SegDataSample],
        visualization: list[np.ndarray] | None,
        return_datasample: bool = False,
        pred_out_dir: str = '',
    ) -> dict:
        """Arrays of the predictions, and their files."""
        samples = list(preds) if isinstance(preds, Sequence) else [preds]
        masks = [cast(Any, sample.pred_sem_seg).cpu().data[0].numpy() for sample in samples]
        if pred_out_dir:
            Path(pred_out_dir).mkdir(parents=True, exist_ok=True)
            for mask, sample in zip(masks, samples, strict=True):
                name = _name(sample.metainfo.get('img_path'), self.num_pred_imgs)
                self.num_pred_imgs += 1
                large = mask.max(initial=0) > 255
                Image.fromarray(mask.astype(np.uint16 if large else np.uint8)).save(Path(pred_out_dir, f'{name}.png'))
        results: list = samples if return_datasample else masks
        single = len(results) == 1
        return {
            'predictions': results[0] if single else results,
            'visualization': visualization[0] if single and visualization else visualization,
        }

    def _init_pipeline(self, cfg: Config | ConfigDict) -> Compose:
        """The test pipeline without annotations, beginning with whatever the caller gives."""
        steps = [dict(s) for s in cfg.test_dataloader.dataset.pipeline if 'LoadAnnotations' not in str(s.get('type'))]
        position = self._get_transform_idx(steps, 'LoadImageFromFile')
        if position < 0:
            raise ConfigError('the test pipeline of the config has no LoadImageFromFile, for which inputs could stand')
        steps[position]['type'] = 'InferencerLoader'
        return Compose(steps)

    def _get_transform_idx(self, pipeline_cfg: Any, name: str) -> int:
        """Place of the first transform of that type; -1 if there is none."""
        return next((i for i, step in enumerate(pipeline_cfg) if step['type'] == name), -1)


def _name(given: Any, number: int) -> str:
    """Of a file its own, of an array its number."""
    return Path(given).stem if isinstance(given, (str, Path)) else f'{number:08d}'

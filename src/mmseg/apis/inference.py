"""Use a trained model from Python."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

import mmcv
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.device import get_device
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmengine.utils.errors import DataError
from mmseg.models import BaseSegmentor
from mmseg.registry import DATASETS, MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList, get_classes, get_palette
from mmseg.visualization import SegLocalVisualizer

from .find_config import find_config

ImageType = str | np.ndarray | Sequence[str] | Sequence[np.ndarray]


def init_model(
    config: str | Path | Config,
    checkpoint: str | None = None,
    device: str | None = None,
    cfg_options: dict | None = None,
) -> BaseSegmentor:
    """The model of a config in evaluation mode, with the weights of `checkpoint`.

    Its `dataset_meta` is that of the checkpoint, or else of the test data of the config; `cfg` is the config.

    Args:
        config: a config (which stays as it is), its path, or the name of one that comes with this package.
        device: the accelerator if there is one, else the CPU, by default.
        cfg_options: overrides of the config by dotted keys.
    """
    cfg = copy.deepcopy(config) if isinstance(config, Config) else Config.fromfile(find_config(config))
    if cfg_options is not None:
        cfg.merge_from_dict(cfg_options)
    if 'pretrained' in cfg.model:
        cfg.model.pretrained = None
    if 'init_cfg' in cfg.model.get('backbone', {}):
        cfg.model.backbone.init_cfg = None
    cfg.model.train_cfg = None
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model: Any = MODELS.build(cfg.model)
    loaded = {} if checkpoint is None else load_checkpoint(model, checkpoint, map_location='cpu')
    model.dataset_meta = dataset_meta(cfg, loaded.get('meta', {}))
    model.cfg = cfg
    model = revert_sync_batchnorm(model)
    return model.to(device or get_device()).eval()


def dataset_meta(cfg: Config, meta: dict) -> dict[str, Any]:
    """Classes and palette: from the meta of a checkpoint, of new files or old; else of the config's test data.

    Those of Cityscapes if nothing says more.
    """
    if 'dataset_meta' in meta:
        return meta['dataset_meta']
    if 'CLASSES' in meta:
        return {'classes': meta['CLASSES'], 'palette': meta.get('PALETTE')}
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    while 'dataset' in dataset:  # a wrapper
        dataset = dataset['dataset']
    kind = dataset.get('type')
    with DATASETS.switch_scope_and_registry(cfg.get('default_scope', 'mmseg')) as registry:
        cls = registry.get(kind) if isinstance(kind, str) else kind
    known = {**(getattr(cls, 'METAINFO', None) or {}), **(dataset.get('metainfo') or {})}
    if 'classes' not in known:
        return {'classes': get_classes('cityscapes'), 'palette': get_palette('cityscapes')}
    return {'classes': known['classes'], 'palette': known.get('palette')}


def inference_model(model: BaseSegmentor, img: ImageType) -> SegDataSample | SampleList:
    """Segment one image, or a sequence of them.

    Args:
        model: from `init_model`.
        img: path or `(H, W, C)` BGR array, or a sequence of these.

    Returns:
        A data sample (or a list of them) with `pred_sem_seg` `(1, H, W)` int64 and `seg_logits` `(C, H, W)`.
    """
    images: list[Any] = list(img) if isinstance(img, (list, tuple)) else [img]
    pipeline = _inference_pipeline(cast(Config, model.cfg), isinstance(images[0], np.ndarray))
    batch = []
    for image in images:
        data = {'img': image} if isinstance(image, np.ndarray) else {'img_path': str(image)}
        batch.append(pipeline(data))
    with torch.no_grad():
        results = model.test_step(pseudo_collate(batch))
    return results if isinstance(img, (list, tuple)) else results[0]


def _inference_pipeline(cfg: Config, from_array: bool) -> Compose:
    """The test pipeline without the loading of annotations."""
    steps = cfg.get('test_pipeline') or cfg.test_dataloader.dataset.pipeline
    steps = [dict(step) for step in steps if 'LoadAnnotations' not in str(step.get('type'))]
    if not steps:
        raise DataError('the config has an empty test_pipeline')
    if from_array:
        steps[0] = {'type': 'LoadImageFromNDArray'}
    return Compose(steps)


def show_result_pyplot(
    model: BaseSegmentor,
    img: str | np.ndarray,
    result: SegDataSample,
    opacity: float = 0.5,
    title: str = '',
    draw_gt: bool = True,
    draw_pred: bool = True,
    wait_time: float = 0,
    show: bool = True,
    with_labels: bool = True,
    save_dir: str | None = None,
    out_file: str | None = None,
) -> np.ndarray:
    """Draw a result over its image.

    Args:
        img: path, or `(H, W, 3)` array that is drawn as it is: give RGB, unless the drawn array should be BGR too.
        opacity: of the colours, in (0, 1].
        title: of the window, and name of the picture in `save_dir`.
        draw_gt, draw_pred: draw the annotation, the prediction, where `result` has it.
        wait_time: seconds that the window stays; 0: until a key is pressed.
        with_labels: write the names of the classes.
        save_dir: write `vis_data/vis_image/<title>_0.png` below this folder, unless there is an `out_file`.
        out_file: write this file.

    Returns:
        `(H, W, 3)` uint8, RGB for an image from a path, prediction beside truth where both are drawn.
    """
    image = mmcv.imread(img, channel_order='rgb')
    visualizer = SegLocalVisualizer(
        vis_backends=[{'type': 'LocalVisBackend'}] if save_dir else None, save_dir=save_dir, alpha=opacity
    )
    meta = cast(dict, model.dataset_meta or {})
    visualizer.dataset_meta = {'classes': meta.get('classes'), 'palette': meta.get('palette')}
    visualizer.add_datasample(
        name=title,
        image=image,
        data_sample=result,
        draw_gt=draw_gt,
        draw_pred=draw_pred,
        wait_time=wait_time,
        out_file=out_file,
        show=show,
        with_labels=with_labels,
    )
    return visualizer.get_image()

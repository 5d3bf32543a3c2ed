"""Models built from the published configs have the reference's state dict, logits and losses."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.published import clip_vocabulary, published_configs

import mmseg.models  # noqa: F401
from mmcv.cnn.bricks import DropPath
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

PARITY = Path(__file__).resolve().parents[2].parent / 'shared' / 'parity'
pytestmark = [
    pytest.mark.compat,
    pytest.mark.skipif(not PARITY.is_dir(), reason='the folder shared/parity is not beside the repository'),
    pytest.mark.filterwarnings('ignore:Resizing:UserWarning'),  # configs for 769x769 at another size
]
NORMS = (torch.nn.modules.batchnorm._NormBase, torch.nn.GroupNorm, torch.nn.LayerNorm)


def records() -> dict[str, dict]:
    if not PARITY.is_dir():
        return {}
    with open(PARITY / 'models.jsonl') as lines:
        found = [json.loads(line) for line in lines]
    return {record['config']: record for record in found if 'state' in record}


RECORDS = records()


@cache
def recipe() -> Any:
    spec = importlib.util.spec_from_file_location('parity_recipe', PARITY / 'recipe.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def without_weights(node: Any) -> None:
    """Remove what would be downloaded."""
    if isinstance(node, dict):
        node.pop('pretrained', None)
        init_cfg = node.get('init_cfg')
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            del node['init_cfg']
        for value in node.values():
            without_weights(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            without_weights(value)


def probes(tensor: torch.Tensor) -> dict[str, Any]:
    """`recipe.stats`, with indices that float32 does not round beyond the end of large tensors."""
    flat = tensor.detach().double().flatten()
    at = torch.linspace(0, flat.numel() - 1, 16).long().clamp(max=flat.numel() - 1)
    return {
        'mean': float(flat.mean()),
        'std': float(flat.std()),
        'absmax': float(flat.abs().max()),
        'probes': flat[at].tolist(),
    }


def samples(record: dict, meta: dict) -> list[SegDataSample]:
    made = []
    for label in recipe().labels(record['hw'], record['hw'], record['num_classes']):
        sample = SegDataSample(metainfo=meta)
        sample.gt_sem_seg = PixelData(data=label)
        sample.gt_edge_map = PixelData(data=(label % 2).to(torch.uint8))
        made.append(sample)
    return made


@pytest.mark.parametrize('name', RECORDS)
def test_equals_the_reference(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    record = RECORDS[name]
    if name.startswith('san/'):
        vocabulary = clip_vocabulary()
        if vocabulary is None:
            pytest.skip('the wheel of mmsegmentation has no vocabulary of CLIP')
        monkeypatch.setenv('MMSEG_CLIP_VOCABULARY', str(vocabulary))
    with DefaultScope.overwrite_default_scope('mmseg'):
        config = Config.fromfile(published_configs() / name)
        without_weights(config.model)
        model = revert_sync_batchnorm(MODELS.build(config.model)).eval()
    assert [[key, list(value.shape)] for key, value in model.state_dict().items()] == record['state']
    assert sum(p.numel() for p in model.parameters()) == record['params']
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == record['trainable']
    if 'logits' not in record:
        return
    recipe().fill(model)
    side = record['hw']
    channels = 6 if record['state'][0][1][1:2] == [6] else 3
    inputs, meta = recipe().inputs(side, side, channels), recipe().metainfo(side, side)
    with torch.no_grad():
        logits = model.encode_decode(inputs, [meta] * 2)
    assert list(logits.shape) == record['shape']
    found, scale = probes(logits), record['logits']['absmax']
    for key, value in record['logits'].items():
        assert found[key] == pytest.approx(value, abs=1e-4 * scale, nan_ok=True), key
    if 'losses' not in record:
        return
    if record.get('loss_mode'):  # the forward depends on the mode, but not that of norms and dropout
        model.train()
        for module in model.modules():
            if isinstance(module, (*NORMS, torch.nn.modules.dropout._DropoutNd, DropPath)):
                module.eval()
    torch.manual_seed(0)
    np.random.seed(0)
    with torch.no_grad():
        losses = model.loss(inputs, samples(record, meta))
    found_losses = {k: float(sum(v)) if isinstance(v, (list, tuple)) else float(v) for k, v in losses.items()}
    # Matching by drawn points has near-ties, which another order of additions decides otherwise.
    tolerance = 1e-3 if name.startswith('mask2former/mask2former_r50') else 1e-4
    assert found_losses == pytest.approx(record['losses'], rel=tolerance, nan_ok=True)

"""`check` finds nothing in the published configs but what is wrong with them; `docs/check.md` lists that."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatch

import pytest
from helpers.published import published_configs

from mmseg.cli.check import check_all, find_configs

CUSTOM_KEYS = 'optim_wrapper.paramwise_cfg.custom_keys'
# (rule, key): the configs that have it
TRUE = {
    ('custom-keys', f'{CUSTOM_KEYS}.absolute_pos_embed'): ['swin/*', 'mask2former/*swin*', 'knet/*swin*'],
    ('custom-keys', f'{CUSTOM_KEYS}.norm'): ['vit/*', 'dpt/*'],
    ('custom-keys', f'{CUSTOM_KEYS}.pos_block'): ['segformer/*', 'segnext/*', 'twins/*uperhead*'],
    ('scheduler-span', 'param_scheduler.0.end'): ['ocrnet/ocrnet_r101-d8_8xb2-80k_cityscapes-512x1024.py'],
    ('scheduler-span', 'param_scheduler.1.end'): ['beit/beit-large_upernet_*'],
    ('crop-size', 'model.data_preprocessor.size'): [
        'deeplabv3plus/deeplabv3plus_r50-d8_4xb2-300k_mapillay_v1_65-1280x1280.py',
        'knet/knet-s3_swin-l_upernet_8xb2-adamw-80k_ade20k-640x640.py',
    ],
    ('custom-keys', f'{CUSTOM_KEYS}.img_encoder'): ['san/*coco-stuff*'],
    ('class-weight', 'model.decode_head.loss_decode.0.class_weight'): ['san/*pascal_context*', 'san/*voc12aug*'],
    ('num-classes', 'model.decode_head.num_classes'): ['san/*voc12aug*'],
    ('num-classes', 'val_dataloader.dataset.type'): ['san/*voc12aug*'],
    ('num-classes', 'test_dataloader.dataset.type'): ['san/*voc12aug*'],
    ('hook-unit', 'default_hooks.logger'): ['cgnet/*'],
    ('missing-package', 'model.backbone'): ['vpd/*'],
    ('unknown-key', 'models'): ['bisenetv2/bisenetv2_fcn_4xb4-ohem-160k_cityscapes-1024x1024.py'],
}


@pytest.mark.compat
@pytest.mark.timeout(1200)
def test_published_configs_have_the_known_findings_alone() -> None:
    folder = published_configs()
    configs = find_configs([str(folder)])
    assert len(configs) == 681
    found = [(c, f) for c, each in check_all(configs, jobs=2).items() for f in each]

    def known(config: str, key: tuple[str, str]) -> bool:
        return any(fnmatch(config.removeprefix(f'{folder}/'), pattern) for pattern in TRUE.get(key, ()))

    new = Counter(f for config, f in found if not known(config, (f.rule, f.key)))
    assert not new, '\n'.join(f'{number} x {finding}' for finding, number in new.most_common())
    optional = {('missing-package', 'model.backbone')}
    assert TRUE.keys() - optional == {(f.rule, f.key) for _, f in found} - optional

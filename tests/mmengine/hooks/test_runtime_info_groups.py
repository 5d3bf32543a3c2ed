"""The learning rates of groups in the log."""

from pathlib import Path

import pytest
from helpers.toy import toy_runner


def test_each_kind_of_group_is_logged_by_its_ratio(tmp_path: Path) -> None:
    runner = toy_runner(
        tmp_path,
        iters=5,
        optim_wrapper={
            'optimizer': {'type': 'SGD', 'lr': 0.1},
            'paramwise_cfg': {'custom_keys': {'net.0': {'lr_mult': 0.1}}},
        },
        param_scheduler={'type': 'PolyLR', 'power': 1, 'by_epoch': False, 'end': 6},
        default_hooks={'runtime_info': {'type': 'RuntimeInfoHook', 'log_groups': True}},
    )
    runner.train()
    scalars = runner.message_hub.log_scalars
    assert {'train/x0.1.lr', 'train/x1.lr'} <= scalars.keys()
    tenth, whole = (scalars[f'train/{name}.lr'].data[0] for name in ('x0.1', 'x1'))
    assert tenth == pytest.approx(whole / 10) and whole[0] == 0.1 and whole[-1] < 0.1

"""Checks for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mmengine.testing import (
    RunnerTestCase,
    assert_allclose,
    assert_attrs_equal,
    assert_dict_contains_subset,
    assert_dict_has_keys,
    assert_is_norm_layer,
    assert_keys_equal,
    assert_params_all_zeros,
    check_python_script,
)


def test_allclose_mixes_types() -> None:
    assert_allclose(torch.tensor([1.0, float('nan')]), torch.tensor([1.0, float('nan')], dtype=torch.float64))
    assert_allclose([1.0, 2.0], (1.0, 2.0))
    assert_allclose(np.ones(2), np.ones(2), rtol=0, atol=0)
    with pytest.raises(AssertionError, match='Tensor-likes'):
        assert_allclose(torch.ones(2), torch.zeros(2))
    with pytest.raises(AssertionError, match='^mine$'):
        assert_allclose(torch.ones(2), torch.zeros(2), msg='mine')
    with pytest.raises(AssertionError):
        assert_allclose(torch.tensor(float('nan')), torch.tensor(float('nan')), equal_nan=False)


def test_answers_of_comparisons() -> None:
    content = {'a': 1, 'b': np.arange(3)}
    assert assert_dict_contains_subset(content, {'b': np.arange(3)})
    assert not assert_dict_contains_subset(content, {'b': np.zeros(3)})
    assert not assert_dict_contains_subset(content, {'c': 1})
    assert assert_dict_has_keys(content, ['a'])
    assert not assert_dict_has_keys(content, ['a', 'c'])
    assert assert_keys_equal(['a', 'b'], ['b', 'a'])
    assert not assert_keys_equal(['a', 'b'], ['b'])
    assert assert_attrs_equal(nn.Linear(2, 3), {'in_features': 2, 'out_features': 3})
    assert not assert_attrs_equal(nn.Linear(2, 3), {'nothing': 2})


def test_answers_about_modules() -> None:
    assert assert_is_norm_layer(nn.GroupNorm(1, 2))
    assert not assert_is_norm_layer(nn.Conv2d(1, 1, 1))
    layer = nn.Linear(2, 2)
    assert not assert_params_all_zeros(layer)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    assert assert_params_all_zeros(layer)
    assert assert_params_all_zeros(nn.ReLU())


def test_scripts_run_with_their_arguments(tmp_path: Path) -> None:
    script = tmp_path / 'script.py'
    script.write_text(f'import sys\nfrom pathlib import Path\nPath({str(tmp_path)!r}, sys.argv[1]).touch()\n')
    check_python_script(f'python {script} made')
    check_python_script(f'{script} too')
    assert (tmp_path / 'made').exists()
    assert (tmp_path / 'too').exists()


class TestRunnerTestCase(RunnerTestCase):
    def test_configs_train(self) -> None:
        for cfg in (self.epoch_based_cfg, self.iter_based_cfg):
            runner = self.build_runner(cfg)
            runner.train()
            assert runner.test() == {'acc': 1}
        assert list(Path(self.temp_dir).glob('*.pth'))
        assert 'experiment_name' not in self.epoch_based_cfg

"""Comparisons. Only `assert_allclose` raises; the others answer True or False, as callers assert them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from runpy import run_path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from mmengine.utils.dl_utils import is_norm


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str | Callable | None = '',
) -> None:
    """`torch.testing.assert_close` without regard to types: lists, arrays and tensors may be mixed.

    Args:
        rtol, atol: both or none; by default as the dtypes demand.
        msg: in place of the usual message, unless empty.
    """
    torch.testing.assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        msg=msg or None,
        allow_subclasses=True,
        check_dtype=False,
        check_device=False,
    )


def check_python_script(cmd: str) -> None:
    """Run a script with arguments, in this process, as `python <cmd>` would."""
    args = shlex.split(cmd)
    if args[:1] == ['python']:
        args = args[1:]
    with patch.object(sys, 'argv', args):
        run_path(args[0], run_name='__main__')


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, (np.ndarray, torch.Tensor)) or isinstance(b, (np.ndarray, torch.Tensor)):
        return bool(np.array_equal(np.asarray(a), np.asarray(b)))
    return bool(a == b)


def assert_dict_contains_subset(dict_obj: Mapping[Any, Any], expected_subset: Mapping[Any, Any]) -> bool:
    """Whether the dict has all of these items."""
    return all(key in dict_obj and _same(dict_obj[key], value) for key, value in expected_subset.items())


def assert_attrs_equal(obj: Any, expected_attrs: Mapping[str, Any]) -> bool:
    """Whether the object has attributes of these values."""
    return all(hasattr(obj, name) and _same(getattr(obj, name), value) for name, value in expected_attrs.items())


def assert_dict_has_keys(obj: Mapping[str, Any], expected_keys: list[str]) -> bool:
    """Whether the dict has all of these keys."""
    return set(expected_keys) <= set(obj)


def assert_keys_equal(result_keys: list[str], target_keys: list[str]) -> bool:
    """Whether two lists have the same members, in any order."""
    return set(result_keys) == set(target_keys)


def assert_is_norm_layer(module: nn.Module) -> bool:
    """Whether the module is a normalisation."""
    return is_norm(module)


def assert_params_all_zeros(module: nn.Module) -> bool:
    """Whether weight and bias of the module, as far as it has them, are zero everywhere."""
    parameters = (getattr(module, name, None) for name in ('weight', 'bias'))
    return not any(p.detach().any() for p in parameters if p is not None)

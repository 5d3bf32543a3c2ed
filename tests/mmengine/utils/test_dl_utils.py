import multiprocessing
import os

import numpy as np
import pytest
import torch
from torch import nn

from mmengine.utils.dl_utils import (
    TORCH_VERSION,
    TimeCounter,
    collect_env,
    has_batch_norm,
    is_jit_tracing,
    is_norm,
    load_url,
    mmcv_full_available,
    set_multi_processing,
    tensor2imgs,
    torch_meshgrid,
)


def test_norm_layers() -> None:
    norms = (nn.BatchNorm2d(1), nn.InstanceNorm2d(1), nn.GroupNorm(1, 1), nn.LayerNorm(1), nn.SyncBatchNorm(1))
    assert all(map(is_norm, norms))
    assert not is_norm(nn.Conv2d(1, 1, 1)) and not is_norm(nn.LocalResponseNorm(1))
    assert not is_norm(nn.BatchNorm2d(1), exclude=nn.BatchNorm2d)
    with pytest.raises(TypeError):
        is_norm(nn.BatchNorm2d(1), exclude=[1])
    assert has_batch_norm(nn.Sequential(nn.Sequential(nn.BatchNorm1d(1)))) and not has_batch_norm(nn.GroupNorm(1, 1))


def test_tensor2imgs_undoes_a_normalisation() -> None:
    images = np.random.default_rng(0).integers(0, 255, (2, 4, 5, 3)).astype(np.float32)
    mean, std = np.array([1.0, 2, 3], np.float32), np.array([4.0, 5, 6], np.float32)
    normed = torch.from_numpy((images[..., ::-1] - mean) / std).permute(0, 3, 1, 2)
    restored = tensor2imgs(normed, tuple(mean), tuple(std))
    assert len(restored) == 2 and restored[0].flags['C_CONTIGUOUS']
    np.testing.assert_allclose(np.stack(restored), images, atol=1e-3)
    assert tensor2imgs(torch.zeros(1, 1, 2, 2), to_bgr=False)[0].shape == (2, 2, 1)
    for shape in ((1, 2, 2, 2), (3, 2, 2)):
        with pytest.raises(ValueError, match='shape'):
            tensor2imgs(torch.zeros(shape))
    with pytest.raises(ValueError, match='mean and std'):
        tensor2imgs(normed, mean=(1.0,))


def test_names_of_torch_classes() -> None:
    from mmengine.utils.dl_utils import parrots_wrapper

    assert parrots_wrapper.TORCH_VERSION == torch.__version__ == TORCH_VERSION
    assert isinstance(nn.BatchNorm3d(1), parrots_wrapper._BatchNorm)
    assert isinstance(nn.InstanceNorm1d(1), parrots_wrapper._InstanceNorm)
    assert isinstance(nn.ConvTranspose2d(1, 1, 1), parrots_wrapper._ConvTransposeMixin)
    assert isinstance(nn.AdaptiveAvgPool2d(1), parrots_wrapper._AdaptiveAvgPoolNd)
    assert parrots_wrapper.SyncBatchNorm is nn.SyncBatchNorm


def test_time_counter(capsys) -> None:
    @TimeCounter(log_interval=2, warmup_interval=1, tag='counted')
    def func() -> int:
        return 3

    for _ in range(3):
        assert func() == 3
    assert capsys.readouterr().out.startswith('[counted]-time per run averaged in the past 2 runs')
    with TimeCounter(tag='counted'):  # the same counter goes on
        pass
    assert 'past 4 runs' in capsys.readouterr().out
    with pytest.raises(ValueError, match='tag'), TimeCounter():
        pass


def test_collect_env() -> None:
    env = collect_env()
    assert env['PyTorch'] == torch.__version__ and env['MMEngine'] and env['OpenCV']
    assert env['CUDA available'] == torch.cuda.is_available()


def test_set_multi_processing(monkeypatch) -> None:
    import cv2

    before, threads = multiprocessing.get_start_method(allow_none=True), cv2.getNumThreads()
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    monkeypatch.setenv('MKL_NUM_THREADS', '3')
    try:
        multiprocessing.set_start_method('fork', force=True)
        with pytest.warns(UserWarning, match="'fork' to 'spawn'"):
            set_multi_processing('spawn', distributed=True)
        assert multiprocessing.get_start_method() == 'spawn'
        assert (os.environ['OMP_NUM_THREADS'], os.environ['MKL_NUM_THREADS']) == ('1', '3')
    finally:
        multiprocessing.set_start_method(before, force=True)
        cv2.setNumThreads(threads)


def test_load_url_does_not_run_code(tmp_path) -> None:
    torch.save({'w': torch.ones(1)}, tmp_path / 'good.pth')
    torch.save({'w': pytest.raises}, tmp_path / 'bad.pth')
    good = load_url((tmp_path / 'good.pth').as_uri(), model_dir=str(tmp_path / 'cache'), progress=False)
    assert good['w'] == 1
    with pytest.raises(Exception, match='[Ww]eights'):
        load_url((tmp_path / 'bad.pth').as_uri(), model_dir=str(tmp_path / 'cache'), progress=False)


def test_small_things() -> None:
    assert mmcv_full_available()
    assert not is_jit_tracing()
    rows, columns = torch_meshgrid(torch.arange(2), torch.arange(3))
    assert rows.shape == (2, 3) and rows[1, 0] == 1 and columns[0, 2] == 2

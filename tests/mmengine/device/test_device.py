import torch

from mmengine.device import get_device, is_cuda_available, is_mps_available, is_npu_available, utils


def test_get_device_is_one_that_works() -> None:
    assert torch.ones(1, device=get_device()).sum() == 1
    assert is_cuda_available() == torch.cuda.is_available()
    assert not is_npu_available()
    if not (is_cuda_available() or is_mps_available() or torch.accelerator.is_available()):
        assert get_device() == 'cpu'


def test_max_cuda_memory_is_in_mb_and_starts_anew(monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(torch.cuda, 'max_memory_allocated', lambda device=None: 3 * 1024 * 1024 + 17)
    monkeypatch.setattr(torch.cuda, 'reset_peak_memory_stats', lambda device=None: calls.append(device))
    assert utils.get_max_cuda_memory() == 3
    assert calls == [None]

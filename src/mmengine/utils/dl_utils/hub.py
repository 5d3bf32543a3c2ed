"""Weights from a URL."""

from typing import Any

from torch.hub import load_state_dict_from_url


def load_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """`torch.hub.load_state_dict_from_url`, which by default does not run code that is in the file."""
    return load_state_dict_from_url(url, model_dir, map_location, progress, check_hash, file_name, weights_only)


__all__ = ['load_url']

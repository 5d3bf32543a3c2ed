import torch
from torch import nn


class PSAMask(nn.Module):
    """From attention over a window around each pixel to attention over the image (PSANet, ECCV 2018).

    Args:
        psa_type: `collect`: channel `y * W + x` of the result at a pixel says what the pixel takes from (y, x);
            `distribute`: what the pixel `y * W + x` gives to it.
        mask_size: (height, width) of the windows; `None` is `(2 * H - 1, 2 * W - 1)`.
    """

    def __init__(self, psa_type: str, mask_size: tuple[int, int] | None = None) -> None:
        super().__init__()
        if psa_type not in ('collect', 'distribute'):
            raise ValueError(f"psa_type should be 'collect' or 'distribute', but got {psa_type!r}")
        self.psa_type = psa_type
        self.mask_size = mask_size

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """`(N, mask_h * mask_w, H, W)` to `(N, H * W, H, W)`, 0 where a window does not reach."""
        n, channels, h, w = input.shape
        mask_h, mask_w = self.mask_size or (2 * h - 1, 2 * w - 1)
        if channels != mask_h * mask_w:
            raise ValueError(f'{channels} channels do not make windows of {mask_h} x {mask_w}')
        y, x = torch.arange(h, device=input.device), torch.arange(w, device=input.device)
        in_y = y[:, None] - y + (mask_h - 1) // 2  # (target, pixel): row in the window
        in_x = x[:, None] - x + (mask_w - 1) // 2
        reached = ((in_y >= 0) & (in_y < mask_h))[:, None, :, None] & ((in_x >= 0) & (in_x < mask_w))[:, None, :]
        index = in_y[:, None, :, None] * mask_w + in_x[:, None, :]
        index = index.masked_fill(~reached, 0).view(1, h * w, h * w).expand(n, -1, -1)
        out = input.flatten(2).gather(1, index).masked_fill(~reached.reshape(h * w, h * w), 0.0)
        if self.psa_type == 'distribute':
            out = out.transpose(1, 2)
        return out.reshape(n, h * w, h, w)

    def extra_repr(self) -> str:
        return f'psa_type={self.psa_type}, mask_size={self.mask_size}'

"""VPD: a text-to-image diffusion model as a backbone (Zhao et al., arXiv:2303.02153)."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmengine.checkpoint import CheckpointLoader, load_checkpoint
from mmengine.model import BaseModule
from mmengine.utils.errors import MissingDependencyError
from mmseg.models.backbones.vpd_attention import AttentionStore, as_map, register_attention_control
from mmseg.registry import MODELS


def _ldm(module: str) -> Any:
    """A module of the package `ldm`, CompVis' latent diffusion."""
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError) as e:
        raise MissingDependencyError(
            f'VPD runs Stable Diffusion by the package ldm, but {module} cannot be imported: {e}. Install it, and what '
            "it needs: pip install 'latent-diffusion @ git+https://github.com/CompVis/stable-diffusion' "
            "'taming-transformers @ git+https://github.com/CompVis/taming-transformers' "
            'omegaconf einops pytorch-lightning transformers kornia'
        ) from e


class UNetWrapper(nn.Module):
    """A U-Net of `ldm` that puts out features of four sizes, with attention maps appended to them if wanted.

    Args:
        unet: a `DiffusionWrapper`, whose `diffusion_model` is the U-Net.
        use_attn: append attention to the text to the features at 1/16 to 1/64 of the image (as far as they are kept).
        base_size: side of the image.
        max_attn_size: side of the largest attention map that is kept.
        attn_selector: which of them: `up_cross`, `mid_cross`, `down_cross`, joined by `+`.
    """

    def __init__(
        self,
        unet: nn.Module,
        use_attn: bool = True,
        base_size: int = 512,
        max_attn_size: int | None = None,
        attn_selector: str = 'up_cross+down_cross',
    ) -> None:
        super().__init__()
        self.unet: Any = unet
        self.attention_store = AttentionStore(base_size // 8, max_attn_size)
        self.attn_selector = attn_selector.split('+')
        self.use_attn = use_attn
        self.timestep_embedding = _ldm('ldm.modules.diffusionmodules.util').timestep_embedding
        if use_attn:
            register_attention_control(unet, self.attention_store)

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor) -> list[Tensor]:
        """Latents `(N, 4, h, w)`, steps `(N,)` and text `(N, L, C)` to features of 1, 1/2, 1/4 and 1/8 of the size."""
        self.attention_store.reset()
        model = self.unet.diffusion_model
        embedding = model.time_embed(
            self.timestep_embedding(timesteps, model.model_channels, repeat_only=False).to(x.dtype)
        )
        skipped, outs = [], []
        h = x
        for block in model.input_blocks:
            h = block(h, embedding, context)
            skipped.append(h)
        h = model.middle_block(h, embedding, context)
        for index, block in enumerate(model.output_blocks):
            h = block(torch.cat([h, skipped.pop()], dim=1), embedding, context)
            if index in (1, 4, 7):
                outs.append(h)
        outs = [h, *reversed(outs)]
        return self._append_attn_to_output(outs) if self.use_attn else outs

    def _append_attn_to_output(self, outs: list[Tensor]) -> list[Tensor]:
        """Append the mean of all attention maps of the size of a feature to it."""
        maps = [as_map(attn) for name in self.attn_selector for attn in self.attention_store.maps[name]]
        self.attention_store.reset()
        result = []
        for out in outs:
            same = [attn for attn in maps if attn.shape[2:] == out.shape[2:]]
            # At the lowest resolution there is a map as well, which the published models do not use.
            use = same and out is not outs[-1]
            result.append(torch.cat([out, torch.stack(same).mean(0)], dim=1) if use else out)
        return result


class TextAdapter(nn.Module):
    """Adds what two layers make of a text, times `gamma`, to it (section 3.2)."""

    def __init__(self, text_dim: int = 768) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(text_dim, text_dim), nn.GELU(), nn.Linear(text_dim, text_dim))

    def forward(self, texts: Tensor, gamma: Tensor) -> Tensor:
        return texts + gamma * self.fc(texts)


@MODELS.register_module()
class VPD(BaseModule):
    """Features of the denoising U-Net of Stable Diffusion, guided by texts of the classes.

    Args:
        diffusion_cfg: config of a model of `ldm` (`target`, `params`), and its `checkpoint`.
        class_embed_path: vectors of the texts of K classes, a tensor `(K, C)` or `(K, L, C)` in a checkpoint file.
        unet_cfg: arguments of `UNetWrapper`.
        gamma: initial value of the learned factor of `TextAdapter`.
        class_embed_select: guide each image by the text of its own class, which comes with it (the mean of all where
            none comes), instead of by all.
        pad_shape: pad images at the right and bottom to this size (or (H, W)) with `pad_val`.
    """

    def __init__(
        self,
        diffusion_cfg: Mapping[str, Any],
        class_embed_path: str,
        unet_cfg: Mapping[str, Any] | None = {},
        gamma: float = 1e-4,
        class_embed_select: bool = False,
        pad_shape: int | Sequence[int] | None = None,
        pad_val: float | Sequence[float] = 0,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.pad_shape = (pad_shape, pad_shape) if isinstance(pad_shape, int) else pad_shape
        self.pad_val = pad_val
        cfg = {key: value for key, value in diffusion_cfg.items() if key != 'checkpoint'}
        model = _ldm('ldm.util').instantiate_from_config(cfg)
        if diffusion_cfg.get('checkpoint') is not None:
            load_checkpoint(model, diffusion_cfg['checkpoint'], strict=False, map_location='cpu', logger='current')
        self.encoder_vq = model.first_stage_model
        # Not used: the image is encoded, but nothing is drawn.
        del self.encoder_vq.decoder
        self.encoder_vq.requires_grad_(False)
        self.unet = UNetWrapper(model.model, **(unet_cfg or {}))
        del self.unet.unet.diffusion_model.out

        embeddings = CheckpointLoader.load_checkpoint(class_embed_path, map_location='cpu')
        self.class_embed_select = class_embed_select
        if class_embed_select:
            embeddings = torch.cat([embeddings, embeddings.mean(dim=0, keepdim=True)])
        self.class_embeddings: Tensor
        self.register_buffer('class_embeddings', embeddings)
        self.text_adapter = TextAdapter(text_dim=embeddings.shape[-1])
        self.gamma = nn.Parameter(torch.full((embeddings.shape[-1],), gamma))

    def _pad(self, x: Tensor) -> Tensor:
        if self.pad_shape is None:
            return x
        rows, columns = (max(size - own, 0) for size, own in zip(self.pad_shape, x.shape[2:], strict=True))
        if not rows and not columns:
            return x
        values = x.new_tensor(self.pad_val).reshape(1, -1, 1, 1)
        # Moved so that the value of padding is zero, since each channel may have its own.
        return F.pad(x - values, (0, columns, 0, rows)) + values

    def forward(self, x: Any) -> list[Tensor]:
        """Images `(N, 3, H, W)`, or these and their classes `(N,)`, to features of 1/8, 1/16, 1/32 and 1/64."""
        classes = None
        if isinstance(x, tuple | list):
            x, classes = x[:2]
        x = self._pad(x)
        with torch.no_grad():
            latents = self.encoder_vq.encode(x).mode()
        if self.class_embed_select:
            if classes is None:
                classes = torch.full((len(x),), -1, device=x.device)
            texts = self.class_embeddings[classes]
            texts = texts[:, None] if texts.ndim == 2 else texts
        else:
            texts = self.class_embeddings.reshape(1, -1, self.class_embeddings.shape[-1]).expand(len(x), -1, -1)
        steps = torch.ones(len(x), dtype=torch.long, device=x.device)
        return self.unet(latents, steps, self.text_adapter(texts, self.gamma))

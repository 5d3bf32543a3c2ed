"""The text encoder of CLIP (Radford et al., arXiv:2103.00020, section 2.4)."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import build_norm_layer
from mmcv.cnn.bricks.transformer import BaseTransformerLayer
from mmengine.model import BaseModule, ModuleList
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.utils.errors import ConfigError
from mmseg.registry import MODELS
from mmseg.utils.class_names import get_classes
from mmseg.utils.get_templates import get_predefined_templates
from mmseg.utils.tokenizer import tokenize


@ROOT_MODELS.register_module()  # activations are built from the scope in force, whatever it is
class QuickGELU(nn.Module):
    """`x * sigmoid(1.702 * x)`, what CLIP takes for GELU."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


@MODELS.register_module()
class CLIPTextEncoder(BaseModule):
    """Names of classes to the vectors that pixels or masks are compared with. Only `bg_embed` is trained.

    Args:
        dataset_name: the classes of this dataset (`mmseg.utils.get_classes`), without "background".
        vocabulary: instead of it, the names themselves.
        templates: sentences around the names: a set of `get_predefined_templates`, or a list of them. The vectors of
            all sentences are averaged.
        total_vocab_size: number of tokens.
        context_length: tokens of a sentence at most.
        output_dims: of the vectors.
        cache_feature: keep the vectors until weights are loaded or moved.
        cat_bg: append a learned vector for no class.
    """

    attn_mask: Tensor

    def __init__(
        self,
        dataset_name: str | None = None,
        vocabulary: list[str] | None = None,
        templates: str | Sequence[str] = 'vild',
        total_vocab_size: int = 49408,
        context_length: int = 77,
        embed_dims: int = 512,
        num_layers: int = 12,
        num_heads: int = 8,
        mlp_ratio: int = 4,
        output_dims: int = 512,
        cache_feature: bool = True,
        cat_bg: bool = True,
        norm_cfg: dict = {'type': 'LN'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        if (dataset_name is None) == (vocabulary is None):
            raise ConfigError(
                f'CLIPTextEncoder needs dataset_name or vocabulary, not both: dataset_name={dataset_name!r}, '
                f'vocabulary={vocabulary!r}.'
            )
        self.dataset_name = dataset_name
        self.vocabulary = vocabulary
        self.templates = get_predefined_templates(templates) if isinstance(templates, str) else templates
        self.num_heads = num_heads
        self.context_length = context_length
        self.cache_feature = cache_feature
        self.cache: dict[tuple[str, ...], Tensor] = {}

        self.positional_embedding = nn.Parameter(torch.empty(context_length, embed_dims))
        self.text_projection = nn.Parameter(torch.empty(embed_dims, output_dims))
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        self.cat_bg = cat_bg
        if cat_bg:
            self.bg_embed = nn.Parameter(torch.randn(1, output_dims))
        self.token_embedding = nn.Embedding(total_vocab_size, embed_dims)
        layer: dict[str, Any] = {
            'attn_cfgs': {'type': 'MultiheadAttention', 'embed_dims': embed_dims, 'num_heads': num_heads, 'bias': True},
            'ffn_cfgs': {
                'type': 'FFN',
                'embed_dims': embed_dims,
                'feedforward_channels': mlp_ratio * embed_dims,
                'act_cfg': {'type': 'QuickGELU'},
            },
            'norm_cfg': norm_cfg,
            'operation_order': ('norm', 'self_attn', 'norm', 'ffn'),
        }
        self.transformer: Any = ModuleList([BaseTransformerLayer(**layer) for _ in range(num_layers)])
        self.ln_final = build_norm_layer(norm_cfg, embed_dims)[1]
        # A token sees itself and those before it.
        future = torch.full((context_length, context_length), float('-inf')).triu(1)
        self.register_buffer('attn_mask', future, persistent=False)
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name == 'bg_embed')
        self.init_own_weights()

    def init_own_weights(self) -> None:
        """What no layer initialises."""
        width = self.positional_embedding.shape[1]
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=width**-0.5)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        if self.cat_bg:
            nn.init.normal_(self.bg_embed, std=self.bg_embed.shape[1] ** -0.5)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self.cache.clear()
        super()._load_from_state_dict(*args, **kwargs)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        self.cache.clear()
        return super()._apply(fn, recurse)

    @torch.no_grad()
    def encode_text(self, text: Tensor, normalize: bool = False) -> Tensor:
        """Tokens `(N, L)` to vectors `(N, output_dims)`, taken at the end of each sentence."""
        ends = text.argmax(dim=-1)  # the token of the end is the largest
        # What is behind all ends is seen by none.
        text = text[:, : int(ends.max()) + 1]
        length = text.shape[1]
        x = (self.token_embedding(text) + self.positional_embedding[:length]).transpose(0, 1)
        for block in self.transformer:
            x = block(x, attn_masks=self.attn_mask[:length, :length])
        x = self.ln_final(x.transpose(0, 1))
        x = x[torch.arange(len(x), device=x.device), ends] @ self.text_projection
        return F.normalize(x, dim=-1) if normalize else x

    def template_encode(self, vocabulary: Sequence[str]) -> Tensor:
        """Vectors `(N, output_dims)` of length 1, the mean over all templates, of N names."""
        device = self.text_projection.device
        total = []
        for template in self.templates:
            tokens = tokenize([template.format(name) for name in vocabulary], self.context_length)
            total.append(self.encode_text(tokens.to(device), normalize=True))
        return F.normalize(torch.stack(total).mean(0), dim=-1)

    def class_names(self) -> tuple[str, ...]:
        """The names that are encoded."""
        if self.dataset_name is None:
            return tuple(self.vocabulary or ())
        return tuple(name for name in get_classes(self.dataset_name) if name != 'background')

    def forward(self) -> Tensor:
        """Vectors of the classes, and of no class if there is one: `(C [+ 1], output_dims)`, scaled for logits."""
        names = self.class_names()
        embeds = self.cache.get(names)
        if embeds is None:
            embeds = self.template_encode(names)
            if self.cache_feature:
                self.cache[names] = embeds
        if self.cat_bg:
            embeds = torch.cat([embeds, F.normalize(self.bg_embed, dim=-1)])
        return self.logit_scale.exp() * embeds

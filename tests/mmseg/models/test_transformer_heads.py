from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmengine.utils.errors import ConfigError
from mmseg.models import (
    DPTHead,
    Feature2Pyramid,
    MLANeck,
    SegmenterMaskTransformerHead,
    SETRMLAHead,
    SETRUPHead,
)

BN = {'type': 'BN'}


def maps(num: int, channels: int = 8, size: tuple[int, int] = (4, 6)) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, channels, *size, generator=generator) for _ in range(num)]


def check_gradients(module: nn.Module, outs: Any) -> None:
    generator = torch.Generator().manual_seed(1)
    outs = [outs] if isinstance(outs, Tensor) else outs
    sum((out * torch.randn(out.shape, generator=generator)).sum() for out in outs).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


class TestFeature2Pyramid:
    def test_scales(self) -> None:
        neck = Feature2Pyramid(8, norm_cfg=BN)
        outs = neck(maps(4))
        assert [out.shape[2:] for out in outs] == [(16, 24), (8, 12), (4, 6), (2, 3)]
        assert outs[2].equal(maps(4)[2])
        check_gradients(neck, outs)
        outs = Feature2Pyramid(8, rescales=[2, 1, 0.5, 0.25], norm_cfg=BN)(maps(4))
        assert [out.shape[2:] for out in outs] == [(8, 12), (4, 6), (2, 3), (1, 1)]

    def test_wrong_arguments(self) -> None:
        with pytest.raises(ConfigError, match='rescales'):
            Feature2Pyramid(8, rescales=[3], norm_cfg=BN)
        with pytest.raises(ConfigError, match='4 rescales'):
            Feature2Pyramid(8, norm_cfg=BN)(maps(2))


def test_mla_neck_sums_from_the_last_input() -> None:
    neck = MLANeck([8, 8, 8], 4)
    inputs = maps(3)
    outs = neck(inputs)
    assert [out.shape for out in outs] == [(2, 4, 4, 6)] * 3
    changed = [inputs[0] * 2 + 1, inputs[1].flip(0), inputs[2]]
    assert neck(changed)[0].equal(outs[0])  # the first output is of the last input alone
    assert not torch.allclose(neck(changed)[1], outs[1])
    # Inputs are normalised, so that their scale does not matter.
    torch.testing.assert_close(neck([x * 10 for x in inputs]), outs, rtol=1e-3, atol=1e-4)
    check_gradients(neck, outs)


class TestSETR:
    def test_upsampling(self) -> None:
        head = SETRUPHead(in_channels=8, channels=6, num_classes=5, num_convs=3, up_scale=2, norm_cfg=BN)
        out = head(maps(2))
        assert out.shape == (2, 5, 32, 48)
        check_gradients(head, out)
        naive = SETRUPHead(in_channels=8, channels=6, num_classes=5, kernel_size=1, in_index=0)
        assert naive.up_convs[0][0].conv.kernel_size == (1, 1) and naive(maps(2)).shape == (2, 5, 16, 24)
        with pytest.raises(ConfigError, match='kernel_size'):
            SETRUPHead(in_channels=8, channels=6, num_classes=5, kernel_size=5)

    def test_mla(self) -> None:
        shared: dict[str, Any] = {'in_channels': [8, 8], 'in_index': [0, 1], 'num_classes': 5, 'mla_channels': 6}
        head = SETRMLAHead(channels=12, norm_cfg=BN, **shared)
        out = head(maps(2))
        assert out.shape == (2, 5, 16, 24)
        check_gradients(head, out)
        with pytest.raises(ConfigError, match='mla_channels'):
            SETRMLAHead(channels=10, **shared)


class TestSegmenter:
    def head(self, **kwargs: Any) -> SegmenterMaskTransformerHead:
        sizes = {'in_channels': 8, 'channels': 8, 'num_classes': 5, 'num_layers': 2, 'num_heads': 2, 'embed_dims': 12}
        return SegmenterMaskTransformerHead(**{**sizes, **kwargs})

    def test_logits(self) -> None:
        head = self.head(drop_path_rate=0.0)
        head.init_weights()
        out = head(maps(1))
        assert out.shape == (2, 5, 4, 6) and not hasattr(head, 'conv_seg')
        check_gradients(head, out)

    def test_logits_are_cosines_to_the_tokens_of_classes(self) -> None:
        head = self.head(num_layers=0).eval()
        x = maps(1)
        patches = head.patch_proj(head.decoder_norm(head.dec_proj(x[0].permute(0, 2, 3, 1))))
        classes = head.classes_proj(head.decoder_norm(head.cls_emb))[0]
        cosines = F.cosine_similarity(patches[..., None, :], classes, dim=-1)
        torch.testing.assert_close(head(x), head.mask_norm(cosines).permute(0, 3, 1, 2))

    def test_initial_weights(self) -> None:
        head = self.head(init_std=0.1)
        head.init_weights()
        assert 0.05 < head.cls_emb.std() < 0.2 and 0.05 < head.patch_proj.weight.std() < 0.2


class TestDPT:
    def head(self, **kwargs: Any) -> DPTHead:
        sizes: dict[str, Any] = {
            'in_channels': (8,) * 4,
            'in_index': (0, 1, 2, 3),
            'input_transform': 'multiple_select',
            'channels': 6,
            'embed_dims': 8,
            'post_process_channels': [4, 4, 8, 8],
            'num_classes': 5,
        }
        return DPTHead(**{**sizes, **kwargs})

    def inputs(self) -> list[list[Tensor]]:
        return [[x, x.mean(dim=(2, 3)) + 1] for x in maps(4)]

    @pytest.mark.parametrize('readout', ['ignore', 'add', 'project'])
    def test_logits(self, readout: str) -> None:
        head = self.head(readout_type=readout)
        out = head(self.inputs())
        assert out.shape == (2, 5, 32, 48)
        check_gradients(head, out)
        head.eval()
        out = head(self.inputs())
        changed = [[x, token + 1] for x, token in self.inputs()]
        assert torch.equal(head(changed), out) == (readout == 'ignore')

    def test_adding_the_class_token(self) -> None:
        head = self.head(readout_type='add').eval()
        ignoring = self.head(readout_type='ignore').eval()
        ignoring.load_state_dict(head.state_dict())
        added = [[x + token[:, :, None, None], token] for x, token in self.inputs()]
        torch.testing.assert_close(head(self.inputs()), ignoring(added))

    def test_options(self) -> None:
        assert self.head(expand_channels=True).post_process_channels == [4, 8, 32, 64]
        assert self.head(expand_channels=True, norm_cfg=None)(self.inputs()).shape == (2, 5, 32, 48)
        with pytest.raises(ConfigError, match='readout_type'):
            self.head(readout_type='sum')
        with pytest.raises(ConfigError, match='4 levels'):
            self.head(post_process_channels=[4, 4, 8])

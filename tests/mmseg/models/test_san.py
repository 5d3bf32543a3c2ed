"""SAN: its head, the text encoder of CLIP, and weights of CLIP."""

import gzip
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError
from mmseg.models import CLIPTextEncoder, MultimodalEncoderDecoder
from mmseg.models.decode_heads.san_head import MLPMaskDecoder, RecWithAttnbias, SideAdapterCLIPHead
from mmseg.models.segmentors.clip_weights import clip_weights
from mmseg.models.text_encoder import QuickGELU, clip_text_encoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils.tokenizer import SimpleTokenizer

CLASSES, DIMS, OUT = 3, 8, 6
SIDE, LAYERS = 64, 3


@pytest.fixture(autouse=True)
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vocabulary of single characters."""
    path = tmp_path / 'merges.txt.gz'
    path.write_bytes(gzip.compress(b'"version\n'))
    tokenizer = SimpleTokenizer(path)
    monkeypatch.setattr(clip_text_encoder, 'tokenize', tokenizer)


def text_encoder(**kwargs: Any) -> CLIPTextEncoder:
    torch.manual_seed(0)
    cfg = {
        'vocabulary': ['cat', 'dog', 'car'],
        'templates': ['a {}', 'the {}.'],
        'total_vocab_size': 514,
        'context_length': 20,
        'embed_dims': DIMS,
        'output_dims': OUT,
        'num_layers': 2,
        'num_heads': 2,
        'mlp_ratio': 2,
    }
    return CLIPTextEncoder(**{**cfg, **kwargs})


def head(**maskgen: Any) -> dict:
    encoder = {'num_encode_layer': 4, 'num_heads': 2, 'mlp_ratio': 2}
    decoder = {
        'num_heads': 2,
        'num_layers': 1,
        'embed_channels': 4,
        'mlp_channels': 4,
        'num_mlp': 2,
        'rescale': True,
    }
    match_costs = [
        {'type': 'ClassificationCost', 'weight': 2.0},
        {'type': 'CrossEntropyLossCost', 'weight': 5.0},
        {'type': 'DiceCost', 'weight': 5.0, 'pred_act': True, 'eps': 1.0},
    ]
    return {
        'type': 'SideAdapterCLIPHead',
        'num_classes': CLASSES,
        'deep_supervision_idxs': [3],
        'san_cfg': {
            'in_channels': 3,
            'clip_channels': DIMS,
            'embed_dims': 4,
            'patch_size': 16,
            'patch_bias': True,
            'num_queries': 5,
            'cfg_encoder': encoder,
            'fusion_index': [0, 1],
            'cfg_decoder': decoder,
        },
        'maskgen_cfg': {
            'sos_token_num': 5,
            'num_layers': 2,
            'embed_dims': DIMS,
            'num_heads': 2,
            'mlp_ratio': 2,
            'out_dims': OUT,
            'act_cfg': {'type': 'QuickGELU'},
            **maskgen,
        },
        'train_cfg': {
            'num_points': 32,
            'oversample_ratio': 3.0,
            'importance_sample_ratio': 0.75,
            'assigner': {'type': 'HungarianAssigner', 'match_costs': match_costs},
        },
        'loss_decode': [
            {'type': 'CrossEntropyLoss', 'loss_name': 'loss_cls_ce', 'class_weight': [1.0] * CLASSES + [0.1]},
            {'type': 'CrossEntropyLoss', 'use_sigmoid': True, 'loss_name': 'loss_mask_ce'},
            {'type': 'DiceLoss', 'ignore_index': None, 'naive_dice': True, 'eps': 1, 'loss_name': 'loss_mask_dice'},
        ],
    }


def image_encoder() -> dict:
    return {
        'type': 'VisionTransformer',
        'img_size': (32, 32),
        'patch_size': 16,
        'embed_dims': DIMS,
        'num_layers': LAYERS,
        'num_heads': 2,
        'mlp_ratio': 2,
        'out_origin': True,
        'out_indices': (LAYERS - 1,),
        'with_cls_token': True,
        'output_cls_token': True,
        'patch_bias': False,
        'patch_pad': 0,
        'pre_norm': True,
        'act_cfg': {'type': 'QuickGELU'},
        'interpolate_mode': 'bicubic',
        'frozen_exclude': ['pos_embed'],
    }


def segmentor(**kwargs: Any) -> MultimodalEncoderDecoder:
    torch.manual_seed(0)
    text = {'vocabulary': ['cat', 'dog', 'car'], 'templates': ['a {}'], 'total_vocab_size': 514, 'context_length': 20}
    text |= {'embed_dims': DIMS, 'output_dims': OUT, 'num_layers': 2, 'num_heads': 2, 'mlp_ratio': 2}
    cfg = {
        'type': 'MultimodalEncoderDecoder',
        'asymetric_input': True,
        'encoder_resolution': 0.5,
        'image_encoder': image_encoder(),
        'text_encoder': {'type': 'CLIPTextEncoder', **text},
        'decode_head': head(),
        'test_cfg': {'mode': 'whole'},
    }
    return MODELS.build({**cfg, **kwargs})


def samples(label: Tensor) -> list[SegDataSample]:
    result = []
    for each in label:
        sample = SegDataSample(metainfo={'img_shape': (SIDE, SIDE), 'pad_shape': (SIDE, SIDE), 'ori_shape': (50, 60)})
        sample.gt_sem_seg = PixelData(data=each[None])
        result.append(sample)
    return result


def test_losses_reach_what_is_trained() -> None:
    model = segmentor()
    model.init_weights()
    label = torch.randint(0, CLASSES, (2, SIDE, SIDE))
    label[1] = 255
    losses = model.loss(torch.randn(2, 3, SIDE, SIDE), samples(label))
    names = {'loss_cls_ce', 'loss_mask_ce', 'loss_mask_dice'}
    assert set(losses) == {f'decode.{name}' for name in names} | {f'decode.d3.{name}' for name in names}
    sum(losses.values()).backward()  # type: ignore[union-attr]
    for name, parameter in model.named_parameters():
        frozen = name.startswith(('text_encoder.', 'decode_head.rec_with_attnbias.')) or (
            name.startswith('image_encoder.') and 'pos_embed' not in name
        )
        assert parameter.requires_grad != (frozen and 'bg_embed' not in name), name
        assert (parameter.grad is not None) == parameter.requires_grad, name


def test_predictions_come_back_to_the_original_image() -> None:
    model = segmentor().eval()
    label = torch.full((1, SIDE, SIDE), 255)
    (sample,) = model.predict(torch.randn(1, 3, SIDE, SIDE), samples(label))
    assert sample.seg_logits.data.shape == (CLASSES, 50, 60) and sample.pred_sem_seg.data.shape == (1, 50, 60)
    masks, logits = model(torch.randn(1, 3, SIDE, SIDE), mode='tensor')
    assert masks[0].shape == (1, 5, 4, 4) and logits[0].shape == (1, 5, CLASSES + 1)
    model.test_cfg = {'mode': 'slide', 'crop_size': (32, 32), 'stride': (32, 32)}
    assert model.inference(torch.randn(1, 3, SIDE, SIDE), [sample.metainfo]).shape == (1, CLASSES, SIDE, SIDE)


def test_a_batch_without_any_class() -> None:
    losses = segmentor().loss(torch.randn(1, 3, SIDE, SIDE), samples(torch.full((1, SIDE, SIDE), 255)))
    assert losses['decode.loss_mask_ce'] == losses['decode.loss_mask_dice'] == 0 < losses['decode.loss_cls_ce']


def test_images_of_another_size_than_the_position_embedding() -> None:
    model: SideAdapterCLIPHead = MODELS.build(head())
    clip = [[torch.randn(1, DIMS, 2, 2), torch.randn(1, DIMS)]] * 2
    masks, logits = model([torch.randn(1, 3, 32, 48), clip, torch.randn(4, OUT)], [1, 2])
    assert [tuple(mask.shape) for mask in masks] == [(1, 5, 2, 3)] * 3 and len(logits) == 3


@pytest.mark.parametrize('sos', ['cls_token', 'learnable_token', 'pos_embedding'])
def test_mask_tokens_are_seen_by_no_other_and_look_where_they_should(sos: str) -> None:
    torch.manual_seed(0)
    rec = RecWithAttnbias(sos, 2, num_layers=2, embed_dims=DIMS, num_heads=2, mlp_ratio=1, out_dims=OUT).eval()
    assert {name for name, p in rec.named_parameters() if p.requires_grad} == (
        set() if sos == 'cls_token' else {'sos_token'}
    )
    feature = [torch.randn(1, DIMS, 2, 2), torch.randn(1, DIMS)]
    bias = torch.zeros(1, 1, 2, 4, 4)
    out = rec([bias], feature)
    torch.testing.assert_close(out.norm(dim=-1), torch.ones(1, 2))
    other = bias.clone()
    other[:, :, 0, :2, :2] = 5.0  # the first token looks at one corner
    changed = rec([other], feature)
    assert not torch.allclose(out[:, 0], changed[:, 0])
    torch.testing.assert_close(out[:, 1], changed[:, 1])


def test_unknown_options_are_named() -> None:
    with pytest.raises(ConfigError, match='sos_token_format'):
        RecWithAttnbias('cls')
    with pytest.raises(ConfigError, match='dataset_name or vocabulary'):
        text_encoder(dataset_name='voc')
    with pytest.raises(ConfigError, match='vild'):
        text_encoder(templates='clip')
    cfg = head()
    cfg['loss_decode'] = [{'type': 'CrossEntropyLoss', 'loss_name': 'loss_ce'}]
    model: SideAdapterCLIPHead = MODELS.build(cfg)
    clip = [[torch.randn(1, DIMS, 2, 2), torch.randn(1, DIMS)]] * 2
    with pytest.raises(ConfigError, match="'loss_ce'"):
        model.loss([torch.randn(1, 3, 64, 64), clip, torch.randn(4, OUT)], samples(torch.zeros(1, 64, 64).long()), {})


def test_masks_and_biases_are_products() -> None:
    decoder = MLPMaskDecoder(in_channels=4, total_heads=2, total_layers=3, embed_channels=4, mlp_num_layers=1)
    query, pixels = torch.randn(2, 5, 4), torch.randn(2, 4, 3, 3)
    masks, biases = decoder(query, pixels)
    assert masks.shape == (2, 5, 3, 3) and [tuple(b.shape) for b in biases] == [(2, 2, 5, 3, 3)] * 3
    q = decoder.query_mlp(query)
    torch.testing.assert_close(masks, torch.einsum('bqc,bchw->bqhw', q, decoder.pix_mlp(pixels)))
    second = decoder.attn_mlp(pixels)[:, 4:8]  # of the first layer, the second head
    torch.testing.assert_close(biases[0][:, 1], torch.einsum('bqc,bchw->bqhw', q, second))


# ------------------------------------------------------------------ text


def test_vectors_of_classes() -> None:
    encoder = text_encoder()
    out = encoder()
    assert out.shape == (4, OUT) and out.requires_grad
    torch.testing.assert_close(out.norm(dim=-1), torch.full((4,), encoder.logit_scale.exp().item()))
    assert text_encoder(cat_bg=False)().shape == (3, OUT)
    by_name = text_encoder(vocabulary=None, dataset_name='voc', templates='vild')
    assert len(by_name.class_names()) == 20 and 'background' not in by_name.class_names()
    assert len(by_name.templates) == 14


def test_the_length_of_the_context_and_the_other_sentences_do_not_matter() -> None:
    encoder = text_encoder()
    tokens = clip_text_encoder.tokenize(['a cat', 'the very big dog'], 20)  # type: ignore[arg-type]
    both = encoder.encode_text(tokens)
    alone = encoder.encode_text(tokens[:1])
    torch.testing.assert_close(both[:1], alone)


def test_vectors_are_kept_until_the_weights_change() -> None:
    encoder = text_encoder()
    first = encoder()
    encoder.token_embedding.weight.data.mul_(-1)
    assert torch.equal(encoder(), first)
    encoder.load_state_dict(encoder.state_dict())
    second = encoder()
    assert not torch.equal(second, first)
    encoder.vocabulary = ['bus']
    assert encoder().shape == (2, OUT)
    assert encoder.double()().dtype == torch.float64
    fresh = text_encoder(cache_feature=False)
    fresh()
    assert not fresh.cache


def test_quick_gelu() -> None:
    x = torch.linspace(-3, 3, 7)
    torch.testing.assert_close(QuickGELU()(x), x * torch.sigmoid(1.702 * x))
    assert isinstance(MODELS.build({'type': 'QuickGELU'}), QuickGELU)


# ------------------------------------------------------------------ weights


def openai_state(model: MultimodalEncoderDecoder) -> dict[str, Tensor]:
    """A state dict as OpenAI's, with the values of that model, whose image encoder and head make one transformer."""
    block = {'in_proj_': 'attn.in_proj_', 'out_proj.': 'attn.out_proj.'}
    state: dict[str, Tensor] = {'context_length': torch.tensor(20), 'input_resolution': torch.tensor(32)}
    for key, value in model.state_dict().items():
        part, _, name = key.partition('.')
        if part == 'decode_head' and not name.startswith('rec_with_attnbias.'):
            continue
        if key == 'text_encoder.bg_embed':
            continue
        for ours, theirs in block.items():
            name = name.replace(f'attentions.0.attn.{ours}', theirs).replace(f'attn.attn.{ours}', theirs)
        for ours, theirs in (
            ('norms.0.', 'ln_1.'),
            ('norms.1.', 'ln_2.'),
            ('ffns.0.layers.0.0.', 'mlp.c_fc.'),
            ('ffns.0.layers.1.', 'mlp.c_proj.'),
            ('ffn.layers.0.0.', 'mlp.c_fc.'),
            ('ffn.layers.1.', 'mlp.c_proj.'),
            ('ln1.', 'ln_1.'),
            ('ln2.', 'ln_2.'),
        ):
            name = name.replace(ours, theirs)
        if part == 'text_encoder':
            state[name.replace('transformer.', 'transformer.resblocks.')] = value
        elif part == 'image_encoder':
            name = name.replace('layers.', 'transformer.resblocks.').replace('patch_embed.projection.', 'conv1.')
            value = value[0, 0] if name == 'cls_token' else value[0] if name == 'pos_embed' else value
            name = {'cls_token': 'class_embedding', 'pos_embed': 'positional_embedding'}.get(name, name)
            state[f'visual.{name}'] = value
        elif '.layers.' in name:
            number, _, rest = name.removeprefix('rec_with_attnbias.layers.').partition('.')
            state[f'visual.transformer.resblocks.{int(number) + LAYERS}.{rest}'] = value
        elif name == 'rec_with_attnbias.proj.weight':
            state['visual.proj'] = value.T
        else:
            state[name.replace('rec_with_attnbias.', 'visual.')] = value
    return state


def test_weights_of_openai_find_their_places(tmp_path: Path) -> None:
    source = segmentor()
    state = openai_state(source)
    torch.save(state, tmp_path / 'clip.pth')
    torch.manual_seed(1)
    model = segmentor(pretrained=str(tmp_path / 'clip.pth'))
    torch.nn.init.normal_(model.image_encoder.cls_token)
    model.init_weights()
    expected = source.state_dict()
    own = ('decode_head.side_adapter_network.', 'text_encoder.bg_embed')
    for key, value in model.state_dict().items():
        if not key.startswith(own):
            assert torch.equal(value, expected[key]), key


def test_layers_behind_those_of_the_encoder_go_to_the_head() -> None:
    state = {
        'image_encoder.layers.2.ln1.weight': torch.ones(1),
        'image_encoder.layers.3.attn.attn.in_proj_bias': torch.ones(2),
        'image_encoder.layers.4.ffn.layers.0.0.bias': torch.ones(3),
        'image_encoder.ln_post.bias': torch.ones(4),
        'image_encoder.proj': torch.ones(5, 6),
        'decode_head.rec_with_attnbias.ln_post.weight': torch.ones(7),
    }
    found = clip_weights(state, num_layers=3)
    assert {key: tuple(value.shape) for key, value in found.items()} == {
        'image_encoder.layers.2.ln1.weight': (1,),
        'decode_head.rec_with_attnbias.layers.0.attentions.0.attn.in_proj_bias': (2,),
        'decode_head.rec_with_attnbias.layers.1.ffns.0.layers.0.0.bias': (3,),
        'decode_head.rec_with_attnbias.ln_post.bias': (4,),
        'decode_head.rec_with_attnbias.proj.weight': (6, 5),
        'decode_head.rec_with_attnbias.ln_post.weight': (7,),
    }

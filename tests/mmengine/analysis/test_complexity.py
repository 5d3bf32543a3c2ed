"""Costs of models, against numbers that follow from shapes (and that the published package gives)."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmengine.analysis import (
    ActivationAnalyzer,
    FlopAnalyzer,
    activation_count,
    flop_count,
    get_model_complexity_info,
    parameter_count,
    parameter_count_table,
)
from mmengine.analysis.print_helper import _format_size


class Everything(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, stride=2)
        self.bn = nn.BatchNorm2d(8)
        self.act = nn.ReLU()
        self.dw = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.ln = nn.LayerNorm(8)
        self.attn = nn.MultiheadAttention(8, 2, batch_first=True)
        self.fc = nn.Linear(8, 5, bias=False)
        self.gn = nn.GroupNorm(2, 8)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)

    def forward(self, x: torch.Tensor) -> tuple:
        x = self.gn(self.dw(self.act(self.bn(self.conv(x)))))
        y = F.interpolate(self.up(x), scale_factor=2, mode='bilinear')
        t = self.ln(x.flatten(2).transpose(1, 2))
        t = self.attn(t, t, t)[0]
        return (
            self.fc(t),
            F.adaptive_avg_pool2d(y, 1),
            torch.einsum('bnc,bmc->bnm', t, t),
            t @ t.transpose(1, 2),
            F.softmax(t, -1),
        )


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = self.a
        self.heads = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.heads[0](self.a(x) + self.b(y))


def quiet(analysis: FlopAnalyzer | ActivationAnalyzer) -> FlopAnalyzer | ActivationAnalyzer:
    return analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)


def test_flops_by_operator_and_module() -> None:
    flops = quiet(FlopAnalyzer(Everything().eval(), torch.randn(1, 3, 16, 16)))
    assert flops.by_operator() == {
        'bmm': 65536,
        'einsum': 64 * 64 * 8,
        'matmul': 64 * 64 * 8,
        'conv': 13824 + 4608 + 8192,
        'linear': 18944,
        'upsample_bilinear2d': 4 * 4 * 32 * 32,
        'adaptive_avg_pool2d': 4096,
        'group_norm': 2560,
        'layer_norm': 2560,
        'batch_norm': 1024,
    }
    assert flops.total() == sum(flops.by_operator().values())
    assert flops.by_module()['attn'] == flops.total('attn') == 81920
    assert flops.by_module()['up'] == 8192
    assert flops.unsupported_ops()['aten::_softmax'] == 2
    assert flops.uncalled_modules() == {'attn.out_proj'}


def test_activations_are_outputs_of_convolutions_and_products() -> None:
    acts = quiet(ActivationAnalyzer(Everything().eval(), torch.randn(1, 3, 16, 16)))
    assert acts.by_operator() == {'bmm': 8704, 'einsum': 4096, 'matmul': 4096, 'linear': 2368, 'conv': 2048}


def test_attention_counts_as_its_two_products() -> None:
    class Attention(nn.Module):
        def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            return F.scaled_dot_product_attention(q, k, v)

    q, k, v = torch.randn(2, 3, 5, 8), torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 8)
    assert FlopAnalyzer(Attention(), (q, k, v)).total() == 2 * 3 * (5 * 7 * 8 + 5 * 7 * 8)


@pytest.mark.parametrize(
    ('equation', 'shapes', 'flops'),
    [
        ('ij,jk->ik', [(2, 3), (3, 4)], 24),
        ('ij,jk', [(2, 3), (3, 4)], 24),
        ('...ij,...jk->...ik', [(5, 2, 3), (5, 3, 4)], 120),
        ('ij->ji', [(2, 3)], 0),
        ('ij,jk,kl->il', [(2, 3), (3, 4), (4, 5)], 24 + 2 * 4 * 5),
    ],
)
def test_einsum(equation: str, shapes: list, flops: int) -> None:
    class Einsum(nn.Module):
        def forward(self, *operands: torch.Tensor) -> torch.Tensor:
            return torch.einsum(equation, *operands)

    assert FlopAnalyzer(Einsum(), tuple(torch.randn(s) for s in shapes)).total() == flops


@pytest.mark.parametrize(
    ('training', 'affine', 'per_element'), [(True, True, 5), (True, False, 4), (False, True, 2), (False, False, 1)]
)
def test_batch_norm(training: bool, affine: bool, per_element: int) -> None:
    norm = nn.BatchNorm2d(2, affine=affine).train(training)
    assert FlopAnalyzer(norm, torch.randn(2, 2, 3, 3)).total() == per_element * 36


def test_shared_modules_count_under_their_first_name() -> None:
    flops = quiet(FlopAnalyzer(Shared(), (torch.randn(2, 4), torch.randn(2, 4))))
    assert flops.by_module() == Counter({'': 80, 'a': 64, 'heads': 16, 'heads.0': 16, 'heads.1': 0})
    assert flops.canonical_module_name('b') == 'a'
    assert flops.total('b') == 64
    assert flops.uncalled_modules() == {'heads.1'}
    with pytest.raises(KeyError, match='no module'):
        flops.total('nothing')


def test_caller_mode_follows_the_calls() -> None:
    class Borrowing(nn.Module):
        def __init__(self, other: nn.Module) -> None:
            super().__init__()
            self.lent = [other]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.lent[0](x)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 3)
            self.user = Borrowing(self.fc)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.user(x)

    analysis = FlopAnalyzer(Model(), torch.randn(1, 2))
    assert analysis.total('user') == 0
    assert analysis.ancestor_mode('caller').total('user') == 6
    with pytest.raises(ValueError, match='ancestor mode'):
        analysis.ancestor_mode('x')


def test_own_handles() -> None:
    model, x = nn.Sequential(nn.Linear(2, 3), nn.GELU()), torch.randn(4, 2)
    analysis = FlopAnalyzer(model, x).set_op_handle('aten::gelu', lambda i, o: 7 * o[0].numel(), 'aten::linear', None)
    assert analysis.by_operator() == {'gelu': 84}
    named = analysis.copy().set_op_handle('aten::gelu', lambda i, o: Counter(erf=2))
    assert named.by_operator() == {'erf': 2}
    assert analysis.clear_op_handles().total() == 0


def test_an_analysis_leaves_the_model_as_it_was() -> None:
    model = Everything().eval()
    before = torch.backends.mha.get_fastpath_enabled()
    get_model_complexity_info(model, (3, 16, 16))
    assert torch.backends.mha.get_fastpath_enabled() == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert not model(torch.randn(1, 3, 16, 16))[0].is_inference()


def test_what_is_not_counted_is_said_once(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture) -> None:
    analysis = FlopAnalyzer(Shared(), (torch.randn(2, 4), torch.randn(2, 4)))
    analysis.total()
    analysis.total()
    said = caplog.text + ''.join(capsys.readouterr())
    assert said.count('aten::add (1x)') == 1
    assert 'heads.1' in said


def test_parameter_count() -> None:
    counts = parameter_count(Shared())
    assert counts == {
        '': 40, 'a': 20, 'a.weight': 16, 'a.bias': 4, 'heads': 20, 'heads.0': 10, 'heads.0.weight': 8,
        'heads.0.bias': 2, 'heads.1': 10, 'heads.1.weight': 8, 'heads.1.bias': 2,
    }  # fmt: skip
    assert counts['unknown'] == 0
    table = parameter_count_table(Shared(), max_depth=1)
    assert '(4, 4)' in table
    assert 'heads.0' not in table


def test_counts_in_units() -> None:
    model, x = nn.Linear(100, 100), torch.randn(10, 100)
    assert flop_count(model, (x,))[0] == {'linear': 1e5 / 1e9}
    assert activation_count(model, (x,))[0] == {'linear': 1e3 / 1e6}
    totals, missed = flop_count(nn.GELU(), (x,), {'aten::gelu': lambda i, o: 5})
    assert totals == {'gelu': 5e-9}
    assert not missed


def test_complexity_info() -> None:
    info = get_model_complexity_info(Shared(), ((4,), (4,)))
    assert (info['flops'], info['activations'], info['params']) == (40, 10, 40)
    assert info['flops_str'] == '40'
    lines = [
        [cell.strip() for cell in line.strip('|').split('|')] for line in info['out_table'].split('\n') if '|' in line
    ]
    assert lines[0] == ['module', '#parameters or shape', '#flops', '#activations']
    assert ['a', '20', '32', '8'] in lines
    assert ['heads.1', '10', '', ''] in lines
    assert ['heads.0.weight', '(2, 4)', '', ''] in lines
    assert '#params: 10, #flops: N/A, #acts: N/A' in info['out_arch']
    assert '(b): Linear(in_features=4, out_features=4, bias=True)' in info['out_arch']


def test_chains_of_containers_are_one_row() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.ReLU(), nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU())))
    table = get_model_complexity_info(model, (3, 8, 8), show_arch=False)['out_table']
    assert ' 1.1.0 ' in table
    assert ' 1.1 ' not in table


def test_inputs_of_complexity_info_are_checked() -> None:
    model = Shared()
    given = (torch.randn(2, 4), torch.randn(2, 4))
    assert get_model_complexity_info(model, inputs=given, show_table=False, show_arch=False)['flops'] == 80
    with pytest.raises(ValueError, match='none'):
        get_model_complexity_info(model)
    with pytest.raises(ValueError, match='both'):
        get_model_complexity_info(model, (3, 4), given)
    with pytest.raises(ValueError, match='tuple of int'):
        get_model_complexity_info(model, [3, 4])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('number', 'text'),
    [
        (0, '0'),
        (99, '99'),
        (123, '0.123K'),
        (1234, '1.234K'),
        (999999, '1M'),
        (123456789, '0.123G'),
        (2.5e12, '2.5T'),
        (7.7e15, '7.7P'),
    ],
)
def test_format_size(number: int, text: str) -> None:
    assert _format_size(number) == text
    assert _format_size(0, hide_zero=True) == ''
    assert _format_size(1234, sig_figs=2) == '1.23K'
    assert _format_size(1234567, sig_figs=0) == '1M'

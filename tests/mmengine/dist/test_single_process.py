import os
from collections import namedtuple
from datetime import timedelta

import pytest
import torch
from torch import distributed as torch_dist

from mmengine import dist


def test_collectives_without_a_process_group_are_identities() -> None:
    data = torch.arange(3.0)
    for op in ('sum', 'MEAN', 'product', 'min', 'max'):
        dist.all_reduce(data, op)
    dist.broadcast(data)
    mapping = {'a': data}
    dist.all_reduce_dict(mapping)
    dist.all_reduce_params(iter([data]))
    objects = [1, 'a']
    dist.broadcast_object_list(objects)
    dist.barrier()
    assert data.tolist() == [0, 1, 2] and mapping['a'] is data and objects == [1, 'a']
    assert dist.all_gather(data) == [data] and dist.gather(data) == [data]
    assert dist.all_gather_object(3) == [3] == dist.gather_object(3)
    for device in ('cpu', 'gpu'):
        assert dist.collect_results([1, 2, 3], 2, device) == [1, 2]
    assert 0 <= dist.sync_random_seed() < 2**31


def test_who_am_i_without_a_process_group() -> None:
    assert dist.get_dist_info() == (0, 1)
    assert (dist.get_local_rank(), dist.get_local_size()) == (0, 1)
    assert dist.is_main_process() and not dist.is_distributed()
    assert dist.get_backend() is dist.get_default_group() is dist.get_local_group() is None
    assert dist.get_comm_device() == torch.device('cpu')
    assert dist.master_only(lambda x: x + 1)(2) == 3


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="'sum', 'mean'.*'median'"):
        dist.all_reduce(torch.ones(1), 'median')
    with pytest.raises(ValueError, match='xpu'):
        dist.collect_results([], 0, device='xpu')
    with pytest.raises(TypeError):
        dist.broadcast_object_list((1,))
    with pytest.raises(TypeError):
        dist.all_reduce_dict([1])


def test_nested_tensors_and_devices() -> None:
    Pair = namedtuple('Pair', 'a b')
    one = torch.ones(1)
    data = {'x': [one, (one,)], 'y': Pair(one, one)}
    assert dist.get_data_device(data) == torch.device('cpu')
    moved = dist.cast_data_device(data, torch.device('meta'))
    assert moved['x'][1][0].is_meta and type(moved['y']) is Pair
    target = [torch.zeros(1)]
    assert dist.cast_data_device([one], torch.device('cpu'), out=target)[0] is target[0]
    assert target[0] == 1
    with pytest.raises(ValueError, match='are none'):
        dist.get_data_device([])
    with pytest.raises(ValueError, match='several devices'):
        dist.get_data_device([one, one.to('meta')])
    for wrong in (3, 'text', [one, 3]):
        with pytest.raises(TypeError):
            dist.get_data_device(wrong)
        with pytest.raises(TypeError):
            dist.cast_data_device(wrong, torch.device('cpu'))
    with pytest.raises(ValueError, match='built like data'):
        dist.cast_data_device([one], torch.device('cpu'), out=[])


@pytest.fixture
def environ(monkeypatch):
    """An environment without a launcher; what init_dist sets in it is undone."""
    monkeypatch.setattr(os, 'environ', {k: v for k, v in os.environ.items() if 'RANK' not in k and 'SLURM' not in k})
    for name in ('WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        os.environ.pop(name, None)
    return os.environ


@pytest.mark.parametrize(
    ('variable', 'launcher'),
    [('WORLD_SIZE', 'pytorch'), ('SLURM_NTASKS', 'slurm'), ('OMPI_COMM_WORLD_LOCAL_RANK', 'mpi'), ('X', 'none')],
)
def test_infer_launcher(environ, variable: str, launcher: str) -> None:
    environ[variable] = '2'
    assert dist.infer_launcher() == launcher


def test_init_dist_by_slurm(environ, monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(torch_dist, 'init_process_group', lambda **kwargs: calls.append(kwargs))
    environ.update(SLURM_PROCID='3', SLURM_NTASKS='8', SLURM_LOCALID='1', MASTER_ADDR='host')
    dist.init_dist('slurm', backend='gloo', timeout=90, port=1234)
    assert calls == [{'backend': 'gloo', 'timeout': timedelta(seconds=90)}]
    names = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')
    assert [environ[name] for name in names] == ['3', '8', '1', 'host', '1234']


def test_init_dist_by_mpi(environ, monkeypatch) -> None:
    monkeypatch.setattr(torch_dist, 'init_process_group', lambda **kwargs: None)
    for name, value in (('RANK', '1'), ('SIZE', '2'), ('LOCAL_RANK', '0')):
        environ[f'OMPI_COMM_WORLD_{name}'] = value
    with pytest.raises(ValueError, match='MASTER_ADDR'):
        dist.init_dist('mpi')
    environ['MASTER_ADDR'] = 'host'
    dist.init_dist('mpi', backend='gloo')
    assert (environ['RANK'], environ['WORLD_SIZE'], environ['MASTER_PORT']) == ('1', '2', '29500')


def test_scontrol_tells_the_first_host(environ, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(torch_dist, 'init_process_group', lambda **kwargs: None)
    environ.update(SLURM_PROCID='3', SLURM_NTASKS='8', SLURM_LOCALID='1', SLURM_NODELIST='gpu[07-08]')
    stub = tmp_path / 'scontrol'
    environ['PATH'] = str(tmp_path)
    with pytest.raises(ValueError, match=r'gpu\[07-08\].*set MASTER_ADDR'):
        dist.init_dist('slurm', backend='gloo')
    stub.write_text('#!/bin/sh\n[ "$*" = "show hostnames gpu[07-08]" ] && printf "gpu07\\ngpu08\\n"\n')
    stub.chmod(0o755)
    dist.init_dist('slurm', backend='gloo')
    assert (environ['MASTER_ADDR'], environ['MASTER_PORT'], environ['LOCAL_RANK']) == ('gpu07', '29500', '1')
    del environ['MASTER_ADDR']
    stub.write_text('#!/bin/sh\necho "no such node" >&2; exit 1\n')
    with pytest.raises(ValueError, match='no such node'):
        dist.init_dist('slurm', backend='gloo')


def test_init_dist_by_the_launchers_of_mpich_and_intel(environ, monkeypatch) -> None:
    monkeypatch.setattr(torch_dist, 'init_process_group', lambda **kwargs: None)
    environ.update(PMI_RANK='1', PMI_SIZE='4', MPI_LOCALRANKID='1', MPI_LOCALNRANKS='2')
    assert dist.infer_launcher() == 'mpi'
    with pytest.raises(ValueError, match='MASTER_ADDR'):
        dist.init_dist('mpi', backend='gloo')
    environ['MPI_LOCALNRANKS'] = '4'  # all on this node, where rank 0 must be, too
    dist.init_dist('mpi', backend='gloo')
    names = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE', 'MASTER_ADDR')
    assert [environ[name] for name in names] == ['1', '4', '1', '4', '127.0.0.1']


@pytest.mark.skipif(torch.accelerator.is_available(), reason='the choice on a machine without accelerator')
def test_nccl_becomes_gloo_without_an_accelerator(environ, monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(torch_dist, 'init_process_group', lambda **kwargs: calls.append(kwargs))
    environ['RANK'] = '0'
    dist.init_dist('pytorch')
    assert calls == [{'backend': 'gloo'}]


def test_init_dist_says_what_is_missing(environ) -> None:
    with pytest.raises(ValueError, match="'mpi', 'pytorch', 'slurm'.*'ssh'"):
        dist.init_dist('ssh')
    with pytest.raises(ValueError, match='RANK, which is not set'):
        dist.init_dist('pytorch')
    environ['RANK'] = '0'
    with pytest.raises(ValueError, match='timeout'):
        dist.init_dist('pytorch', backend='gloo', timeout=-1)

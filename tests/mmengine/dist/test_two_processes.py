"""All collectives between two gloo processes. Each process asserts for itself; the test wants both to succeed."""

import os
import socket
import subprocess
import sys

import pytest

SCRIPT = """
import os
import torch
from torch import nn
from mmengine import dist

dist.init_dist('pytorch', timeout=60)
rank, world = dist.get_dist_info()
assert world == 2 and dist.is_distributed() and dist.get_backend() == 'gloo'
assert dist.is_main_process() == (rank == 0)
assert dist.get_local_rank() == rank and dist.get_local_size() == 2
assert dist.get_default_group() is not None and dist.get_comm_device().type == 'cpu'
assert dist.master_only(lambda: 'ran')() == ('ran' if rank == 0 else None)
dist.barrier()

expected = {'sum': 3.0, 'mean': 1.5, 'product': 2.0, 'min': 1.0, 'max': 2.0}
for op, value in expected.items():
    data = torch.full((2, 2), rank + 1.0)
    dist.all_reduce(data, op)
    assert torch.equal(data, torch.full((2, 2), value)), op
data = torch.tensor([rank + 1])  # integers: a mean is rounded down on the way back
dist.all_reduce(data, 'mean')
assert data.item() == 1
data = (torch.arange(6.0).reshape(2, 3) + rank).t()  # not contiguous
dist.all_reduce(data)
assert torch.equal(data, 2 * torch.arange(6.0).reshape(2, 3).t() + 1)
param = nn.Parameter(torch.full((2,), rank + 1.0))
dist.all_reduce(param)
dist.broadcast(param)
assert param.tolist() == [3, 3] and param.requires_grad

assert [t.tolist() for t in dist.all_gather(torch.tensor([rank]))] == [[0], [1]]
assert [t.tolist() for t in dist.gather(torch.tensor([rank]), dst=1)] == ([[0], [1]] if rank == 1 else [])
data = torch.tensor([rank + 5])
dist.broadcast(data, src=1)
assert data.item() == 6
assert len(set(dist.all_gather_object(dist.sync_random_seed()))) == 1

objects = [rank, {'rank': rank}]
dist.broadcast_object_list(objects)
assert objects == [0, {'rank': 0}]
assert dist.all_gather_object({'r': rank}) == [{'r': 0}, {'r': 1}]
assert dist.gather_object('ab'[rank]) == (['a', 'b'] if rank == 0 else None)

items = {'b': torch.tensor([1.0 + rank]), 'a': torch.tensor(2), 'c': torch.ones(2, 2, requires_grad=True)}
items = dict(reversed(items.items())) if rank else items  # the order of keys does not matter
dist.all_reduce_dict(items, 'sum')
assert items['b'].tolist() == [3] and items['a'].item() == 4 and items['c'].sum() == 8

for coalesce, bucket in ((True, -1), (True, 1), (False, -1)):
    params = [torch.full((n,), rank + 1.0) for n in (3, 300000)] + [torch.tensor([rank + 1.0]).double()]
    dist.all_reduce_params((p for p in params), coalesce, bucket, 'mean')
    assert all((p == 1.5).all() for p in params)

# Rank r evaluates samples r, r + 2, ...; the sampler repeated sample 0 to make shares equal.
share = [[0, 2, 4], [1, 3, 0]][rank]
for device in ('cpu', 'gpu'):
    assert dist.collect_results(share, 5, device) == ([0, 1, 2, 3, 4] if rank == 0 else None)
assert dist.collect_results(share[: 3 - rank], 5) == ([0, 1, 2, 3, 4] if rank == 0 else None)

dist.init_local_group(0, 2)
assert dist.get_local_group() is not None and dist.get_local_rank() == rank and dist.get_local_size() == 2
group = torch.distributed.new_group([1])
if rank == 1:
    data = torch.tensor([7])
    dist.all_reduce(data, group=group)
    assert data.item() == 7 and dist.get_dist_info(group) == (0, 1)
    dist.sync_random_seed(group)

from mmengine.logging import MMLogger
logger = MMLogger.get_instance('run', log_file=os.environ['LOG_FILE'], distributed=True)
logger.info('info of rank %d', rank)
logger.error('error of rank %d', rank)
dist.barrier()
torch.distributed.destroy_process_group()
"""


@pytest.mark.dist
def test_collectives_between_two_processes(tmp_path) -> None:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    common = {
        **os.environ,
        'MASTER_ADDR': '127.0.0.1',
        'MASTER_PORT': str(port),
        'WORLD_SIZE': '2',
        'LOCAL_WORLD_SIZE': '2',
        'OMP_NUM_THREADS': '1',
        'LOG_FILE': str(tmp_path / 'run.log'),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', SCRIPT],
            env={**common, 'RANK': str(rank), 'LOCAL_RANK': str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=120)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], '\n'.join(outputs)

    assert 'INFO - info of rank 0' in outputs[0] and 'error of rank 0' in outputs[0]
    assert 'info of rank 1' not in outputs[1] and 'error of rank 1' in outputs[1]
    files = sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == 2 and 'run.log' in files
    assert 'info of rank 0' in (tmp_path / 'run.log').read_text()
    (other,) = tmp_path.glob('run_*_rank1.log')
    assert 'info of rank 1' in other.read_text()

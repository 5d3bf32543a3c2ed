"""How long a training stands still while a checkpoint is written, and what verifying one costs.

    python benchmarks/checkpoint.py --megabytes 500

Both write the same checkpoint to the same folder, flushed to the disk, by turns: at once, and as `async_save` of
CheckpointHook does, which stops the training for a copy in the memory of the host. The first copy also has to get that
memory from the system, which takes several times longer; it is printed on its own. The training that goes on meanwhile
is not measured here.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import torch

from mmengine.checkpoint import save_checkpoint, verify_checkpoint
from mmengine.hooks.background_save import BackgroundWriter, Snapshots


def main() -> None:
    """Print the times and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--megabytes', type=int, default=500)
    parser.add_argument('--repeat', type=int, default=5)
    parser.add_argument('--folder', type=Path, help='where to write; the folder for temporary files by default')
    args = parser.parse_args()
    count = 100
    weights = {f'layer{i}.weight': torch.randn(args.megabytes * 10**6 // 4 // count) for i in range(count)}
    checkpoint = {'meta': {'iter': 1}, 'state_dict': weights}
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder, 'iter_1.pth')
        writer = BackgroundWriter()
        snapshots = Snapshots()
        times: dict[str, list[float]] = {'at once': [], 'in the background': [], 'verify': []}
        for number in range(1 + args.repeat):
            begun = time.perf_counter()
            save_checkpoint(checkpoint, path)
            at_once = time.perf_counter() - begun
            begun = time.perf_counter()
            copied = snapshots.take(checkpoint)
            writer.submit(partial(save_checkpoint, copied, path), str(path))
            stopped = time.perf_counter() - begun
            writer.wait()
            begun = time.perf_counter()
            verify_checkpoint(path)
            verified = time.perf_counter() - begun
            del copied
            if number == 0:
                print(f'first copy         {stopped * 1e3:8.1f} ms')
            else:
                for name, value in zip(times, (at_once, stopped, verified), strict=True):
                    times[name].append(value)
    middle = {name: statistics.median(values) for name, values in times.items()}
    for name, value in middle.items():
        print(f'{name:18} {value * 1e3:8.1f} ms   ({", ".join(f"{t * 1e3:.0f}" for t in times[name])})')
    print(f'training stands still for {middle["in the background"] / middle["at once"]:.1%} of the synchronous time')


if __name__ == '__main__':
    main()

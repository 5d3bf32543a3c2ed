"""The same measurement by this package and by the reference implementation, in turns, each in a process of its own.

A script that uses this must run unchanged where the reference is installed, for the names are the same.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import types
from collections.abc import Callable
from typing import Any


def main(description: str, measure: Callable[[argparse.Namespace], dict[str, Any]], **options: int) -> None:
    """Measure with this interpreter and with that of `--reference-python`; print medians and their ratios.

    Args:
        measure: gives numbers by name. Those in seconds (`... s`) are compared by ratio, others are printed.
        options: arguments of the command line with their defaults.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--reference-python', help='an interpreter with mmsegmentation 1.2.2 and what it needs')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--only-here', action='store_true', help='measure once, print JSON')
    for name, default in options.items():
        parser.add_argument(f'--{name.replace("_", "-")}', type=int, default=default)
    args = parser.parse_args()
    if args.only_here:
        _stand_in_for_compiled_operators()
        print(json.dumps(measure(args)))
        return
    command = [sys.argv[0], '--only-here']
    for name in options:
        command += [f'--{name.replace("_", "-")}', str(getattr(args, name))]
    pythons = {'mmnext': sys.executable} | ({'reference': args.reference_python} if args.reference_python else {})
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in pythons}
    for _ in range(args.repeats):
        for name, python in pythons.items():
            found[name].append(_run([python, *command], isolated=name == 'reference'))
    for key in found['mmnext'][0]:
        values = {name: [each[key] for each in runs] for name, runs in found.items()}
        if not key.endswith(' s'):
            print(f'{key:<32} ' + '   '.join(f'{name} {each[0]}' for name, each in values.items()))
            continue
        medians = {name: statistics.median(each) for name, each in values.items()}
        line = '   '.join(f'{name} {value:.4g}' for name, value in medians.items())
        ratio = f'   ratio {medians["reference"] / medians["mmnext"]:.2f}' if 'reference' in medians else ''
        print(f'{key:<32} {line}{ratio}', flush=True)


def _stand_in_for_compiled_operators() -> None:
    """The reference imports operators that mmcv-lite lacks; nothing that is measured calls them."""
    stub = types.ModuleType('mmcv._ext')
    stub.__getattr__ = lambda name: None  # type: ignore[method-assign]
    sys.modules['mmcv._ext'] = stub


def _run(command: list[str], isolated: bool) -> dict[str, Any]:
    env = {**os.environ, 'OMP_NUM_THREADS': os.environ.get('OMP_NUM_THREADS', '1')}
    if isolated:
        env.pop('PYTHONPATH', None)
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode:
        raise SystemExit(f'{" ".join(command)} failed:\n{done.stderr[-2000:]}')
    return json.loads(done.stdout.splitlines()[-1])

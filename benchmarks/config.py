"""How long configs take to load and to print, and the packages to import, against mmengine 0.10.7.

    python benchmarks/config.py --reference-python PATH --configs DIR

PATH is the interpreter of an environment with mmengine==0.10.7, DIR a folder of published configs, such as
`mmseg/.mim/configs` of the wheel mmsegmentation==1.2.2. Times are CPU time, each the least of several runs, ours
and the reference's by turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

LOAD = """
import json, sys, time
from mmengine.config import Config
paths = json.load(sys.stdin)
Config.fromfile(paths[0], import_custom_modules=False).pretty_text
spent = [0.0, 0.0]
for path in paths:
    clock = time.process_time()
    cfg = Config.fromfile(path, import_custom_modules=False)
    middle = time.process_time()
    cfg.pretty_text
    end = time.process_time()
    spent[0] += middle - clock
    spent[1] += end - middle
print(json.dumps(spent))
"""
IMPORT = """
import time
{before}
start = time.process_time()
import {module}
print(time.process_time() - start)
"""


def run(python: str, code: str, text: str = '') -> str:
    """What `code` prints in an interpreter of its own, outside of any checkout."""
    done = subprocess.run([python, '-c', code], input=text, capture_output=True, text=True, cwd='/', check=True)
    return done.stdout.splitlines()[-1]


def import_time(python: str, module: str, before: str = '', repeat: int = 7) -> float:
    """Milliseconds of CPU time that importing `module` takes."""
    code = IMPORT.format(module=module, before=before)
    return 1e3 * min(float(run(python, code)) for _ in range(repeat))


def main() -> None:
    """Print the numbers and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--reference-python', required=True)
    parser.add_argument('--configs', required=True, type=Path)
    parser.add_argument('--repeat', type=int, default=3)
    parser.add_argument('--limit', type=int, help='only so many configs, evenly chosen')
    args = parser.parse_args()
    paths = [str(p) for p in sorted(args.configs.resolve().rglob('*.py')) if '_base_' not in p.parts]
    if args.limit:
        paths = paths[:: max(len(paths) // args.limit, 1)]
    best: dict[str, list[float]] = {}
    for _ in range(args.repeat):
        for name, python in (('ours', sys.executable), ('reference', args.reference_python)):
            spent = json.loads(run(python, LOAD, json.dumps(paths)))
            best[name] = [min(a, b) for a, b in zip(spent, best.get(name, spent), strict=True)]
    print(f'{len(paths)} configs, CPU time in all')
    for number, what, goal in ((0, 'load', 5), (1, 'pretty_text', 20)):
        ours, theirs = best['ours'][number], best['reference'][number]
        print(f'{what:<12} {ours:8.2f} s   reference {theirs:8.2f} s   {theirs / ours:6.1f} times faster (goal {goal})')
    for module, before, goal in (
        ('mmengine.config', '', 60),
        ('mmengine', 'import torch', 150),
        ('mmengine.runner', 'import torch', 400),
    ):
        ours, theirs = (import_time(python, module, before) for python in (sys.executable, args.reference_python))
        after = ' after torch' if before else ''
        print(f'import {module}{after}: {ours:.0f} ms (goal {goal})   reference {theirs:.0f} ms')


if __name__ == '__main__':
    main()

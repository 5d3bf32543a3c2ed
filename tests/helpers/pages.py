"""What a page of the documentation says, as files and commands."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r'```(\w+)\n(.*?)```', re.DOTALL)


def files_of(page: str) -> dict[str, str]:
    """The blocks that begin with `# file: NAME`, by name."""
    found = {}
    for _, body in BLOCK.findall((ROOT / page).read_text(encoding='utf-8')):
        first, _, rest = body.partition('\n')
        if first.startswith('# file: '):
            found[first.removeprefix('# file: ')] = rest
    return found


def commands_of(page: str) -> list[str]:
    """The lines of the `bash` blocks."""
    text = (ROOT / page).read_text(encoding='utf-8')
    return [line for kind, body in BLOCK.findall(text) if kind == 'bash' for line in body.splitlines() if line]


def write_files(page: str, folder: Path) -> None:
    """Write the files of a page below `folder`, with an empty `__init__.py` in each package."""
    for name, text in files_of(page).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')
        if path.parent != folder:
            (path.parent / '__init__.py').touch()

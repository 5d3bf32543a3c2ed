"""Stand-ins: what answers for a package that configs name and that is not installed.

Published segmentation configs take a few types from `mmdet` and `mmpretrain`. A distribution declares, in the entry
point group `mmengine.stand_ins`, which of its modules registers the same names in that package's scope. When the
package is installed, it is used and the stand-in is never imported.
"""

from __future__ import annotations

import importlib.util
from functools import cache


@cache
def stand_in_of(package: str) -> str | None:
    """The module that answers for `package`, a top-level name; None if it is installed or nothing stands in for it."""
    if is_installed(package):
        return None
    from importlib.metadata import entry_points  # takes as long to import as this whole package

    found = entry_points(group='mmengine.stand_ins', name=package)
    return next((entry.value for entry in found), None)


def is_installed(package: str) -> bool:
    """Whether `import package` would find something."""
    try:
        return package.isidentifier() and importlib.util.find_spec(package) is not None
    except ValueError:  # a module without a spec, such as `__main__`
        return False

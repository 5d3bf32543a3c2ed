"""Versions as tuples that compare, and the git revision of the running code."""

import subprocess

_PRE_RELEASE_RANK = {'a': -3, 'b': -2, 'rc': -1}


def digit_version(version_str: str, length: int = 4) -> tuple[int, ...]:
    """A version as `length` numbers followed by the rank and the number of its pre- or post-release.

    `'1.3rc1'` becomes `(1, 3, 0, 0, -1, 1)`; ranks are dev -4, a -3, b -2, rc -1, release 0, post 1. Local
    parts (`+cu121`) do not count.

    Raises:
        ValueError: not a version in the sense of PEP 440.
    """
    from packaging.version import Version

    version = Version(version_str)
    release = (*version.release, *[0] * length)[:length]
    if version.pre:
        stage, number = version.pre
        return (*release, _PRE_RELEASE_RANK[stage], number)
    if version.is_prerelease:
        return (*release, -4, 0)
    if version.is_postrelease:
        return (*release, 1, version.post or 0)
    return (*release, 0, 0)


def get_git_hash(fallback: str = 'unknown', digits: int | None = None) -> str:
    """The commit checked out in the current folder, cut to `digits`; `fallback` outside of a repository."""
    if digits is not None and not isinstance(digits, int):
        raise TypeError(f'digits should be None or an int, but got {digits!r}')
    try:
        done = subprocess.run(['git', 'rev-parse', 'HEAD'], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return fallback
    return done.stdout.strip()[:digits]

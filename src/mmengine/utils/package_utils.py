"""Where an installed package lies. `importlib.metadata` takes as long to import as this whole folder: at use."""

import importlib.machinery
import importlib.util
import os.path
import subprocess

from mmengine.utils.errors import MissingDependencyError

# Distribution names under which the import packages of this distribution used to be published.
_FORMER_NAMES = {'mmsegmentation': 'mmseg', 'mmcv-full': 'mmcv', 'mmcv-lite': 'mmcv'}


def is_installed(package: str) -> bool:
    """Whether a distribution or an import package of that name is installed. Nothing is imported."""
    return _find_module(package) is not None or _has_distribution(package)


def get_installed_path(package: str) -> str:
    """Folder of an installed package, by the name of its distribution or of its top-level module.

    Raises:
        importlib.metadata.PackageNotFoundError: it is not installed (a subclass of `ModuleNotFoundError`).
    """
    from importlib.metadata import PackageNotFoundError

    spec = _find_module(package)
    if spec is None and _has_distribution(package):
        spec = importlib.util.find_spec(package2module(package))
    if spec is None:
        raise PackageNotFoundError(package)
    if spec.submodule_search_locations:
        return next(iter(spec.submodule_search_locations))
    return os.path.dirname(spec.origin or '')


def package2module(package: str) -> str:
    """Name of the top-level module of an installed distribution (`opencv-python` -> `cv2`).

    Raises:
        ValueError: the distribution brings no module, or several of which none bears its name.
    """
    from importlib.metadata import packages_distributions

    wanted = _canonical(package)
    modules = [
        module
        for module, distributions in packages_distributions().items()
        if wanted in map(_canonical, distributions) and not module.startswith('_')
    ]
    for module in modules:
        if _canonical(module) == wanted:
            return module
    if len(modules) != 1:
        raise ValueError(f'the module of the package {package!r} is not clear; it brings {sorted(modules)}')
    return modules[0]


def call_command(cmd: list[str]) -> None:
    """Run a command; `subprocess.CalledProcessError` when it fails."""
    subprocess.run(cmd, check=True)


def install_package(package: str) -> None:
    """Do nothing when the package is there. A run does not change the environment it runs in.

    Raises:
        MissingDependencyError: it is not installed.
    """
    if not is_installed(package):
        raise MissingDependencyError(f'{package!r} is needed and not installed. Run: pip install {package}')


def _canonical(name: str) -> str:
    return name.lower().replace('-', '_').replace('.', '_')


def _find_module(package: str) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.util.find_spec(_FORMER_NAMES.get(package, package))
    except (
        ModuleNotFoundError,
        ValueError,
    ):  # the parent of a dotted name is missing; not a module name at all
        return None


def _has_distribution(package: str) -> bool:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True

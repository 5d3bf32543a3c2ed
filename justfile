# The same steps as .ci/run, one by one. `just` without a name runs lint, types and test.

default: lint types test

# Install with all development tools, and run the default tests: the command of the README.
test:
    pip install -q -c constraints.txt -e '.[dev]' && pytest

lint:
    ruff check .
    ruff format --check .
    codespell src docs tests benchmarks README.md CHANGELOG.md CONTRIBUTING.md

types:
    mypy

# Several processes, kills, the wheel.
test-slow:
    pytest -m 'slow and not gpu and not compat' -n 2

# Against the published packages; needs a package index.
test-compat:
    pytest -m 'compat and not gpu'

# Needs an accelerator.
test-gpu:
    pytest -m gpu

ci:
    bash .ci/run

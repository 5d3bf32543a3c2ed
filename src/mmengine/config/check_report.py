"""Findings of a check as data that other programs read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .checking import LOADING_RULES, RULES, Finding

SARIF_SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json'


def to_json(found: Mapping[str, Sequence[Finding]]) -> str:
    """Findings by config as a JSON list; each has `config` beside the fields of `Finding`."""
    return json.dumps([{'config': config, **asdict(f)} for config, fs in found.items() for f in fs], indent=2)


def to_sarif(found: Mapping[str, Sequence[Finding]], version: str) -> str:
    """Findings as SARIF 2.1.0, which code hosts show beside the lines of a change.

    A mistake in a base that several configs share is one result.
    """
    texts = {**LOADING_RULES, **{name: rule.text for name, rule in RULES.items()}}
    rules = [{'id': name, 'shortDescription': {'text': text}} for name, text in sorted(texts.items())]
    unique = dict.fromkeys(f for findings in found.values() for f in findings)
    tool = {'driver': {'name': 'mmseg check', 'version': version, 'rules': rules}}
    run = {'tool': tool, 'results': [_result(f) for f in unique]}
    return json.dumps({'$schema': SARIF_SCHEMA, 'version': '2.1.0', 'runs': [run]}, indent=2)


def _result(finding: Finding) -> dict[str, Any]:
    text = '\n'.join(filter(None, [finding.key, finding.message, finding.hint]))
    result: dict[str, Any] = {'ruleId': finding.rule, 'level': finding.severity, 'message': {'text': text}}
    if Path(finding.file).is_absolute():
        path = Path(finding.file)
        relative = path.is_relative_to(Path.cwd())
        place: dict[str, Any] = {
            'artifactLocation': {'uri': path.relative_to(Path.cwd()).as_posix() if relative else path.as_uri()},
            'region': {'startLine': max(finding.line, 1)},
        }
        result['locations'] = [{'physicalLocation': place}]
    return result

"""Write the script that makes a candidate's model again: short, runnable, and complete in itself."""

import json
import pprint
from typing import Any

from mmied.codec import to_json
from mmied.formats import clock
from mmied.optimization import Candidate, Search, Trial
from mmied.records import ModelSpec

_HEAD = '''#!/usr/bin/env python3
"""Make “{candidate}” of {model} again: {summary}.

Written by mmied {version} on {host}, {at}.
{verdict}

{how}
It runs the model's code and the candidate's with your rights, and changes nothing that is deployed.
"""

import os
import sys

sys.path.insert(0, os.getcwd())  # modules of your own are looked for where you are
{environment}
from mmied.bench.trial.remake import remake{late}
from mmied.errors import MmiedError{late}

MODEL = {spec}

CANDIDATE = {row}

try:
    made = remake(
        MODEL,
        CANDIDATE,
        revision={revision!r},  # another model is refused
        batch_sizes={batch_sizes!r},
        wait_policy={wait_policy!r},
        calibration={calibration!r},
        fine_tune={fine_tune!r},
    )
    args, kwargs = made.inputs(batch_size={batch_size})
    made(*args, **kwargs)
    print(made)
{save}except MmiedError as error:
    sys.exit(f"{{sys.argv[0]}}: {{error}}")
'''
_SAVE = """    if len(sys.argv) > 1:
        print(made.save(sys.argv[1]))
"""
_HOW = {
    "model": "Without an argument the model is made and called once; with one it is written into that new folder too.\n"
    "A server loads such a folder: `from mmied import load_optimized; model = load_optimized(FOLDER)`.",
    "start": "It cannot be written to a file, so that a server has to make it at each start, as this script does:\n"
    "`made.call` is what to call then.",
    "setting": "Nothing of the model changes: the deployed one is served under other settings, as printed below.\n"
    "Put these into your server; this script shows that they work.",
}


def write_script(
    form: str,
    spec: ModelSpec,
    candidate: Candidate,
    evidence: Search,
    trial: Trial | None,
    *,
    wait_policy: str | None,
    calibration: str | None,
    fine_tune: str | None,
) -> str:
    """Return the script; `form` is that of an AppliedResult."""
    verdict = "Nothing was measured of it." if trial is None else f"{_said(trial)} {trial.why}."
    environment = f"os.environ |= {dict(candidate.environment)!r}  # read once, when torch is imported\n"
    return _HEAD.format(
        candidate=candidate.name,
        model=_plain(spec.name),
        summary=_plain(candidate.summary),
        version=evidence.mmied_version,
        host=_plain(evidence.host),
        at=clock(evidence.at),
        verdict=_plain(verdict),
        how=_HOW[form],
        environment=environment if candidate.environment else "",
        late="  # noqa: E402" if candidate.environment else "",
        spec=_shown(spec),
        row=_shown(candidate),
        revision=evidence.revision,
        batch_sizes=evidence.batch_sizes,
        batch_size=evidence.batch_sizes[0],
        wait_policy=wait_policy,
        calibration=calibration,
        fine_tune=fine_tune,
        save=_SAVE if form == "model" else "",
    )


def _said(trial: Trial) -> str:
    return {
        "helps": "It helps:",
        "does_not_help": "It was not found to help:",
        "cannot_tell": "It could not be told whether it helps:",
        "not_tried": "It was not tried:",
    }[trial.verdict]


def _plain(said: str) -> str:
    """Return text that cannot end the docstring that it stands in."""
    return " ".join(said.split()).replace("\\", "/").replace('"', "'")


def _shown(record: Any) -> str:
    """Return a record as Python's own words for it, without what is not set."""
    return pprint.pformat(_set(json.loads(to_json(record))), width=110, sort_dicts=False)


def _set(value: Any) -> Any:
    """Return a value, however nested, without what is None or empty."""
    if isinstance(value, list):
        return [_set(part) for part in value]
    if isinstance(value, dict):
        return {key: _set(part) for key, part in value.items() if part not in (None, {}, [])}
    return value

"""`mmied demo`: write three real models, and be the daemon that profiles them."""

import os
import subprocess
import sys
from pathlib import Path

from mmied.commands.run import run
from mmied.errors import StartError
from mmied.trust import digest_file

MODELS = ("small.pt", "medium.pt2", "baseline.safetensors")
CONFIG = """\
# The demonstration's configuration, written by `mmied demo`.
state: {state}
http: {{listen: "{listen}"}}
schedule: {{profile: 2m, inspect: 20m}}  # the first inspection comes right after the first run
# A demonstration on a small machine: a tenth of it all, where a production host would give a hundredth.
budget: {{cpu_ratio: 0.25, scenario_time: 2s}}
admission: {{cpu_pressure: 0.30, force_after: 1}}
models:
  - name: small-transformer
    source: {{torchscript: {models}/small.pt, trust: "{small}"}}
    inputs:
      - {{shape: [batch, 64], dtype: int64, range: [0, 10000]}}
    batch_sizes: [1, 8]
    unit: {{name: tokens, per_sample: 64}}
  - name: medium-transformer
    source: {{exported: {models}/medium.pt2, trust: "{medium}"}}
    inputs:
      - {{shape: [batch, 64], dtype: int64, range: [0, 30000]}}
    batch_sizes: [1, 4]
    unit: {{name: tokens, per_sample: 64}}
  - name: feed-forward
    source:
      factory: mmied.bench.demo:feed_forward
      arguments: {{sizes: [512, 1024, 1024, 512, 512]}}
      weights: {models}/baseline.safetensors
    inputs:
      - {{shape: [batch, 512]}}
    batch_sizes: [1, 8, 32]
    pacing: [tight, {{gap: 20ms}}]
"""


def default_state() -> Path:
    """Return where a user's programs keep their state."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "mmied-demo"


def demo(state: Path, *, listen: str, log_json: bool = False) -> int:
    """Write models and configuration into `state`, once, and run the daemon on them.

    Raises StartError when they cannot be written.
    """
    state = state.absolute()
    models = state / "models"
    try:
        models.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not all((models / name).exists() for name in MODELS):
            print("writing three demonstration models, for about ten seconds …", flush=True)
            _write_models(models)
        config = state / "mmied.yaml"
        config.write_text(
            CONFIG.format(
                state=state,
                listen=listen,
                models=models,
                small=digest_file(models / "small.pt"),
                medium=digest_file(models / "medium.pt2"),
            )
        )
    except OSError as error:
        raise StartError(
            f"{state} cannot be written: {error.strerror}. Give another directory with `--state`."
        ) from error
    print(f"first figures in half a minute, on http://{listen}/ (Ctrl-C ends it)", flush=True)
    return run(config, log_json=log_json)


def _write_models(folder: Path) -> None:
    """Write them in a process of its own: this one is to become a daemon that never imports torch."""
    written = subprocess.run([sys.executable, "-m", "mmied.bench.demo", str(folder)], capture_output=True, text=True)
    if written.returncode != 0:
        raise StartError(f"the demonstration models could not be written:\n{written.stderr.strip()}")

"""Write the demonstration's models, and give them as the demonstration configures them."""

import subprocess
import sys
from pathlib import Path

from mmied.commands.demo import CONFIG
from mmied.config import Config, Model, load_config
from mmied.trust import digest_file


def write_demo(folder: Path) -> Config:
    """Write the models below `folder` and return the demonstration's configuration of them, state in `folder`."""
    models = folder / "models"
    models.mkdir(mode=0o700)
    subprocess.run([sys.executable, "-m", "mmied.bench.demo", str(models)], check=True)
    path = folder / "demo.yaml"
    path.write_text(
        CONFIG.format(
            state=folder / "state",
            listen="127.0.0.1:9177",
            models=models,
            small=digest_file(models / "small.pt"),
            medium=digest_file(models / "medium.pt2"),
        )
    )
    return load_config(path)


def model_named(config: Config, name: str) -> Model:
    """Return a model of the configuration."""
    return next(model for model in config.models if model.name == name)

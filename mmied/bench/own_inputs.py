"""Tell by a model's files whether it brings inputs to be called with, without torch."""

import zipfile
from pathlib import Path

from mmied.records import Source

BUNDLED = b"get_all_bundled_inputs"  # the method that torch.utils.bundled_inputs adds to a TorchScript module


def brings_inputs(source: Source) -> bool:
    """Tell whether a model may be called without any being declared.

    An exported program has its example inputs, a Hugging Face model the dummy inputs of its class, a TorchScript
    module those that were bundled with it.
    """
    if source.kind in ("exported", "huggingface"):
        return True
    if source.kind != "torchscript" or source.path is None:
        return False
    try:
        with zipfile.ZipFile(Path(source.path)) as archive:
            code = [name for name in archive.namelist() if name.endswith(".py")]
            return any(BUNDLED in archive.read(name) for name in code)
    except (OSError, zipfile.BadZipFile):
        return False  # what is wrong with the file is told when it is opened

"""The public names are there when they are asked for, and cost nothing until then."""

import subprocess
import sys

import pytest

import mmied


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_mmied_and_its_classes_does_not_import_torch() -> None:
    script = "import sys, mmied; from mmied import ModelProfiler, ModelBenchmark, load_baseline, detect_regressions"
    assert run(f"{script}; ModelProfiler(); print([m for m in ('torch', 'matplotlib') if m in sys.modules])") == "[]"


def test_importing_mmied_imports_next_to_nothing() -> None:
    assert run("import sys, mmied; print([m for m in sys.modules if m.startswith('mmied')])") == "['mmied']"


@pytest.mark.parametrize("name", mmied.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(mmied, name) is not None
    assert name in dir(mmied)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="ModelProfilr"):
        _ = mmied.ModelProfilr

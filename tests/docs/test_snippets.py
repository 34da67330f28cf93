"""What the pages tell to type can be typed, and the configurations that they show load."""

import shutil
import socket
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import torch
import yaml
from doc_pages import ROOT, blocks, pages
from prometheus_server import Prometheus
from safetensors.torch import save_file
from snippets import Reader
from stub_wheel import make_wheel

from mmied.bench.demo import TransformerEncoder, feed_forward
from mmied.config import load_config
from mmied.config.schema import ConfigKeys

README = ROOT / "README.md"
QUICKSTART = ROOT / "docs/quickstart.md"
BUSY = "admission: {cpu_pressure: 1, memory_pressure: 1, io_pressure: 1}\nbudget: {scenario_time: 200ms}"
SHOWN = [(page, text) for page in (README, *pages()) for text in blocks(page, "yaml")]


def is_configuration(text: str) -> bool:
    data = yaml.safe_load(text)
    return isinstance(data, dict) and data.keys() <= ConfigKeys.model_fields.keys()


CONFIGURATIONS = [(page.name, text) for page, text in SHOWN if is_configuration(text)]


@pytest.mark.parametrize(("page", "text"), CONFIGURATIONS)
def test_a_configuration_that_a_page_shows_loads(page: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "mmied.yaml"
    path.write_text(text)
    config = load_config(path)
    assert len(config.models) == len(yaml.safe_load(text).get("models", [])), page


def test_the_pages_show_configurations() -> None:
    assert {"README.md", "quickstart.md", "configuration.md", "notifications.md"} <= {
        page for page, _ in CONFIGURATIONS
    }


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration's three files, of models that are small."""
    folder = tmp_path_factory.mktemp("models")
    encoder = TransformerEncoder(vocabulary=30_000, d_model=8, heads=2, layers=1, feed_forward=8).eval()
    tokens = torch.randint(10_000, (2, 64))
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and deployed
        torch.jit.trace(encoder, tokens).save(str(folder / "small.pt"))
        program = torch.export.export(encoder, (tokens,), dynamic_shapes=({0: torch.export.Dim("batch", max=1024)},))
        torch.export.save(program, folder / "medium.pt2")
    save_file(feed_forward((512, 1024, 1024, 512, 512)).state_dict(), folder / "baseline.safetensors")
    return folder


@pytest.fixture
def ports() -> dict[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return {"mmied": one.getsockname()[1], "prometheus": other.getsockname()[1]}


@pytest.fixture
def reader(tmp_path: Path, models: Path, ports: dict[str, int]) -> Iterator[Reader]:
    """Somebody with an empty home folder, and with the demonstration's models, which are slow to write."""
    listen = f"127.0.0.1:{ports['mmied']}"
    wheel = make_wheel(tmp_path, "0.1.0")
    state = tmp_path / ".local/state/mmied-demo"
    shutil.copytree(models, state / "models")
    venv = Path(sys.executable).parents[1]
    reader = Reader(
        tmp_path,
        {
            # Paths of the host
            "/var/lib/mmied": f"{tmp_path}/state",
            "/srv/models": f"{tmp_path}",
            "mmied doctor": "mmied doctor --config mmied.yaml",
            # tests/deploy install the service and boot it; here the script runs, and the unit's command is the daemon
            "sudo deploy/install.sh": f"{ROOT}/deploy/install.sh --root {tmp_path}/root --source {wheel}",
            "sudo systemctl enable --now mmied": "mmied run --config mmied.yaml",
            # What is installed already is not downloaded
            "pip install .": f"pip install -qI --no-index --no-deps --no-build-isolation {ROOT}",
            "make run": f"make -C {ROOT} -o {venv}/installed run VENV={venv} STATE={state} LISTEN={listen}",
            "make test": f"make -C {ROOT} -n test",
            # A free port, and a host that is busy with tests
            "mmied demo": f"mmied demo --listen {listen}",
            "state: ": f"http: {{listen: '{listen}'}}\n{BUSY}\nstate: ",
            "127.0.0.1:9177": listen,
            "127.0.0.1:9090": f"127.0.0.1:{ports['prometheus']}",
            # Time
            "scrape_interval: 15s": "scrape_interval: 1s",
            "--budget 10m": "--budget 20s",
        },
        ports=ports,
    )
    yield reader
    reader.close()


@pytest.mark.systemd
def test_the_shell_blocks_of_the_readme_run(reader: Reader) -> None:
    folder = reader.folder
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ranker = torch.jit.trace(Ranker().eval(), torch.randint(10_000, (2, 128)))
        ranker.save(str(folder / "ranker.pt"))
    samples = numpy.random.default_rng(0).integers(0, 10_000, (8, 128))
    numpy.savez(folder / "labelled.npz", tokens=samples, labels=numpy.zeros(8, dtype=numpy.int64))
    (folder / "mmied.yaml").write_text(reader.adapt(blocks(README, "yaml")[0]))
    reader.type("mmied profile --config mmied.yaml --name ranker --num-runs 20 --no-details --output-dir .")
    (folder / "ranker_profile.json").rename(folder / "ranker.json")
    for block in blocks(README, "sh"):
        reader.type(block)
        reader.close()
    assert sum("mmied run" in command or "make" in command for command in reader.typed) == 3
    assert {"ranker_profile.html", "ranker_profile.json", "ranker_profile.md"} <= {
        path.name for path in (folder / "report").iterdir()
    }


@pytest.mark.prometheus
def test_the_quick_start_leads_to_a_figure_in_prometheus(reader: Reader, ports: dict[str, int]) -> None:
    configuration, prometheus = blocks(QUICKSTART, "yaml")
    (reader.folder / "mmied.yaml").write_text(reader.adapt(configuration))
    (reader.folder / "prometheus.yml").write_text(reader.adapt(prometheus))
    for block in blocks(QUICKSTART, "sh"):
        reader.type(block)
    Prometheus(ports["prometheus"]).wait_for('mmied_profile_latency_seconds{model="ranker", quantile="0.5"}')
    assert len(list((reader.folder / "dashboards").glob("*.json"))) == 5


class Ranker(torch.nn.Module):
    """Token ids (batch, 128) → scores of two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(10_000, 8)
        self.head = torch.nn.Linear(8, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.embedding(tokens).mean(1))
        return scores

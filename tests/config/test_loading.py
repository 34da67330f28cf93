"""A configuration is read wholly, with its defaults filled in and everything in base units."""

import dataclasses
import hashlib
from pathlib import Path

import pydantic
import pytest

from mmied.codec import from_json, to_json
from mmied.config import Config, Cron, Every, Optimize, Unit, load_config
from mmied.config.schema import ConfigKeys
from mmied.records import InputSpec, ModelSpec, Source, Workload

TRUST = f"sha256:{'0f' * 32}"


def load(folder: Path, text: str) -> Config:
    file = folder / "mmied.yaml"
    file.write_text(text)
    return load_config(file)


def with_model(more: str = "", source: str = "{torchscript: m.pt}", inputs: str = "[{shape: [batch, 4]}]") -> str:
    return f"models:\n- name: m\n  source: {source}\n  inputs: {inputs}\n{more}"


def test_an_empty_mapping_is_a_configuration_of_defaults(tmp_path):
    config = load(tmp_path, "{}")

    assert config.state == Path("/var/lib/mmied")
    assert config.history.model_dump() == {"url": None, "retention_seconds": 7_776_000.0, "max_size_bytes": 2 * 10**9}
    assert (config.http.host, config.http.port, config.http.web_config) == ("127.0.0.1", 9177, None)
    assert config.http.insecure is False
    assert config.schedule == Every(900.0)
    assert config.budget.model_dump() == {
        "cpu_ratio": 0.01,
        "gpu_ratio": 0.01,
        "scenario_seconds": 5.0,
        "run_timeout_seconds": 600.0,
        "worker_memory_bytes": 8 * 10**9,
        "threads": None,
        "cpus": None,
        "nice": 10,
    }
    assert config.admission.model_dump() == {
        "cpu_pressure": 0.10,
        "memory_pressure": 0.05,
        "io_pressure": 0.05,
        "gpu_utilization": 0.20,
        "gpu_memory_free_bytes": 2 * 10**9,
        "force_after": None,
    }
    assert config.hardware.interval_seconds == 5.0
    assert config.models == ()
    assert config.path == tmp_path / "mmied.yaml"
    assert config.digest == hashlib.sha256(b"{}").hexdigest()


def test_sections_whose_keys_are_all_commented_out_are_defaults(tmp_path):
    names = list(ConfigKeys.model_fields)

    config = load(tmp_path, "".join(f"{name}:\n  # {name}\n" for name in names))

    assert dataclasses.replace(config, digest="") == dataclasses.replace(load(tmp_path, "{}"), digest="")


def test_a_model_is_resolved_to_what_a_worker_needs(tmp_path):
    config = load(
        tmp_path,
        """
budget: {threads: 2}
schedule: {profile: 1h}
models:
  - name: ranker-2.1
    source: {factory: shop.models:build, weights: w/ranker.safetensors, arguments: {width: 64, no: [1.5, on]}}
    device: cuda:1
    dtype: bfloat16
    inputs:
      - {name: ids, shape: [batch, 128], dtype: int64, range: [0, 1e4]}
      - list: [{file: a.npz}, {dict: {k: {factory: shop.data:sample}, l: {shape: [], values: [0, 1]}}}]
    batch_sizes: [1, 8]
    pacing: [tight, {gap: 100ms}, {gap: 90}]
    unit: {name: tokens, per_sample: 128}
    threads: 4
    schedule: {cron: "0  3 * * mon-fri"}
    seed: 7
  - {name: plain, source: {exported: /srv/m.pt2}}
""",
    )

    ranker, plain = config.models

    assert ranker.spec == ModelSpec(
        name="ranker-2.1",
        source=Source(
            kind="factory",
            factory="shop.models:build",
            weights=str(tmp_path / "w/ranker.safetensors"),
            arguments={"width": 64, "no": [1.5, True]},
        ),
        inputs=(
            InputSpec(name="ids", shape=("batch", 128), dtype="int64", range=(0.0, 10_000.0)),
            InputSpec(
                list=(
                    InputSpec(file=str(tmp_path / "a.npz")),
                    InputSpec(
                        dict={"k": InputSpec(factory="shop.data:sample"), "l": InputSpec(shape=(), values=(0.0, 1.0))}
                    ),
                )
            ),
        ),
        device="cuda:1",
        dtype="bfloat16",
        threads=4,
        seed=7,
    )
    assert ranker.workloads == (
        Workload(scenario="b1", batch_size=1),
        Workload(scenario="b8", batch_size=8),
        Workload(scenario="b1-gap100ms", batch_size=1, gap_seconds=0.1),
        Workload(scenario="b8-gap100ms", batch_size=8, gap_seconds=0.1),
        Workload(scenario="b1-gap90s", batch_size=1, gap_seconds=90.0),
        Workload(scenario="b8-gap90s", batch_size=8, gap_seconds=90.0),
    )
    assert ranker.unit == Unit(name="tokens", per_sample=128.0)
    assert ranker.schedule == Cron("0 3 * * mon-fri")
    assert plain.spec == ModelSpec(
        name="plain", source=Source(kind="exported", path="/srv/m.pt2"), inputs=(), threads=2
    )
    assert plain.workloads == (Workload(scenario="b1", batch_size=1),)
    assert plain.unit is None
    assert plain.schedule == Every(3600.0)
    assert from_json(ModelSpec, to_json(ranker.spec)) == ranker.spec


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{torchscript: a.pt}", Source(kind="torchscript", path="FOLDER/a.pt")),
        ("{exported: /a.pt2}", Source(kind="exported", path="/a.pt2")),
        ("{package: ../a.pt2}", Source(kind="package", path="FOLDER/../a.pt2")),
        ("{factory: 'a:b.c'}", Source(kind="factory", factory="a:b.c")),
        ("{huggingface: dir}", Source(kind="huggingface", path="FOLDER/dir")),
        (f"{{pickle: a.pt, trust: '{TRUST}'}}", Source(kind="pickle", path="FOLDER/a.pt", trust=TRUST)),
        (f"{{torchscript: a.pt, trust: {TRUST}}}", Source(kind="torchscript", path="FOLDER/a.pt", trust=TRUST)),
    ],
)
def test_each_kind_of_source_is_read_and_its_paths_are_made_absolute(tmp_path, source, expected):
    config = load(tmp_path, with_model(source=source))

    path = expected.path and expected.path.replace("FOLDER", str(tmp_path))
    assert config.models[0].spec.source == dataclasses.replace(expected, path=path)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("{profile: 5m}", Every(300.0)),
        ("{profile: 90}", Every(90.0)),
        ("{profile: '0 3 * * *'}", Cron("0 3 * * *")),
        ("{cron: '*/5 * * * sun'}", Cron("*/5 * * * sun")),
        ("{profile: null}", Every(900.0)),
        ("{}", Every(900.0)),
    ],
)
def test_a_schedule_is_an_interval_or_a_cron_expression(tmp_path, schedule, expected):
    config = load(tmp_path, f"schedule: {schedule}\n" + with_model())

    assert config.schedule == config.models[0].schedule == expected


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("127.0.0.1:1", "127.0.0.1", 1), ("'[::1]:9177'", "::1", 9177), ("localhost:0", "localhost", 0)],
)
def test_listening_on_loopback_needs_nothing_else(tmp_path, listen, host, port):
    config = load(tmp_path, f"http: {{listen: {listen}}}")

    assert (config.http.host, config.http.port) == (host, port)


@pytest.mark.parametrize(
    ("cpus", "expected"), [("[3, 2]", (2, 3)), ("2-3", (2, 3)), ("'0, 4-6'", (0, 4, 5, 6)), ("'7'", (7,))]
)
def test_cpus_are_a_list_or_ranges(tmp_path, cpus, expected):
    assert load(tmp_path, f"budget: {{cpus: {cpus}}}").budget.cpus == expected


def test_relative_paths_begin_where_the_file_is_reached(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "real" / "c.yaml").write_text("state: var")
    (tmp_path / "etc" / "c.yaml").symlink_to("../real/c.yaml")
    monkeypatch.chdir(tmp_path)

    config = load_config(Path("etc/c.yaml"))

    assert config.path == tmp_path / "etc" / "c.yaml"
    assert config.state == tmp_path / "etc" / "var"


def test_values_may_be_shared_by_aliases(tmp_path):
    config = load(
        tmp_path,
        "models:\n- {name: a, source: {package: a.pt2}, inputs: &i [{shape: [batch]}]}\n"
        "- {name: b, source: {package: b.pt2}, inputs: *i}\n",
    )

    assert config.models[0].spec.inputs == config.models[1].spec.inputs == (InputSpec(shape=("batch",)),)


def test_a_configuration_cannot_be_changed(tmp_path):
    config = load(tmp_path, with_model())

    with pytest.raises(dataclasses.FrozenInstanceError):
        config.state = Path("/")
    with pytest.raises(pydantic.ValidationError):
        config.budget.nice = 0


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("{}", Every(21_600.0)),
        ("{inspect: 1h}", Every(3600.0)),
        ("{inspect: 0 3 * * *}", Cron("0 3 * * *")),
        ("{inspect: never}", None),
        ("{inspect: off}", None),
        ('{inspect: "off", cron: 5 * * * *}', None),
    ],
)
def test_inspections_have_a_schedule_of_their_own_that_can_be_switched_off(tmp_path, schedule, expected):
    config = load(tmp_path, f"schedule: {schedule}\n" + with_model())

    assert config.models[0].inspect == expected


def test_a_model_may_be_inspected_at_other_times_than_the_rest(tmp_path):
    def inspected(all_of_them: str, its_own: str) -> object:
        text = f"schedule: {{inspect: {all_of_them}}}\n" + with_model(f"  schedule: {its_own}\n")
        return load(tmp_path, text).models[0].inspect

    assert inspected("never", "{inspect: 2h}") == Every(7200.0)
    assert inspected("2h", "{inspect: never}") is None
    assert inspected("2h", "{profile: 1m}") == Every(7200.0)


def test_the_files_of_inspections_have_limits(tmp_path):
    config = load(tmp_path, "artifacts: {retention: 2d, max_size: 100MB}")

    assert (config.artifacts.retention_seconds, config.artifacts.max_size_bytes) == (172_800.0, 100_000_000)


def optimized(folder, whole: str, own: str = "", source: str = "{torchscript: m.pt}"):
    return load(folder, f"optimize: {whole}\n" + with_model(own, source=source)).models[0].optimize


def test_nothing_is_searched_unless_a_schedule_says_when(tmp_path):
    assert optimized(tmp_path, "{}") is None
    assert optimized(tmp_path, "{budget: 10m, candidates: [compile]}") is None
    assert optimized(tmp_path, "{schedule: off}") is None
    assert optimized(tmp_path, "{schedule: 0 3 * * *}") == Optimize(schedule=Cron("0 3 * * *"))
    assert optimized(tmp_path, "{schedule: 0 3 * * *}", source="{package: m.pt2}") is None, (
        "nothing can be changed in it"
    )


def test_a_model_may_be_searched_otherwise_than_the_rest_and_by_its_own_data(tmp_path):
    own = """\
  optimize:
    budget: 1h
    candidates: [compile, "shop.tricks:faster"]
    calibration: samples.npz
    fine_tune: shop.training:tune
    evaluation: {data: labelled.npz, metric: accuracy, max_drop: 0.01}
"""
    assert optimized(tmp_path, "{schedule: 0 3 * * *, minimum_effect: 20%}", own) == Optimize(
        schedule=Cron("0 3 * * *"),
        budget_seconds=3600.0,
        candidates=("compile", "shop.tricks:faster"),
        minimum_effect_ratio=0.2,
        calibration=str(tmp_path / "samples.npz"),
        fine_tune="shop.training:tune",
        evaluation=str(tmp_path / "labelled.npz"),
        metric="accuracy",
        max_drop=0.01,
    )
    assert optimized(tmp_path, "{schedule: 0 3 * * *}", "  optimize: {schedule: never}\n") is None
    assert optimized(tmp_path, "{}", "  optimize: {schedule: 12h, minimum_effect: 0.05}\n") == Optimize(
        schedule=Every(43_200.0), minimum_effect_ratio=0.05
    )

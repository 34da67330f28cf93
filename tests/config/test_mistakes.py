"""A configuration is refused with all its mistakes at once, each a sentence that helps."""

import re
from pathlib import Path

import pytest

from mmied.config import Config, load_config
from mmied.errors import ConfigError

TRUST = f"sha256:{'0f' * 32}"


def load(folder: Path, text: str) -> Config:
    file = folder / "mmied.yaml"
    file.write_text(text)
    return load_config(file)


def mistakes_of(folder: Path, text: str) -> list[str]:
    """Return the mistakes without the folder that they begin with."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    mistakes = [mistake.removeprefix(f"{folder}/") for mistake in caught.value.mistakes]
    assert all(re.match(r"mmied\.yaml(:\d+)?: ", mistake) and "\n" not in mistake for mistake in mistakes)
    return mistakes


def with_model(more: str = "", source: str = "{torchscript: m.pt}", inputs: str = "[{shape: [batch, 4]}]") -> str:
    return f"models:\n- name: m\n  source: {source}\n  inputs: {inputs}\n{more}"


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path):
    mistakes = mistakes_of(
        tmp_path,
        """\
histroy: {url: null}
budget:
  cpu_ratio: 2
  nice: 3
  nice: 4
hardware: [1]
models:
  - name: ranker
    sorce: {torchscript: m.pt}
    inputs:
      - {shape: [btch, 128], dtype: int46}
      - {shape: [batch], file: a.npz}
    schedule:
      profile: every 5 minuts
  - name: ranker
    source: {torchscript: m.pt, pickle: x.pt}
    pacing: [{gap: 100ns}]
""",
    )

    assert mistakes == [
        'mmied.yaml:1: histroy: is not known here. Did you mean "history"?',
        "mmied.yaml:3: budget.cpu_ratio: 2 is not a ratio from 0 to 1. 0.01 is one percent.",
        "mmied.yaml:5: budget.nice: stands twice, first on line 4. Keep one.",
        "mmied.yaml:6: hardware: [1] is not a mapping of keys to values. Known are interval.",
        "mmied.yaml:8: models.ranker.source: is missing. Try source: {torchscript: /srv/models/ranker.pt}",
        'mmied.yaml:9: models.ranker.sorce: is not known here. Did you mean "source"?',
        "mmied.yaml:11: models.ranker.inputs[0].shape: [btch, 128] has btch, which is neither a size above zero "
        'nor "batch". Try [batch, 128].',
        'mmied.yaml:11: models.ranker.inputs[0].dtype: "int46" is not known here. Did you mean "int64"?',
        'mmied.yaml:12: models.ranker.inputs[1]: has "shape" and "file". Keep one.',
        'mmied.yaml:14: models.ranker.schedule.profile: "every 5 minuts" is not an interval or a cron expression. '
        'Try "5m" or "*/5 * * * *".',
        'mmied.yaml:15: models.ranker.name: "ranker" is the name of models[0] too. Give one of them another.',
        'mmied.yaml:15: models.ranker.inputs: are missing: only an "exported" model tells them itself. '
        "Try [{shape: [batch, 128]}].",
        'mmied.yaml:16: models.ranker.source: has "torchscript" and "pickle". Keep one.',
        'mmied.yaml:17: models.ranker.pacing[0].gap: "100ns" is not a duration. Try "15m", "5s" or "100ms"; '
        "a plain number is seconds.",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("state: 3", "1: state: 3 is not a text. Put it in quotes."),
        ("state: ''", "1: state: nothing is not a text."),
        ("state: ~/x", '1: state: "~/x" begins with "~"'),
        ("history: {retention: 90}\nhistory: {}", "2: history: stands twice, first on line 1."),
        ("history: {retention: 0}", "history.retention: 0 is not above zero"),
        ("history: {retention: 1:30}", "history.retention: 1:30 is not a duration."),
        ("history: {retention: 15 M}", 'history.retention: "15 M" is not a duration.'),
        ("history: {retention: 40000d}", "at most 36500d"),
        ("history: {max_size: true}", "history.max_size: true is not a size."),
        ("history: {max_size: 0.3B}", "is not a whole number of bytes"),
        ("history: {max_size: 9999999999TiB}", "is not a whole number of bytes"),
        ("history: {url: 'mysql://u:secret@h/d'}", "history.url: the value is not the URL of a PostgreSQL database."),
        ("history: 90d", 'history: "90d" is not a mapping of keys to values. Known are url, retention, max_size.'),
        ("http: {listen: 9177}", "http.listen: 9177 is not host:port."),
        ("http: {listen: 127.0.0.1:99999}", 'http.listen: "127.0.0.1:99999" is not host:port.'),
        ("http: {listen: '::1:9177'}", "is not host:port."),
        ("http: {listen: 300.0.0.1:80}", "is not host:port."),
        ("http: {listen: ':9177'}", "is not host:port."),
        ("http: {insecure: 1}", "http.insecure: 1 is neither true nor false."),
        ("schedule: 15m", 'schedule: "15m" is not a mapping of keys to values. Known are profile, cron, inspect.'),
        ("schedule: {profile: 10ms}", 'schedule.profile: "10ms" is shorter than 1s, the least that is taken.'),
        ("schedule: {profile: 0 25 * * *}", '"0 25 * * *" is not a cron expression: "25" is no hour.'),
        (
            "schedule: {inspect: sometimes}",
            '"sometimes" is not an interval, a cron expression or "never". Try "5m" or "*/5 * * * *".',
        ),
        ("schedule: {inspect: 10ms}", 'schedule.inspect: "10ms" is shorter than 1s, the least that is taken.'),
        ("schedule: {inspect: on}", "schedule.inspect: on is not an interval"),
        ("artifacts: {retention: 1x}", 'artifacts.retention: "1x" is not a duration.'),
        ("artifacts: {size: 1GB}", 'artifacts.size: is not known here. Did you mean "max_size"?'),
        ("schedule: {cron: 5m}", '"5m" is not a cron expression: it has five fields, in UTC.'),
        ("schedule: {cron: 0 0 30 2 *}", '"0 0 30 2 *" names a day that never comes.'),
        ("schedule: {cron: 0 0 * * 1-5}", '"0 0 * * 1-5" numbers its weekdays'),
        ("schedule: {cron: 0 0 * * *, profile: 5m}", 'schedule: has both "profile" and "cron". Keep one.'),
        ("budget: {cpu_ratio: 0}", "budget.cpu_ratio: 0 lets nothing run."),
        ("budget: {gpu_ratio: '0.1'}", 'budget.gpu_ratio: "0.1" is not a ratio from 0 to 1.'),
        ("budget: {threads: 0}", "budget.threads: 0 is not a whole number from 1 to 4096."),
        ("budget: {nice: -5}", "budget.nice: -5 is not a whole number from 0 to 19."),
        ("budget: {nice: true}", "budget.nice: true is not a whole number"),
        ("budget: {nice:}", "budget.nice: nothing is not a whole number"),
        ("budget: {cpus: 3}", "budget.cpus: 3 is not a list of CPU numbers."),
        ("budget: {cpus: []}", "budget.cpus: [] is not a list of CPU numbers."),
        ("budget: {cpus: 3-2}", 'budget.cpus: "3-2" is not a list of CPU numbers.'),
        ("budget: {cpus: 0-9999}", "is not a list of CPU numbers."),
        ("budget: {cpus: [true]}", "is not a list of CPU numbers."),
        ("admission: {force_after: 0}", "admission.force_after: 0 is not a whole number"),
        ("admission: {force_after: 1.0}", "admission.force_after: 1.0 is not a whole number"),
        ("admission: {io_pressure: -0.1}", "admission.io_pressure: -0.1 is not a ratio"),
        ("hardware: {interval: 1ms}", "is shorter than 100ms, the least that is taken."),
        ("models: {a: 1}", "models: a mapping is not a list."),
        ("models: [3]", "models[0]: 3 is not a mapping of keys to values. Known are name, source,"),
        ("models: [{source: {exported: a}}]", "models[0].name: is missing. Try name: ranker"),
        ("models: [{name: 12, source: {exported: a}}]", "models[0].name: 12 is not a text. Put it in quotes."),
        ("models: [{name: a b, source: {exported: a}}]", 'models[0].name: "a b" is not a name:'),
        (f"models: [{{name: {'a' * 65}, source: {{exported: a}}}}]", "is not a name: it takes 1 to 64 of"),
        ("- 1", "1: the file: a list is not a mapping of keys to values. Known are state, history,"),
        ("word", '1: the file: "word" is not a mapping of keys to values.'),
    ],
)
def test_a_mistake_is_told_with_its_line_its_key_its_value_and_a_way_out(tmp_path, text, mistake):
    told = mistakes_of(tmp_path, text)

    assert len(told) == 1
    assert mistake in told[0]
    assert "secret" not in told[0]


@pytest.mark.parametrize(
    ("model", "mistake"),
    [
        (with_model(source="m.pt"), 'source: "m.pt" is not a mapping of keys to values. Known are torchscript,'),
        (with_model(source="{}"), "source: has to name one of torchscript, exported, package, factory, huggingface or"),
        (with_model(source="{torchscrip: m.pt}"), 'source.torchscrip: is not known here. Did you mean "torchscript"?'),
        (with_model(source="{torchscript: m.pt, weights: w.pt}"), 'source.weights: goes with "factory" only.'),
        (with_model(source="{package: m.pt, arguments: {}}"), 'source.arguments: goes with "factory" only.'),
        (
            with_model(source="{factory: 'a:b', arguments: 3}"),
            "source.arguments: 3 is not a mapping of keys to values.",
        ),
        (with_model(source="{factory: a.b}"), 'source.factory: "a.b" is not the import path of a function.'),
        (with_model(source="{pickle: /m.pt}"), "source.pickle: runs what it holds, so needs a hash beside it."),
        (
            with_model(source="{pickle: m.pt, trust: sha256:12}"),
            'trust: "sha256:12" is not "sha256:" with 64 hex digits',
        ),
        (with_model(source=f"{{huggingface: m, trust: {TRUST}}}"), "trust: is the hash of one file"),
        (
            with_model(source=f"{{factory: 'a:b', trust: {TRUST}}}"),
            'trust: is the hash of "weights", and there are none',
        ),
        (with_model("  device: gpu"), 'device: "gpu" is not a device. Try "cpu", "cuda" or "cuda:0".'),
        (with_model("  device: cuda:01"), "is not a device."),
        (with_model("  dtype: fp16"), 'dtype: "fp16" is not known here. Known are float32, float16, bfloat16.'),
        (with_model("  batch_sizes: []"), "batch_sizes: [] has to hold 1 to 16 different items."),
        (with_model("  batch_sizes: [1, 1]"), "batch_sizes: [1, 1] has to hold 1 to 16 different items."),
        (with_model(f"  batch_sizes: {list(range(1, 18))}"), "has to hold 1 to 16 different items."),
        (with_model("  batch_sizes: [1, 0]"), "batch_sizes[1]: 0 is not a whole number from 1 to 1000000."),
        (with_model("  batch_sizes: 8"), "batch_sizes: 8 is not a list."),
        (with_model("  pacing: [slow]"), 'pacing[0]: "slow" is not a pacing. Try tight, or {gap: 100ms}.'),
        (with_model("  pacing: [{gap: 1s}, {gap: 1000ms}]"), "has to hold 1 to 4 different items."),
        (with_model("  pacing: [{}]"), "pacing[0].gap: is missing. Try gap: 100ms"),
        (with_model("  unit: {name: tokens}"), "unit.per_sample: is missing. Try per_sample: 128"),
        (with_model("  unit: {name: tokens, per_sample: 0}"), "unit.per_sample: 0 is not a number above zero."),
        (with_model("  seed: -1"), "seed: -1 is not a whole number"),
        (with_model(inputs="[]"), 'inputs: are missing: only an "exported" model tells them itself.'),
        (with_model(inputs="{shape: [batch]}"), "inputs: a mapping is not a list."),
        (with_model(inputs="[{}]"), "inputs[0]: has to give one of shape, file, factory, list or dict."),
        (with_model(inputs="[{shap: [batch]}]"), 'inputs[0].shap: is not known here. Did you mean "shape"?'),
        (with_model(inputs="[{shape: 3}]"), "inputs[0].shape: 3 is not a shape. Try [batch, 128]."),
        (with_model(inputs="[{shape: [batch, 0]}]"), "has 0, which is neither a size above zero"),
        (with_model(inputs="[{shape: [batch], range: [3, 3]}]"), "range: [3, 3] runs from 3 to 3: the first has to be"),
        (with_model(inputs="[{shape: [batch], range: [1, 2, 3]}]"), "range: [1, 2, 3] is not a pair of numbers."),
        (with_model(inputs="[{shape: [batch], range: [0, ten]}]"), "range: [0, ten] is not a pair of numbers."),
        (with_model(inputs="[{shape: [batch], values: []}]"), "values: [] is not a list of numbers."),
        (
            with_model(inputs="[{shape: [batch], values: [1], range: [0, 1]}]"),
            'values: goes without "range". Keep one.',
        ),
        (
            with_model(inputs="[{shape: [1], dtype: int8, range: [0, 0.5]}]"),
            "range: has to hold whole numbers, as int8",
        ),
        (with_model(inputs="[{shape: [1], dtype: bool, values: [0]}]"), "values: says nothing of bool: leave it out."),
        (with_model(inputs="[{file: a.csv}]"), 'file: "a.csv" is not a .npz or .safetensors file.'),
        (with_model(inputs="[{file: a.npz, dtype: int8}]"), 'inputs[0].dtype: goes with "shape" only.'),
        (with_model(inputs="[{list: [{name: a, shape: [1]}]}]"), "list[0].name: goes with a whole input only"),
        (
            with_model(inputs="[{dict: {a b: {shpe: [1]}}}]"),
            'inputs[0].dict."a b".shpe: is not known here. Did you mean',
        ),
        (with_model(inputs="[{dict: [1]}]"), "inputs[0].dict: [1] is not a mapping of keys to values."),
        (
            with_model(inputs="[{name: a, shape: [1]}, {name: a, shape: [1]}]"),
            'inputs[1].name: "a" is the name of inputs[0] too. Give one of them another.',
        ),
    ],
)
def test_a_mistake_in_a_model_is_told_under_the_model_s_name(tmp_path, model, mistake):
    told = mistakes_of(tmp_path, model)

    assert len(told) == 1
    assert ": models.m." in told[0]
    assert mistake in told[0]


@pytest.mark.parametrize("listen", ["0.0.0.0:9177", "'[::]:9177'", "10.1.2.3:80", "gpu-7.example.org:9177"])
def test_listening_elsewhere_has_to_be_guarded_or_accepted(tmp_path, listen):
    [mistake] = mistakes_of(tmp_path, f"http: {{listen: {listen}}}")
    assert 'Name a file with TLS or users in "web_config", or accept it with "insecure: true".' in mistake

    assert load(tmp_path, f"http: {{listen: {listen}, insecure: true}}").http.insecure
    guarded = load(tmp_path, f"http: {{listen: {listen}, web_config: web.yml}}")
    assert guarded.http.web_config == tmp_path / "web.yml"


def test_two_hundred_models_are_taken_and_no_more(tmp_path):
    model = "- {{name: m{0}, source: {{torchscript: m.pt}}, inputs: [{{shape: [batch]}}]}}\n"

    assert len(load(tmp_path, "models:\n" + "".join(map(model.format, range(200)))).models) == 200
    assert mistakes_of(tmp_path, "models:\n" + "".join(map(model.format, range(201)))) == [
        "mmied.yaml:1: models: has 201 models, more than the 200 that are taken."
    ]


@pytest.mark.parametrize(
    ("whole", "own", "mistake"),
    [
        (
            "{candidates: [compil]}",
            "",
            'optimize.candidates: [compil] has "compil", which is no candidate. Did you mean',
        ),
        ("{candidates: []}", "", "optimize.candidates: [] is not a list of different candidates."),
        ("{budget: 0}", "", "optimize.budget: 0 is not above zero"),
        ("{budget: 5s}", "", 'optimize.budget: "5s" is shorter than 10s, the least that is taken.'),
        ("{minimum_effect: 0%}", "", 'optimize.minimum_effect: "0%" is not a ratio above 0. Try "10%" or 0.1.'),
        ("{schedule: nightly}", "", 'optimize.schedule: "nightly" is not an interval, a cron expression or "never".'),
        ("{schedule: 45m}", "", "optimize.schedule: has searches of 30m every 45m: more than half of the time."),
        ("{schedule: 2h}", "{budget: 90m}", "models.m.optimize.budget: has searches of 90m every 2h"),
        ("{calibration: a.npz}", "", "optimize.calibration: is not known here."),
        ("{}", "{calibration: a.csv}", 'optimize.calibration: "a.csv" is not a .npz or .safetensors file.'),
        ("{}", "{evaluation: {metric: mse}}", "optimize.evaluation.data: is missing. Try data: /srv/samples"),
        ("{}", "{evaluation: {data: a.npz, metric: f1}}", 'optimize.evaluation.metric: "f1" is not a metric.'),
        ("{}", "{fine_tune: tune}", 'optimize.fine_tune: "tune" is not the import path of a function.'),
    ],
)
def test_a_mistake_in_how_to_search_is_told(tmp_path, whole, own, mistake):
    text = f"optimize: {whole}\n" + with_model(f"  optimize: {own}\n" if own else "")

    (told,) = mistakes_of(tmp_path, text)
    assert mistake in told.replace("1.5h", "90m")


def test_a_search_of_a_compiled_package_is_a_mistake_where_it_was_asked_for(tmp_path):
    text = with_model("  optimize: {schedule: 0 3 * * *}\n", source="{package: m.pt2}")

    (told,) = mistakes_of(tmp_path, text)
    assert "models.m.optimize: has nothing to try on a compiled package" in told

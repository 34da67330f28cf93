"""Any run comes back as it was recorded."""

import string
from dataclasses import replace
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmied.records import Environment, Iterations, LatencySummary, Memory, Run, Workload, WorkloadResult

words = st.text(string.ascii_letters + string.digits + "äß-_.:", min_size=1, max_size=12)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
counts = st.integers(0, 2**62)
figures = st.floats(allow_nan=False, allow_infinity=False)
facts = st.dictionaries(words, texts | counts | figures | st.booleans() | st.none(), max_size=4)
series = st.lists(figures | counts.map(lambda whole: whole / 1e9), max_size=5).map(tuple)
outcomes = st.sampled_from(["succeeded", "failed", "timed_out", "crashed", "refused"])
some_iterations = st.builds(
    Iterations,
    wall_seconds=series,
    wait_seconds=series,
    wait_total_seconds=st.none() | series,
    others_cpus=st.none() | figures,
    disturbed=st.lists(st.integers(0, 500), max_size=3).map(tuple),
    device_seconds=st.none() | series,
)
some_results = st.builds(
    WorkloadResult,
    workload=st.builds(Workload, scenario=words, batch_size=counts, gap_seconds=figures),
    outcome=outcomes,
    reason=st.none() | words,
    message=st.none() | texts,
    cold=st.booleans(),
    settled=st.none() | st.booleans(),
    first_call_seconds=st.none() | figures,
    latency=st.none()
    | st.builds(
        LatencySummary,
        estimator=st.sampled_from(["clean", "wall_minus_wait", "device"]),
        samples=counts,
        iterations=counts,
        mean_seconds=figures,
        max_seconds=figures,
        noise_ratio=figures,
        quantiles=st.dictionaries(words, figures, max_size=2),
        wall_quantiles=st.dictionaries(words, figures, max_size=2),
        wall_max_seconds=figures,
        contended_ratio=figures,
        fit=st.booleans(),
        pooled_runs=counts,
    ),
    iterations=st.none() | some_iterations,
    references=st.dictionaries(words, some_iterations, max_size=2),
    reference_seconds=st.dictionaries(words, figures, max_size=2),
    memory=st.lists(
        st.builds(
            Memory,
            space=st.sampled_from(["host", "device"]),
            peak_bytes=counts,
            average_bytes=st.none() | counts,
            fragmentation_ratio=st.none() | figures,
        ),
        max_size=2,
    ).map(tuple),
    energy_joules=st.none() | figures,
)
# A fingerprint is made from the stable facts, so equal ones go with equal facts.
some_environments = st.builds(
    lambda stable, momentary: Environment(
        fingerprint=repr(sorted(stable.items())).replace("\0", "0"), stable=stable, momentary=momentary
    ),
    facts,
    facts,
)
some_runs = st.builds(
    Run,
    run_id=st.just(""),
    host=st.just("here"),
    model=words,
    kind=words,
    device=words,
    started_at=figures,
    ended_at=figures,
    outcome=outcomes,
    reason=st.none() | words,
    message=st.none() | texts,
    forced=st.booleans(),
    orphaned=st.booleans(),
    revision=st.none() | words,
    artifact_bytes=st.none() | counts,
    cpu_seconds=st.none() | figures,
    gpu_seconds=st.none() | figures,
    environment=st.none() | some_environments,
    results=st.lists(some_results, max_size=3).map(tuple),
    digests=st.dictionaries(texts, words, max_size=2),
    log_tail=texts,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some_runs)
def test_any_run_comes_back_as_it_was_recorded(store, some_run):
    some_run = replace(some_run, run_id=str(uuid4()))  # a run id stands for one run only

    store.record(some_run)

    assert store.run(some_run.run_id) == some_run

"""What the store promises of runs, on both databases."""

from dataclasses import replace

from mmied.history.store import Store
from mmied.records import Environment, Event, HardwareSample, JournalEntry, Memory

ENTRY = JournalEntry(run_id="run-0001", model="ranker", kind="profile", device="cpu", started_at=3600.0)


def test_a_run_comes_back_as_it_was_recorded(store, make_run):
    store.record(make_run(1))

    assert store.run("run-0001") == make_run(1)
    assert store.run("run-0002") is None


def test_a_refused_run_is_a_record_like_any_other(store, make_run):
    refused = make_run(outcome="refused", reason="busy_cpu", environment=None, results=(), cpu_seconds=None)

    store.record(refused)

    assert store.run(refused.run_id) == refused


def test_a_run_recorded_twice_stays_as_it_was_first(store, make_run):
    store.record(make_run(1))
    store.record(make_run(1, outcome="failed", results=()))

    assert store.run("run-0001") == make_run(1)
    assert len(store.last_runs()) == 1


def test_the_journal_holds_a_run_until_it_is_recorded(store, make_run):
    other = replace(ENTRY, run_id="run-0002", started_at=7200.0)
    store.begin(other)
    store.begin(ENTRY)
    assert store.unfinished() == (ENTRY, other)

    store.record(make_run(1))

    assert store.unfinished() == (other,)


def test_a_run_begun_twice_is_one_entry(store):
    store.begin(ENTRY)
    store.begin(ENTRY)

    assert store.unfinished() == (ENTRY,)


def test_hosts_that_share_a_database_see_their_own_rows_only(place, store, make_run):
    store.record(make_run(1))
    store.begin(replace(ENTRY, run_id="run-0002"))
    store.record_event(Event(at=1.0, kind="config_reloaded", model=None, message="reloaded"))
    store.record_hardware(HardwareSample(at=1.0))

    there = Store.open(place, host="there")
    there.record(make_run(1, host="there", outcome="failed"))

    assert there.run("run-0001").outcome == "failed"
    assert store.run("run-0001").outcome == "succeeded"
    assert [run.host for run in there.last_runs()] == ["there"]
    assert there.unfinished() == there.events() == there.hardware_history(since=0) == ()
    assert there.latest_success("ranker") is None
    assert there.cpu_seconds_since(0) == 20.0
    assert len(there.scenario_history("ranker", "b8")) == 1
    there.close()


def test_the_last_runs_come_newest_first_with_summaries_and_without_samples(store, make_run):
    for number in (2, 1, 3):
        store.record(make_run(number))
    store.record(make_run(4, model="other"))

    found = store.last_runs("ranker", limit=2)

    assert [run.run_id for run in found] == ["run-0003", "run-0002"]
    bare = replace(make_run(3).results[0], iterations=None, references={})
    assert found[0] == replace(make_run(3), results=(bare,))
    assert [run.run_id for run in store.last_runs(before=3 * 3600.0)] == ["run-0002", "run-0001"]
    assert store.last_runs()[0].model == "other"


def test_the_latest_success_skips_later_failures(store, make_run):
    store.record(make_run(1))
    store.record(make_run(2))
    store.record(make_run(3, outcome="timed_out"))
    store.record(make_run(4, model="other"))

    found = store.latest_success("ranker")

    assert found.run_id == "run-0002"
    assert found.results[0].iterations is None
    assert store.latest_success("unknown") is None


def test_the_history_of_a_scenario_is_its_newest_results_oldest_first(store, make_run, make_result):
    for number in range(1, 6):
        store.record(make_run(number))
    failed = make_result(outcome="failed", reason="out_of_memory", latency=None, memory=())
    store.record(make_run(6, results=(make_result("b1"), failed)))

    points = store.scenario_history("ranker", "b8", limit=3)

    assert [point.run_id for point in points] == ["run-0004", "run-0005", "run-0006"]
    assert points[0].at == 4 * 3600.0
    assert points[0].latency == make_run(4).results[0].latency
    assert points[0].throughput_samples_per_second == 727.0
    assert points[0].peak_memory_bytes == 1000
    assert points[0].reference_seconds == {"compute": 0.001}
    assert (points[0].revision, points[0].fingerprint) == ("5eed", "f1")
    assert (points[2].outcome, points[2].reason, points[2].latency) == ("failed", "out_of_memory", None)
    assert points[2].peak_memory_bytes is None
    assert [point.run_id for point in store.scenario_history("ranker", "b1", since=0)] == ["run-0006"]
    assert len(store.scenario_history("ranker", "b8", since=5 * 3600.0)) == 2


def test_a_device_s_peak_memory_goes_before_the_host_s(store, make_run, make_result):
    both = (Memory(space="device", peak_bytes=7), Memory(space="host", peak_bytes=9))
    store.record(make_run(1, results=(make_result(memory=both),)))

    assert store.scenario_history("ranker", "b8")[0].peak_memory_bytes == 7


def test_samples_to_pool_are_of_successes_under_the_same_fingerprint(store, make_run, make_result):
    elsewhere = Environment(fingerprint="f2", stable={"torch": "2.14"}, momentary={})
    store.record(make_run(1, results=(make_result(samples=10),)))
    store.record(make_run(2, results=(make_result(samples=20),)))
    store.record(make_run(3, results=(make_result(samples=30, outcome="failed"),)))
    store.record(make_run(4, results=(make_result(samples=40),), environment=elsewhere))
    store.record(make_run(5, results=(make_result(iterations=None, references={}),)))

    found = store.iterations("ranker", "b8", "f1", limit=5)

    assert [len(iterations.wall_seconds) for iterations in found] == [20, 10]
    assert found[0] == make_result(samples=20).iterations
    assert len(store.iterations("ranker", "b8", "f1", limit=1)) == 1


def test_what_runs_cost_is_added_up_from_a_moment_on(store, make_run):
    store.record(make_run(1, cpu_seconds=5.0, gpu_seconds=1.0, device="cuda:0"))
    store.record(make_run(2, cpu_seconds=7.0, gpu_seconds=2.0, device="cuda:0"))
    store.record(make_run(3, cpu_seconds=None, gpu_seconds=4.0, device="cuda:1"))

    assert store.cpu_seconds_since(0) == 12.0
    assert store.cpu_seconds_since(2 * 3600.0) == 7.0
    assert store.cpu_seconds_since(2 * 3600.0 + 30) == 0.0
    assert store.gpu_seconds_since("cuda:0", 0) == 3.0
    assert store.gpu_seconds_since("cuda:1", 0) == 4.0

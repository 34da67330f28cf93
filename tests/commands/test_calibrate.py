"""`mmied calibrate` tells what each series allows, and which alarms its own past would have given."""

import json
import time
from pathlib import Path

import pytest
from judged_history import DRIFT, HOUR, P50, REFERENCE, THROUGHPUT, Kept, points_of_levels

from mmied.regression import SeriesKey

QUIET = SeriesKey("tagger", "b1", "latency_p50")
WILD = SeriesKey("tagger", "b1", "first_call")


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A history of four series: a shifted one, two quiet ones, and one too noisy for anything."""
    found = Kept(tmp_path)
    now = time.time()
    found.keep(
        points_of_levels(P50, (60, 0.010), (40, 0.012), noise=0.005, end=now),
        points_of_levels(QUIET, (100, 0.002), noise=0.01, end=now),
        points_of_levels(REFERENCE, (100, 0.001), noise=0.008, end=now),
        points_of_levels(WILD, (100, 0.05), noise=1.0, end=now),
    )
    return found


def table(said: str) -> dict[str, list[str]]:
    """The cells of the series' rows that follow their names."""
    rows = said.split("\n\n")[0].splitlines()[1:]
    return {row[: row.index("  ")]: [cell.strip() for cell in row.split("  ")[1:] if cell.strip()] for row in rows}


def test_each_series_is_told_with_its_noise_and_what_can_be_found(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kept.call("calibrate") == 0

    found = table(capsys.readouterr().out)
    assert set(found) == {
        "(host) cpu reference_compute", "ranker b8 latency_p50", "tagger b1 first_call", "tagger b1 latency_p50",
    }  # fmt: skip
    runs, noise, correlation, counts_from, found_from, alarms = found["tagger b1 latency_p50"]
    assert runs == "100"
    assert 0.5 < float(noise.split()[0]) < 1.5, "1 % was put in"
    assert abs(float(correlation)) < 0.4, "runs were independent"
    assert 0 < float(found_from.split()[0]) < 10
    assert float(counts_from.split()[0]) >= 2, "the least that the configuration asks for"
    assert alarms == "0"


def test_a_shift_in_the_past_is_an_alarm_of_the_replay_and_no_noise(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.call("calibrate")

    said = capsys.readouterr().out
    assert table(said)["ranker b8 latency_p50"][-1] == "1"
    (alarm,) = [line for line in said.splitlines() if line.startswith("alarm: ")]
    assert alarm.startswith("alarm: ranker b8 latency_p50: 2")
    assert "% worse since" in alarm
    assert float(table(said)["ranker b8 latency_p50"][1].split()[0]) < 1, "the shift is no part of the noise"
    assert "false alarms: 1 alarm in " in said
    assert "one in 1,000 is aimed at" in said


def test_a_series_that_is_too_noisy_says_so(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.call("calibrate")

    said = capsys.readouterr().out
    assert table(said)["tagger b1 first_call"][-1] == "too noisy"
    assert "too noisy to judge: tagger b1 first_call: " in said


def test_it_ends_with_what_the_host_itself_allows(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.call("calibrate", "--model", "tagger")

    said = capsys.readouterr().out
    assert "ranker" not in said
    last = said.splitlines()[-1]
    assert last.startswith("noise of this host's reference work: compute 0.")
    assert last.endswith("% (cpu)")


def test_json_has_all_of_it(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.call("calibrate", "--format", "json")

    found = json.loads(capsys.readouterr().out)
    assert found["alarms"] == 1
    assert found["aimed_at"] == 0.001
    assert found["runs"] == 300, "what is too noisy does not count"
    shifted = next(each for each in found["series"] if each["key"]["model"] == "ranker")
    (shift,) = shifted["calibration"]["shifts"]
    assert shift["worse"]
    assert shift["ratio"] == pytest.approx(0.2, abs=0.03)
    assert shifted["scatter"]["ratio"] == pytest.approx(0.005, rel=0.3)


def test_what_was_before_a_reset_is_left_out(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    with kept.opened() as store:
        store.learn_anew(P50, time.time() - 30.5 * HOUR)
    kept.call("calibrate", "--model", "ranker")

    said = capsys.readouterr().out
    assert table(said)["ranker b8 latency_p50"][0] == "31"
    assert "alarm: " not in said


def test_few_runs_say_that_they_are_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = Kept(tmp_path)
    few.keep(points_of_levels(THROUGHPUT, (2, 700.0), end=time.time()))
    assert few.call("calibrate") == 0

    said = capsys.readouterr().out
    assert table(said)["ranker b8 throughput"] == ["2", "–", "–", "–", "–", "learning"]
    assert "no series can be judged yet" in said
    assert said.endswith("noise of this host's reference work: not known yet\n")


def test_a_constant_series_has_no_noise_and_gives_no_alarm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    constant = Kept(tmp_path)
    constant.keep(points_of_levels(DRIFT, (50, 0.0), end=time.time()))
    assert constant.call("calibrate") == 0

    runs, noise, correlation, *_, alarms = table(capsys.readouterr().out)["ranker output_drift"]
    assert (runs, noise, correlation, alarms) == ("50", "0 %", "0.00", "0")


def test_a_history_without_figures_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = Kept(tmp_path)
    with empty.opened():
        pass
    assert empty.call("calibrate") == 1
    assert "no figures in the history yet" in capsys.readouterr().err


def test_an_unknown_model_is_told_with_a_hint(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    assert kept.call("calibrate", "--model", "taggr") == 1
    assert 'Did you mean "tagger"?' in capsys.readouterr().err

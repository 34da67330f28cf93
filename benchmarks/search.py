"""How much of the best speed-up does a short search find, in a quarter of the time that trying everything takes?

Each family of models is searched twice by `mmied optimize`, on one thread: with a budget that bears every candidate,
and with somewhat less than a quarter of the time that this took, ten minutes at most. Random samples stand for
calibration data, so that what needs it is tried too; nothing is said of accuracy. Reports are kept in a folder, and a
search that is there already is not repeated: the whole takes hours.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from families import FAMILIES
from figures import Figure, report
from host import describe_host

from mmied.commands.table import format_table
from mmied.optimization import Search
from mmied.reports.documents import read_search

TOKENS = "[batch, 64], dtype: int64, range: [0, {vocabulary}]"
INPUTS = {
    "mlp": "[batch, 512]",
    "te256": TOKENS.format(vocabulary=10_000),
    "te512": TOKENS.format(vocabulary=30_000),
    "bert": TOKENS.format(vocabulary=30_522),
    "gpt2": TOKENS.format(vocabulary=20_000),
    "lstm": TOKENS.format(vocabulary=10_000),
    "resnet18": "[batch, 3, 224, 224]",
    "resnet50": "[batch, 3, 224, 224]",
}
BATCH_SIZES = (1, 8)
BASELINE = "baseline"
CALIBRATION_SAMPLES = 64
EVERYTHING_SECONDS, SHORT_SECONDS = 4 * 3600.0, 600.0
FOUND_RATIO, TIME_RATIO = 0.90, 0.25
BUDGET_RATIO = 0.9  # of the time that is allowed: the last trial is brought to its end


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", nargs="+", choices=tuple(INPUTS), default=tuple(INPUTS))
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the reports are kept")
    options = parser.parse_args()
    describe_host()
    figures: list[Figure] = []
    rows: list[tuple[str, ...]] = []
    for name in options.families:
        whole = searched(name, EVERYTHING_SECONDS, options.output / "everything")
        budget_seconds = min(SHORT_SECONDS, BUDGET_RATIO * TIME_RATIO * whole.spent_seconds)
        short = searched(name, budget_seconds, options.output / "short")
        figures.append(tell_time(name, whole, short))
        for batch_size in BATCH_SIZES:
            (best, by), (found, found_by) = best_of(whole, batch_size), best_of(short, batch_size)
            rows.append((name, str(batch_size), f"{best:.2f}x {by}", f"{found:.2f}x {found_by}"))
            figures.append(tell_found(f"{name} b{batch_size}", whole, short, batch_size))
        print(format_table(("family", "batch", "everything", "the short search"), rows), "\n", flush=True)
    return report(figures)


def tell_time(name: str, whole: Search, short: Search) -> Figure:
    """Return the line of what the searches took, and of what they left undone."""
    share = short.spent_seconds / whole.spent_seconds
    unfit = sum(not trial.fit for trial in whole.trials)
    left = f", {len(whole.left)} candidates left out" if whole.left else ""
    busy = f", {unfit} candidates not told for contention" if unfit else ""
    return Figure(
        what=f"{name}: time of the short search over that of trying everything",
        shown=f"{share:.0%} of {whole.spent_seconds / 60:.0f} min{left}{busy}",
        bar=f"≤ {TIME_RATIO:.0%}",
        met=share <= TIME_RATIO,
    )


def tell_found(what: str, whole: Search, short: Search, batch_size: int) -> Figure:
    """Return the line of what the short search found. Where nothing helped there was nothing to find."""
    (best, by), (found, found_by) = best_of(whole, batch_size), best_of(short, batch_size)
    what = f"{what}: found of the best speed-up"
    if by == BASELINE:
        return Figure(what=what, shown="nothing: trying everything found nothing that helps either")
    # By the figures of one and the same search: those of two differ by some percent for the same candidate.
    again = speedup(whole, found_by, batch_size)
    reached = (found if again is None else again) / best
    return Figure(what=what, shown=f"{reached:.0%}", bar=f"≥ {FOUND_RATIO:.0%}", met=reached >= FOUND_RATIO)


def searched(name: str, budget_seconds: float, output: Path) -> Search:
    """Return the search of a family with a budget: the one that is kept, or a new one."""
    folder = output.absolute() / name
    kept = folder / f"{name}_search.json"
    part = kept.with_name(f"{kept.name}.part")  # of one that was cut short
    if not kept.is_file() or part.exists():
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "mmied.yaml"
        config.write_text(
            f"state: {folder}/state\n"
            "models:\n"
            f"  - name: {name}\n"
            f"    source: {{factory: 'families:made', arguments: {{name: {name}}}}}\n"
            f"    inputs: [{{shape: {INPUTS[name]}}}]\n"
            f"    batch_sizes: [{', '.join(map(str, BATCH_SIZES))}]\n"
            "    threads: 1\n"
        )
        command: list[str | Path] = [sys.executable, "-m", "mmied", "optimize", "--config", config, "--name", name]
        command += ["--budget", f"{budget_seconds:.0f}s", "--output-dir", folder, "--format", "json"]
        command += ["--calibration", calibration_of(name, folder)]
        command += ["--resume"] if part.exists() else []
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        subprocess.run(command, check=True, env=environ)
    return read_search(kept.read_bytes(), str(kept))


def calibration_of(name: str, folder: Path) -> Path:
    """Write random samples of a family's inputs, and return the file."""
    import numpy
    import torch

    torch.manual_seed(0)
    (samples,), _ = next(family for family in FAMILIES if family.name == name).make(CALIBRATION_SAMPLES)
    numpy.savez(folder / "samples.npz", x=samples.numpy())
    return folder / "samples.npz"


def best_of(search: Search, batch_size: int) -> tuple[float, str]:
    """Return the best speed-up of what was said to help, and which it was; 1 for the deployed model itself.

    Larger batches are another question: they are faster per sample, and make each request wait.
    """
    found = [(1.0, BASELINE)]
    for trial in search.trials:
        if trial.verdict == "helps" and not trial.candidate.startswith("batch_size"):
            ratio = speedup(search, trial.candidate, batch_size)
            found += [(ratio, trial.candidate)] if ratio is not None else []
    return max(found)


def speedup(search: Search, candidate: str, batch_size: int) -> float | None:
    """Return the measured speed-up of a candidate at a batch size; None where it has none."""
    ratios = (ratio for trial in search.trials if trial.candidate == candidate for ratio in trial.ratios)
    return next((ratio.speedup_ratio for ratio in ratios if ratio.batch_size == batch_size), None)


if __name__ == "__main__":
    sys.exit(main())

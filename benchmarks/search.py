"""How much of the best speed-up does a short search find, in a quarter of the time that trying everything takes?

Each family of models is searched twice by `mmied optimize`: with a budget that bears every candidate, and with a
quarter of the time that this took, ten minutes at most. Reports are kept in a folder, and a search that is there
already is not repeated: the whole takes hours.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

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
EVERYTHING_SECONDS, SHORT_SECONDS = 4 * 3600.0, 600.0
FOUND_RATIO, TIME_RATIO = 0.90, 0.25


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
        budget_seconds = min(SHORT_SECONDS, TIME_RATIO * whole.spent_seconds)
        short = searched(name, budget_seconds, options.output / "short")
        share = short.spent_seconds / whole.spent_seconds
        figures.append(
            Figure(
                what=f"{name}: time of the short search over that of trying everything",
                shown=f"{share:.0%} of {whole.spent_seconds / 60:.0f} min",
                bar=f"about {TIME_RATIO:.0%} at most",  # the last trial is brought to its end
                met=share <= 1.2 * TIME_RATIO,
            )
        )
        for batch_size in BATCH_SIZES:
            (best, by), (found, found_by) = best_of(whole, batch_size), best_of(short, batch_size)
            rows.append((name, str(batch_size), f"{best:.2f}x {by}", f"{found:.2f}x {found_by}"))
            # The same candidate measured twice is no loss of the search's: the two agree within a few percent.
            again = speedup(whole, found_by, batch_size)
            reached = max(found, again or 0.0) / best
            figures.append(
                Figure(
                    what=f"{name} b{batch_size}: found of the best speed-up",
                    shown=f"{reached:.0%}",
                    bar=f"≥ {FOUND_RATIO:.0%}",
                    met=reached >= FOUND_RATIO,
                )
            )
        print(format_table(("family", "batch", "everything", "the short search"), rows), "\n", flush=True)
    return report(figures)


def searched(name: str, budget_seconds: float, output: Path) -> Search:
    """Return the search of a family with a budget: the one that is kept, or a new one."""
    folder = output.absolute() / name
    kept = folder / f"{name}_search.json"
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "mmied.yaml"
        config.write_text(
            f"state: {folder}/state\n"
            "models:\n"
            f"  - name: {name}\n"
            f"    source: {{factory: 'families:made', arguments: {{name: {name}}}}}\n"
            f"    inputs: [{{shape: {INPUTS[name]}}}]\n"
            f"    batch_sizes: [{', '.join(map(str, BATCH_SIZES))}]\n"
        )
        command: list[str | Path] = [sys.executable, "-m", "mmied", "optimize", "--config", config, "--name", name]
        command += ["--budget", f"{budget_seconds:.0f}s", "--output-dir", folder, "--format", "json", "--resume"]
        if not kept.with_name(f"{kept.name}.part").exists():
            command.pop()
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        subprocess.run(command, check=True, env=environ)
    return read_search(kept.read_bytes(), str(kept))


def best_of(search: Search, batch_size: int) -> tuple[float, str]:
    """Return the best speed-up of what was said to help, and which it was; 1 for the deployed model itself.

    Larger batches are another question: they are faster per sample, and make each request wait.
    """
    found = [(1.0, "baseline")]
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

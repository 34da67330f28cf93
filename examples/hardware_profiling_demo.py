"""Profile two transformer encoders and a feed-forward baseline, compare them, and write charts and reports.

python examples/hardware_profiling_demo.py --output-dir hardware_profile
"""

import argparse
import json
from pathlib import Path

import torch

from mmied import ModelBenchmarkSuite, ModelProfiler
from mmied.bench.demo import TransformerEncoder, feed_forward

SEQUENCE = 64
INPUT_SIZE = 512


def generate_input(batch_size: int, seq_length: int, vocab_size: int) -> torch.Tensor:
    """Return random token ids."""
    return torch.randint(0, vocab_size, (batch_size, seq_length))


def make_models(*, tiny: bool) -> dict[str, torch.nn.Module]:
    """Return the three models by name."""
    small = {"d_model": 256, "heads": 4, "layers": 2, "feed_forward": 512}
    medium = {"d_model": 512, "heads": 8, "layers": 6, "feed_forward": 2048}
    if tiny:
        small = medium = {"d_model": 16, "heads": 2, "layers": 1, "feed_forward": 32}
    return {
        "small transformer": TransformerEncoder(vocabulary=10_000, **small),
        "medium transformer": TransformerEncoder(vocabulary=30_000, **medium),
        "feed-forward": feed_forward((INPUT_SIZE, 1024, 1024, 512, 512)),
    }


def main() -> None:
    arguments = parse_arguments()
    torch.manual_seed(0)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    limit_seconds = 0.3 if arguments.quick or arguments.tiny else 5.0
    models = make_models(tiny=arguments.tiny)
    inputs = {
        "small transformer": lambda batch_size: generate_input(batch_size, SEQUENCE, 10_000),
        "medium transformer": lambda batch_size: generate_input(batch_size, SEQUENCE, 30_000),
        "feed-forward": lambda batch_size: torch.randn(batch_size, INPUT_SIZE),
    }
    folder = arguments.output_dir
    folder.mkdir(parents=True, exist_ok=True)

    # One profiler looks into each model.
    profiler = ModelProfiler(device=arguments.device, limit_seconds=limit_seconds)
    for name, model in models.items():
        result = profiler.profile_model(
            model,
            inputs[name],
            arguments.batch_sizes,
            name=name,
            detailed_analysis=not (arguments.quick or arguments.tiny),
        )
        print(f"{result}\n")
        stem = name.replace(" ", "_")
        profiler.plot_metrics(folder / f"{stem}_charts")
        print(profiler.generate_html_report(folder / f"{stem}.html"))
        profiler.export_json(folder / f"{stem}.json")

    # The suite holds them against each other, their calls in turn.
    suite = ModelBenchmarkSuite(models, profiler, batch_sizes=arguments.batch_sizes)
    suite.run()
    print(suite.compare_optimizations(num_runs=20, limit_seconds=10.0))
    suite.generate_report(["markdown", "html", "json", "csv"], folder, pictures=True)
    summary = {name: result["latency"] | result["memory"] for name, result in suite.results.items()}
    (folder / "summary.json").write_text(json.dumps(summary, indent=2))
    print(folder / "benchmark_report.html")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output-dir", type=Path, default=Path("hardware_profile"), help="where the reports go")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, help="compute threads; as many as torch takes by itself")
    parser.add_argument(
        "--batch-sizes", type=int, nargs="+", metavar="N", help="how many samples a call has; 1 8 32, quickly 1 8"
    )
    parser.add_argument("--quick", action="store_true", help="less time for each measurement, and no deep passes")
    parser.add_argument("--tiny", action="store_true", help="tiny models, quickly: to try this script out")
    arguments = parser.parse_args()
    arguments.batch_sizes = arguments.batch_sizes or ([1, 8] if arguments.quick or arguments.tiny else [1, 8, 32])
    return arguments


if __name__ == "__main__":
    main()

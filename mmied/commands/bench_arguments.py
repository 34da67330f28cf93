"""The command lines of profile, compare and flamegraph: what may be asked for, and whom it is handed to."""

import argparse
from collections.abc import Callable
from pathlib import Path

FLAME_PROFILERS = ("torch", "pyinstrument", "cprofile", "py-spy")
DEFAULT_FORMATS = "html,json"
INPUT_HELP = 'each in quotes: "shape=batch,64 dtype=int64 range=0,10000"; an exported program tells its own'
DATASET_HELP = (
    "recorded samples as inputs: a .npz or .safetensors file, or a folder with one; the array labels, targets or y "
    "is no input"
)
THRESHOLD_HELP = (
    "exit status 1 unless kept in every workload, or with @ in those of one batch size (p99@8:150ms): latency (the "
    "mean), p50, p95, p99, max, first_call, end_to_end, load in ns, us, ms, s; throughput in samples/s, requests/s or "
    "what --unit names; memory (its peak), activation, size in MB, MiB, GB; a figure that could not be had is not kept"
)

AddVerb = Callable[..., argparse.ArgumentParser]


def add_bench_commands(
    add_verb: Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser],
) -> None:
    """Add the three commands, each by `add_verb(name, function, help)`."""
    _add_profile(
        add_verb("profile", _profile, "measure a model now, and report; a gate with --threshold or --baseline")
    )
    _add_compare(
        add_verb("compare", _compare, "measure several models in turn, and tell which is faster, smaller, better")
    )
    _add_flamegraph(add_verb("flamegraph", _flamegraph, "show where the time of a model's calls goes"))


def _add_profile(parser: argparse.ArgumentParser) -> None:
    _add_model(parser, "--model-path", "--model")
    parser.add_argument("--as", dest="called", metavar="NAME", help="what to call the model; default: its file's name")
    _add_inputs(parser)
    load = parser.add_argument_group("what is measured")
    load.add_argument(
        "--batch-size", type=positive, nargs="+", metavar="SAMPLES", help="one or several; default: 1, or as configured"
    )
    load.add_argument(
        "--precision",
        nargs="+",
        metavar="NAME",
        help="fp32, fp16, bf16 or amp, one or several; default: the model's own",
    )
    load.add_argument(
        "--num-runs", type=positive, metavar="CALLS", help="default: as many as p99 takes, within --time-limit"
    )
    load.add_argument("--warmup-runs", type=_natural, metavar="CALLS", help="default: until the latency is steady")
    load.add_argument("--time-limit", metavar="TIME", help="for each workload without --num-runs; default: 5s")
    load.add_argument(
        "--preprocess", metavar="PACKAGE.MODULE:FUNCTION", help="called with the inputs, gives the model's"
    )
    load.add_argument("--postprocess", metavar="PACKAGE.MODULE:FUNCTION", help="called with the model's output")
    load.add_argument(
        "--unit", nargs="+", default=[], metavar="NAME=NUMBER", help="what a sample holds: tokens=128, for tokens/s"
    )
    load.add_argument("--no-details", action="store_true", help="leave out layers, operators, FLOPs, memory timeline")
    _add_place(load)
    gate = parser.add_argument_group("what is judged")
    gate.add_argument(
        "--threshold", nargs="+", action="extend", default=[], metavar="METRIC:LIMIT", help=THRESHOLD_HELP
    )
    gate.add_argument(
        "--baseline", type=Path, metavar="FILE", help="the .json of an earlier profile; exit status 1 for a regression"
    )
    report = parser.add_argument_group("what is written")
    report.add_argument("--output-dir", type=Path, required=True, metavar="DIR", help="where to write")
    report.add_argument(
        "--format",
        nargs="+",
        default=[DEFAULT_FORMATS],
        metavar="FORMAT",
        help="html, json, csv, markdown; default: html,json",
    )
    _add_pictures(report)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models",
        nargs="+",
        action="extend",
        required=True,
        metavar="NAME:FILE",
        help='"original:a.pt,quantized:b.pt2", or several; the first is the baseline',
    )
    parser.add_argument(
        "--trust", nargs="+", action="extend", default=[], metavar="NAME=sha256:DIGEST", help="for pickles"
    )
    _add_inputs(parser)
    load = parser.add_argument_group("what is measured")
    load.add_argument(
        "--batch-size", type=positive, default=32, metavar="SAMPLES", help="beside single samples; default: %(default)s"
    )
    load.add_argument(
        "--num-runs", type=positive, default=100, metavar="CALLS", help="of each model, at least; default: %(default)s"
    )
    load.add_argument("--time-limit", metavar="TIME", help="for each batch size, all models together; default: 60s")
    load.add_argument(
        "--metric",
        metavar="PACKAGE.MODULE:FUNCTION",
        help="called with outputs and labels of all samples, gives a number; default: accuracy, or mse for real labels",
    )
    _add_place(load)
    report = parser.add_argument_group("what is written")
    report.add_argument("--save-dir", type=Path, required=True, metavar="DIR", help="where to write")
    report.add_argument(
        "--report-format",
        nargs="+",
        default=[DEFAULT_FORMATS],
        metavar="FORMAT",
        help="html, json, csv, markdown; default: html,json",
    )
    _add_pictures(report)


def _add_flamegraph(parser: argparse.ArgumentParser) -> None:
    _add_model(parser, "--model")
    _add_inputs(parser)
    parser.add_argument("--profiler", choices=FLAME_PROFILERS, default="torch", help="default: %(default)s")
    parser.add_argument("--batch-size", type=positive, default=1, metavar="SAMPLES", help="default: %(default)s")
    parser.add_argument("--num-runs", type=positive, default=20, metavar="CALLS", help="default: %(default)s")
    _add_place(parser)
    parser.add_argument("--save-dir", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="the .json of an earlier run, to show what differs"
    )


def _add_model(parser: argparse.ArgumentParser, *names: str) -> None:
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument(*names, dest="model", metavar="FILE", help="a model file or folder, or package.module:factory")
    model.add_argument("--config", type=Path, metavar="FILE", help="take model, inputs and limits from a configuration")
    parser.add_argument("--name", metavar="MODEL", help="which model of the configuration")
    parser.add_argument("--source-kind", metavar="KIND", help="default: told by the content")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="what a factory's model is to load")
    parser.add_argument("--trust", metavar="sha256:DIGEST", help="the hash of a model file that may be loaded as code")


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    inputs = parser.add_mutually_exclusive_group()
    inputs.add_argument("--inputs", nargs="+", default=[], metavar="INPUT", help=INPUT_HELP)
    inputs.add_argument("--dataset", type=Path, metavar="PATH", help=DATASET_HELP)


def _add_place(parser: "argparse._ActionsContainer") -> None:
    parser.add_argument("--device", metavar="DEVICE", help="cpu, cuda or cuda:N; default: cpu, or as configured")
    parser.add_argument("--use-cuda", action="store_true", help="the same as --device cuda")
    parser.add_argument("--threads", type=positive, metavar="NUMBER", help="default: torch's own, or as configured")
    parser.add_argument("--timeout", metavar="TIME", help="end a worker then; default: 30m, or as configured")
    parser.add_argument(
        "--worker-memory", metavar="SIZE", help="most that a worker may take; default: 8GB, or as configured"
    )


def _add_pictures(parser: "argparse._ActionsContainer") -> None:
    parser.add_argument(
        "--pictures", nargs="+", default=[], metavar="FORMAT", help="png, svg or pdf, drawn with matplotlib"
    )


def positive(text: str) -> int:
    """Return a whole number from 1 on, as argparse wants it checked."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below zero")
    return value


# A verb imports what it needs when it is called: `mmied status` does not wait for a web server to be imported.


def _profile(options: argparse.Namespace) -> int:
    from mmied.commands.model_options import chosen_model, parse_time, parse_units, with_place
    from mmied.commands.profile import ProfileRequest, profile

    model = chosen_model(
        options.model,
        kind=options.source_kind,
        weights=options.weights,
        trust=options.trust,
        inputs=options.inputs,
        dataset=options.dataset,
        config=options.config,
        name=options.name,
        device=_device(options),
        option="--model-path",
    )
    return profile(
        with_place(model, threads=options.threads, timeout=options.timeout, memory=options.worker_memory),
        ProfileRequest(
            called=options.called,
            batch_sizes=tuple(options.batch_size or ()),
            precisions=tuple(options.precision or ()),
            num_runs=options.num_runs,
            warmup_runs=options.warmup_runs,
            limit_seconds=parse_time(options.time_limit, "--time-limit"),
            preprocess=options.preprocess,
            postprocess=options.postprocess,
            items_per_sample=parse_units(options.unit),
            detailed=not options.no_details,
        ),
        thresholds=options.threshold,
        baseline=options.baseline,
        output_dir=options.output_dir,
        formats=options.format,
        pictures=options.pictures,
    )


def _compare(options: argparse.Namespace) -> int:
    from mmied.commands.compare import compare, parse_models
    from mmied.commands.model_options import parse_time, with_place

    models = parse_models(
        options.models,
        trust=options.trust,
        inputs=options.inputs,
        dataset=options.dataset,
        device=_device(options),
    )
    return compare(
        [
            with_place(model, threads=options.threads, timeout=options.timeout, memory=options.worker_memory)
            for model in models
        ],
        batch_size=options.batch_size,
        num_runs=options.num_runs,
        limit_seconds=parse_time(options.time_limit, "--time-limit"),
        metric=options.metric,
        save_dir=options.save_dir,
        formats=options.report_format,
        pictures=options.pictures,
    )


def _flamegraph(options: argparse.Namespace) -> int:
    from mmied.commands.flamegraph import flamegraph
    from mmied.commands.model_options import chosen_model, with_place

    model = chosen_model(
        options.model,
        kind=options.source_kind,
        weights=options.weights,
        trust=options.trust,
        inputs=options.inputs,
        dataset=options.dataset,
        config=options.config,
        name=options.name,
        device=_device(options),
    )
    return flamegraph(
        with_place(model, threads=options.threads, timeout=options.timeout, memory=options.worker_memory),
        profiler=options.profiler,
        batch_size=options.batch_size,
        num_runs=options.num_runs,
        save_dir=options.save_dir,
        compare=options.compare,
    )


def _device(options: argparse.Namespace) -> str | None:
    return "cuda" if options.use_cuda else options.device

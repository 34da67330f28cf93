"""The command lines of profile, compare and flamegraph: what may be asked for, and whom it is handed to."""

import argparse
from collections.abc import Callable
from pathlib import Path

from mmied.commands.shared_arguments import (
    add_formats,
    add_inputs,
    add_model,
    add_pictures,
    add_place,
    device_of,
    model_of,
    natural,
    placed,
    positive,
)

FLAME_PROFILERS = ("torch", "pyinstrument", "cprofile", "py-spy")
THRESHOLD_HELP = (
    "exit status 1 unless kept in every workload, or with @ in those of one batch size (p99@8:150ms): latency (the "
    "mean), p50, p95, p99, max, first_call, end_to_end, load in ns, us, ms, s; throughput in samples/s, requests/s or "
    "what --unit names; memory (its peak), activation, size in MB, MiB, GB; a figure that could not be had is not kept"
)


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
    add_model(parser, "--model-path", "--model")
    parser.add_argument("--as", dest="called", metavar="NAME", help="what to call the model; default: its file's name")
    add_inputs(parser)
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
    load.add_argument("--warmup-runs", type=natural, metavar="CALLS", help="default: until the latency is steady")
    load.add_argument("--time-limit", metavar="TIME", help="for each workload without --num-runs; default: 5s")
    load.add_argument(
        "--preprocess", metavar="PACKAGE.MODULE:FUNCTION", help="called with the inputs, gives the model's"
    )
    load.add_argument("--postprocess", metavar="PACKAGE.MODULE:FUNCTION", help="called with the model's output")
    load.add_argument(
        "--unit", nargs="+", default=[], metavar="NAME=NUMBER", help="what a sample holds: tokens=128, for tokens/s"
    )
    load.add_argument("--no-details", action="store_true", help="leave out layers, operators, FLOPs, memory timeline")
    add_place(load)
    gate = parser.add_argument_group("what is judged")
    gate.add_argument(
        "--threshold", nargs="+", action="extend", default=[], metavar="METRIC:LIMIT", help=THRESHOLD_HELP
    )
    gate.add_argument(
        "--baseline", type=Path, metavar="FILE", help="the .json of an earlier profile; exit status 1 for a regression"
    )
    report = parser.add_argument_group("what is written")
    report.add_argument("--output-dir", type=Path, required=True, metavar="DIR", help="where to write")
    add_formats(report, "--format")
    add_pictures(report)


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
    add_inputs(parser)
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
    add_place(load)
    report = parser.add_argument_group("what is written")
    report.add_argument("--save-dir", type=Path, required=True, metavar="DIR", help="where to write")
    add_formats(report, "--report-format")
    add_pictures(report)


def _add_flamegraph(parser: argparse.ArgumentParser) -> None:
    add_model(parser, "--model")
    add_inputs(parser)
    parser.add_argument("--profiler", choices=FLAME_PROFILERS, default="torch", help="default: %(default)s")
    parser.add_argument("--batch-size", type=positive, default=1, metavar="SAMPLES", help="default: %(default)s")
    parser.add_argument("--num-runs", type=positive, default=20, metavar="CALLS", help="default: %(default)s")
    add_place(parser)
    parser.add_argument("--save-dir", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="the .json of an earlier run, to show what differs"
    )


# A verb imports what it needs when it is called: `mmied status` does not wait for a web server to be imported.


def _profile(options: argparse.Namespace) -> int:
    from mmied.commands.model_options import parse_time, parse_units
    from mmied.commands.profile import ProfileRequest, profile

    return profile(
        model_of(options, option="--model-path"),
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
    from mmied.commands.model_options import parse_time

    models = parse_models(
        options.models,
        trust=options.trust,
        inputs=options.inputs,
        dataset=options.dataset,
        device=device_of(options),
    )
    return compare(
        [placed(model, options) for model in models],
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

    return flamegraph(
        model_of(options),
        profiler=options.profiler,
        batch_size=options.batch_size,
        num_runs=options.num_runs,
        save_dir=options.save_dir,
        compare=options.compare,
    )

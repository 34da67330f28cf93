"""The command line of optimize: what may be asked for, and whom it is handed to."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmied.commands.shared_arguments import add_formats, add_inputs, add_model, model_of, positive
from mmied.errors import MmiedError

AddVerb = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


def add_optimize_command(add_verb: AddVerb) -> None:
    """Add the command by `add_verb(name, function, help)`."""
    parser = add_verb("optimize", _optimize, "try what may make a model faster, and tell what helps and what it costs")
    add_model(parser, "--model", "--model-path")
    parser.add_argument("--list", action=_List, help="tell the candidates that there are, and end")
    add_inputs(parser)
    tried = parser.add_argument_group("what is tried")
    tried.add_argument(
        "--candidates",
        nargs="+",
        default=[],
        metavar="NAME",
        help="of --list, or package.module:function of your own; default: all",
    )
    tried.add_argument(
        "--batch-size",
        type=positive,
        nargs="+",
        metavar="SAMPLES",
        help="one or several; default: 1 8, or as configured",
    )
    tried.add_argument("--budget", metavar="TIME", help="of the search; default: 10m, or as configured")
    tried.add_argument("--minimum-effect", metavar="PERCENT", help="the least gain that is worth it; default: 10%%")
    tried.add_argument("--resume", action="store_true", help="go on with the search whose report is in --output-dir")
    tried.add_argument("--device", metavar="DEVICE", help="cpu, cuda or cuda:N; default: cpu, or as configured")
    tried.add_argument("--use-cuda", action="store_true", help="the same as --device cuda")
    tried.add_argument("--threads", type=positive, metavar="NUMBER", help="of the deployment; default: torch's own")
    tried.add_argument("--worker-memory", metavar="SIZE", help="most for each process; default: 8GB, or as configured")
    data = parser.add_argument_group("what you have beside the model")
    data.add_argument("--calibration", type=Path, metavar="PATH", help="recorded inputs, for static quantization")
    data.add_argument(
        "--fine-tune", metavar="PACKAGE.MODULE:FUNCTION", help="trains the model that it is given, for pruning"
    )
    data.add_argument("--evaluation", type=Path, metavar="PATH", help="labelled samples, to guard the task's accuracy")
    data.add_argument(
        "--metric",
        metavar="NAME",
        help="accuracy, mse, or package.module:function of outputs and labels (more is better); default: by the labels",
    )
    data.add_argument(
        "--max-drop",
        type=float,
        metavar="NUMBER",
        help="by how much the metric may be worse, in its own unit; default: 0.005",
    )
    report = parser.add_argument_group("what is written")
    report.add_argument(
        "--output-dir", type=Path, default=Path("mmied-optimize"), metavar="DIR", help="default: %(default)s"
    )
    add_formats(report, "--format")
    report.add_argument("--apply", metavar="NAME", help="make this candidate, and write it as --output")
    report.add_argument("--output", type=Path, metavar="DIR", help="a new folder for --apply")


class _List(argparse.Action):
    """Tells the candidates; as --version, it asks for nothing else."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, default=argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *unused: Any) -> None:
        from mmied.commands.optimize import list_candidates

        try:
            print(list_candidates())
        except MmiedError as error:
            parser.exit(error.exit_status, f"mmied: {error}\n")
        parser.exit()


# A verb imports what it needs when it is called: `mmied status` does not wait for a web server to be imported.


def _optimize(options: argparse.Namespace) -> int:
    from mmied.commands.optimize import optimize
    from mmied.commands.optimize_request import OptimizeRequest

    return optimize(
        model_of(options),
        OptimizeRequest(
            candidates=tuple(options.candidates),
            batch_sizes=tuple(options.batch_size or ()),
            budget=options.budget,
            minimum_effect=options.minimum_effect,
            calibration=options.calibration,
            fine_tune=options.fine_tune,
            evaluation=options.evaluation,
            metric=options.metric,
            max_drop=options.max_drop,
            resume=options.resume,
            apply=options.apply,
            output=options.output,
        ),
        output_dir=options.output_dir,
        formats=options.format,
    )

"""The options that several commands share, and the model that they name."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmied.commands.model_options import ChosenModel

DEFAULT_FORMATS = "html,json"
INPUT_HELP = 'each in quotes: "shape=batch,64 dtype=int64 range=0,10000"; an exported program tells its own'
DATASET_HELP = (
    "recorded samples as inputs: a .npz or .safetensors file, or a folder with one; the array labels, targets or y "
    "is no input"
)


def add_model(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the options that say which model, its file by `names`."""
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument(*names, dest="model", metavar="FILE", help="a model file or folder, or package.module:factory")
    model.add_argument("--config", type=Path, metavar="FILE", help="take model, inputs and limits from a configuration")
    parser.add_argument("--name", metavar="MODEL", help="which model of the configuration")
    parser.add_argument("--source-kind", metavar="KIND", help="default: told by the content")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="what a factory's model is to load")
    parser.add_argument("--trust", metavar="sha256:DIGEST", help="the hash of a model file that may be loaded as code")


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what a model is called with."""
    inputs = parser.add_mutually_exclusive_group()
    inputs.add_argument("--inputs", nargs="+", default=[], metavar="INPUT", help=INPUT_HELP)
    inputs.add_argument("--dataset", type=Path, metavar="PATH", help=DATASET_HELP)


def add_place(parser: "argparse._ActionsContainer") -> None:
    """Add the options that say where a model runs, and what its workers may use."""
    parser.add_argument("--device", metavar="DEVICE", help="cpu, cuda or cuda:N; default: cpu, or as configured")
    parser.add_argument("--use-cuda", action="store_true", help="the same as --device cuda")
    parser.add_argument("--threads", type=positive, metavar="NUMBER", help="default: torch's own, or as configured")
    parser.add_argument("--timeout", metavar="TIME", help="end a worker then; default: 30m, or as configured")
    parser.add_argument(
        "--worker-memory", metavar="SIZE", help="most that a worker may take; default: 8GB, or as configured"
    )


def add_formats(parser: "argparse._ActionsContainer", name: str) -> None:
    """Add the option that says as what a report is written."""
    parser.add_argument(
        name,
        nargs="+",
        default=[DEFAULT_FORMATS],
        metavar="FORMAT",
        help="html, json, csv, markdown; default: html,json",
    )


def add_pictures(parser: "argparse._ActionsContainer") -> None:
    """Add the option that says as what charts are drawn."""
    parser.add_argument(
        "--pictures", nargs="+", default=[], metavar="FORMAT", help="png, svg or pdf, drawn with matplotlib"
    )


def positive(text: str) -> int:
    """Return a whole number from 1 on, as argparse wants it checked."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def natural(text: str) -> int:
    """Return a whole number from 0 on, as argparse wants it checked."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below zero")
    return value


# A verb imports what it needs when it is called: `mmied status` does not wait for a configuration to be understood.


def model_of(options: argparse.Namespace, *, option: str = "--model") -> "ChosenModel":
    """Return the model of the options; `option` names its file. Raises ConfigError or MmiedError."""
    from mmied.commands.model_options import chosen_model

    model = chosen_model(
        options.model,
        kind=options.source_kind,
        weights=options.weights,
        trust=options.trust,
        inputs=options.inputs,
        dataset=options.dataset,
        config=options.config,
        name=options.name,
        device=device_of(options),
        option=option,
    )
    return placed(model, options)


def placed(model: "ChosenModel", options: argparse.Namespace) -> "ChosenModel":
    """Return a model with the threads and limits of the options. Raises MmiedError."""
    from mmied.commands.model_options import with_place

    timeout = vars(options).get("timeout")  # not every command has one
    return with_place(model, threads=options.threads, timeout=timeout, memory=options.worker_memory)


def device_of(options: argparse.Namespace) -> str | None:
    """Return the device that the options name."""
    return "cuda" if options.use_cuda else options.device

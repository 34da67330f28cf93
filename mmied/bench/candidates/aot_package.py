"""An AOTInductor package: the model compiled ahead into a file, which a server loads without a compiler."""

from typing import Any

from mmied.bench.candidates.graphs import as_module, exported, operators
from mmied.bench.candidates.half_precision import cast, count_casts
from mmied.bench.optimize.package_model import PackageModel, to_package
from mmied.bench.optimize.recipe import Recipe, attach
from mmied.bench.trial.context import Applied, Context

LOCK_IN = ("this kind of processor, for which the package is machine code", "the torch that it was made with")


def apply(model: Any, context: Context, *, dtype: str | None = None) -> Applied:
    """Compile the model ahead for all batch sizes, with its weights as constants, in `dtype` where one is given."""
    changed = {} if dtype is None else count_casts(model, dtype)
    module = as_module(model, context)
    program = exported(module if dtype is None else cast(module, dtype), context)
    package = to_package(program.program, program.facts, context.device)
    changed |= {"operators": operators(program), "bytes": len(package.package)}
    recipe = Recipe(
        kind="package",
        backend="inductor",
        settings={"dtype": dtype, "freezing": True},
        changed=changed,
        notes=program.notes,
    )
    return packaged(package, recipe)


def packaged(package: PackageModel, recipe: Recipe) -> Applied:
    """Return a package as it is served, ready to be saved."""
    call = attach(package, recipe)
    return Applied(call=call, changed=recipe.changed, notes=recipe.notes, lock_in=LOCK_IN)

"""How much arithmetic is in a call? torch's counter, told the truth, and how much of the time it could count.

The counter sees operators and takes each from the shapes of its tensors. The fused path of transformer encoders is
off meanwhile, so that it sees the layers that it is made of; fused operators that remain, as in TorchScript and
recurrent layers, have formulas of ours. Elementwise operations, softmax and normalisation count nothing, as everywhere
where FLOPs are told: their few operations an element wait for memory. Products of integers count nothing either.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.export._tree_utils import reorder_kwargs
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from mmied.bench.profilers.fast_path import unfused
from mmied.bench.profilers.flop_coverage import (
    costliest_uncounted,
    coverage_ratio,
    spent_by_operator,
    trace_operators,
)
from mmied.bench.profilers.flop_formulas import formulas
from mmied.bench.profilers.model_tree import is_exported, module_stack
from mmied.bench.profilers.recorded import Target, profiled_call
from mmied.errors import ModelError
from mmied.inspection import Flops
from mmied.reports.kinds import kind_of_operation

SETTLING_CALLS = 2  # TorchScript optimizes in its first calls, and may not be watched while it does

CONVENTION = "elementwise operations, softmax and normalisation count nothing, by convention"
UNCOUNTABLE = "Count the model that this one was made from."
INTEGERS = "products of integers are no floating point operations and count nothing: {}"


def profile(target: Target) -> Flops:
    """Return the operations of one call, by operator and by module.

    Raises ModelError where nothing of what the model runs can be counted, as of code that was compiled ahead of time:
    that is no model without arithmetic.
    """
    for _ in range(SETTLING_CALLS):
        profiled_call(target)
    with unfused(), FlopCounterMode(display=False, custom_mapping=formulas()) as counter:
        if is_exported(target.model):
            by_layer = _call_by_nodes(target, counter)
        else:
            profiled_call(target)
            by_layer = _by_layer(target.model, counter.get_flop_counts())
    counted = counter.get_flop_counts().get("Global", {})
    by_operator = {_name(packet): float(count) for packet, count in counted.items()}
    total = sum(by_operator.values())
    spent = spent_by_operator(trace_operators(target), {_name(packet) for packet in counter.flop_registry})
    uncounted = costliest_uncounted(spent)
    is_module = isinstance(target.model, torch.nn.Module)
    if not by_operator and not (is_module and uncounted and all(map(_is_free, uncounted))):
        raise ModelError(f"FLOPs cannot be counted: {_what_runs(is_module, uncounted)}. {UNCOUNTABLE}")
    integers = tuple(name for name in uncounted if name.startswith("quantized::") or name == "aten::_int_mm")
    return Flops(
        flops=total,
        coverage_ratio=coverage_ratio(spent),
        by_operator=dict(sorted(by_operator.items(), key=lambda item: -item[1])),
        by_layer=by_layer | {"": total},
        uncounted=uncounted,
        notes=(CONVENTION, *((INTEGERS.format(", ".join(integers)),) if integers else ())),
    )


def _what_runs(is_module: bool, uncounted: Sequence[str]) -> str:
    if not uncounted:
        return "it runs no operators that torch sees"
    names = ", ".join(uncounted)
    return f"its time goes to {names}" if is_module else f"it is compiled code, of which torch sees {names} alone"


def _is_free(operator: str) -> bool:
    """Tell whether an operator counts nothing by convention, so that a total of zero is true."""
    return kind_of_operation(operator) in ("elementwise", "normalisation")


def _name(packet: Any) -> str:
    """Return an operator's name as the profiler writes it: aten::mm for aten.mm."""
    return str(packet).replace(".", "::", 1)


def _by_layer(model: Any, counts: Mapping[str, Mapping[Any, int]]) -> dict[str, float]:
    """Return the counts by module path. The counter writes the root's class before the path, and any of its names."""
    if not isinstance(model, torch.nn.Module):
        return {}
    root = type(model).__name__
    first: dict[int, str] = {}
    found: dict[str, float] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        path = first.setdefault(id(module), name)
        operators = counts.get(f"{root}.{name}" if name else root)
        if operators:
            found[path] = found.get(path, 0.0) + sum(operators.values())
    return found


def _call_by_nodes(target: Target, counter: FlopCounterMode) -> dict[str, float]:
    """Call an exported program node by node, and return what each of the modules counts that its nodes came from."""
    found: dict[str, float] = defaultdict(float)

    class Nodes(torch.fx.Interpreter):
        def run_node(self, n: torch.fx.Node) -> Any:
            before = counter.get_total_flops()
            result = super().run_node(n)
            if counted := counter.get_total_flops() - before:
                for name in {name for _, name, _ in module_stack(n)}:
                    found[name] += counted
            return result

    graph: Any = target.model.graph
    kwargs = reorder_kwargs(dict(target.kwargs), graph._codegen.pytree_info.in_spec)
    Nodes(target.model).run(*tree_leaves((target.args, kwargs)), enable_io_processing=False)
    return dict(found)

"""Tell which part of a model an event of the profiler enters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from mmied.bench.profilers.events import is_range
from mmied.bench.profilers.model_tree import Part, is_exported, module_stack
from mmied.bench.profilers.scripted import Hierarchies

_HIERARCHY = re.compile(r"(?P<name>[^.()]+)\((?P<kind>[^()]*)\)::(?P<method>[^.]*)\.")
_OPERATOR_CALL = re.compile(r".*torch/_ops\.py\([0-9]+\): __call__")
_FORWARD = re.compile(r".*\): forward", re.DOTALL)

FUSED = {"aten::_transformer_encoder_layer_fwd", "aten::_native_multi_head_attention"}

Step = tuple[int, str]  # a part, and what tells this call of it from the next; "" where the event is the whole call
Node = tuple[str, tuple[Step, ...]]  # an operator of an exported program, and the steps to the module it came from


@dataclass(slots=True)
class Located:
    """What the walk learned beside the passages."""

    unregistered: set[str] = field(default_factory=set)  # classes of modules that ran and are no part
    ambiguous: set[str] = field(default_factory=set)  # names of scripted modules that more than one part has
    remembered: bool = False  # a scripted program has no modules any more: its operators' names tell them
    unmatched: bool = False  # an exported program ran other operators than its graph tells
    compiled: bool = False  # regions of torch.compile ran
    fused: set[int] = field(default_factory=set)  # parts in which a kernel ran that takes modules' place


class Locator:
    """Tells which parts an event enters.

    A module's event bears its address. The operators of a TorchScript module bear the names of the scripted modules
    around them, those of an exported program come in the order of its graph, whose nodes remember their modules. A
    frozen TorchScript module has no parts any more but in these names: `parts` grows by them.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)
        self.learned = Located()
        self._by_address = {id(part.module): index for index, part in enumerate(parts) if part.module is not None}
        self._by_name = {part.name: index for index, part in enumerate(parts)}
        self._below: dict[int, list[int]] = {}
        for index, part in enumerate(parts):
            if part.parent is not None:
                self._below.setdefault(part.parent, []).append(index)
        self._scripted: dict[tuple[int, str], tuple[Step, ...]] = {}
        self._graphs = {
            index: [(str(node.target), self._steps_of_node(node)) for node in part.module.graph.nodes if _calls(node)]
            for index, part in enumerate(parts)
            if is_exported(part.module)
        }

    def module(self, event: Any) -> int | None:
        """Return the part whose call an event of Python is."""
        module = event.typed[1].module
        if module is None:
            return None
        part = self._by_address.get(module.self_ptr)
        if part is None:
            self.learned.unregistered.add(str(module.cls_name))
        return part

    def scripted(self, event: Any, part: int, hierarchies: Hierarchies) -> tuple[Step, ...] | None:
        """Return the steps from a scripted part to the module that an operator runs in; None for what holds some."""
        if event.typed[1].scope.name != "FUNCTION":
            return None
        hierarchy = hierarchies[event.correlation_id]
        if (part, hierarchy) not in self._scripted:
            self._scripted[part, hierarchy] = self._resolve(part, hierarchy)
        return self._scripted[part, hierarchy]

    def graph(self, event: Any, part: int) -> list[Node] | None:
        """Return the nodes that an event of Python runs if it is an exported program's `forward`."""
        if part in self._graphs and _FORWARD.fullmatch(event.name):
            return self._graphs[part]
        return None

    def look(self, operator: str, part: int) -> None:
        """Note an operator that stands for modules which then show no calls."""
        if operator in FUSED:
            self.learned.fused.add(part)
        elif operator.startswith("Torch-Compiled Region"):
            self.learned.compiled = True

    def _resolve(self, part: int, hierarchy: str) -> tuple[Step, ...]:
        steps: list[Step] = []
        for at, found in enumerate(_HIERARCHY.finditer(hierarchy)):
            if found["name"] == "SELF" or (found["name"] == "TOP" and at == 0):
                continue
            named = self._named_below(part, found["name"], found["kind"]) or [
                self._remember(part, found["name"], found["kind"])
            ]
            if len(named) > 1:
                self.learned.ambiguous.add(found["name"])
                break
            part = named[0]
            steps.append((part, f"{found['name']}::{found['method']}"))
        return tuple(steps)

    def _named_below(self, part: int, name: str, kind: str) -> list[int]:
        """Return the nearest parts of this name: a scripted loop leaves out the lists that its modules stand in."""
        level = self._below.get(part, [])
        while level:
            found = [
                index
                for index in level
                if self.parts[index].name.rpartition(".")[2] == name and self.parts[index].kind == kind
            ]
            if found:
                return found
            level = [below for index in level for below in self._below.get(index, [])]
        return []

    def _remember(self, parent: int, name: str, kind: str) -> int:
        """Add a part that only the operators' names tell of."""
        outer = self.parts[parent].name
        self.parts.append(Part(name=f"{outer}.{name}" if outer else name, kind=kind, parent=parent, module=None))
        self._below.setdefault(parent, []).append(len(self.parts) - 1)
        self.learned.remembered = True
        return len(self.parts) - 1

    def _steps_of_node(self, node: Any) -> tuple[Step, ...]:
        return tuple((self._by_name[name], key) for key, name, _ in module_stack(node) if name)


def runs_operator(event: Any) -> bool:
    """Tell whether an event is Python's call of an operator, as an exported program's code makes it."""
    return event.tag.name == "PyCall" and _OPERATOR_CALL.match(event.name) is not None


def may_run(call: Any, target: str) -> bool:
    """Tell whether an event may be the call of a graph's operator: aten.linear.default runs aten::linear."""
    wanted = "::".join(target.split(".")[:2])
    todo = [call]
    while todo:
        event = todo.pop()
        if event.tag.name == "TorchOp" and not is_range(event):
            return bool(event.name == wanted)
        todo += reversed(event.children)
    return True  # an operator that shows no event


def _calls(node: Any) -> bool:
    return node.op == "call_function" and isinstance(
        node.target, torch._ops.OpOverload | torch._ops.OpOverloadPacket | torch._ops.HigherOrderOperator
    )

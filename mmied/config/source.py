"""Read a YAML file as plain data that knows on which line each key stands."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mmied.errors import ConfigError

KeyPath = tuple[str | int, ...]

MAX_FILE_BYTES = 1 << 20  # 200 models of 25 lines each are 150 kB
MAX_DEPTH = 32
MAX_VALUES = 100_000  # with aliases followed: a few lines of aliases of aliases stand for billions
MAX_NUMBER = 2**63  # what JSON readers and SQLite take; infinities and NaN are not below it

_TAG = "tag:yaml.org,2002:"
_WORD = re.compile(r"[\w.-]{1,64}")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong at one key, as the end of a sentence that begins with the key's name."""

    key: KeyPath
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A YAML file. `data` is made of dict, list, str, int, float, bool and None; every key in it is a str.

    `nodes` maps each key path to the node of its value, `lines` to the line of its key, counted from 1.
    """

    path: Path
    text: str
    digest: str  # SHA-256 of the file, hex
    data: Any
    nodes: Mapping[KeyPath, yaml.Node]
    lines: Mapping[KeyPath, int]
    mistakes: tuple[Mistake, ...]


def read_document(path: Path) -> Document:
    """Read the file at `path`. Raises ConfigError where it cannot be read or is not YAML at all."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}. Check the path and its permissions."]) from error
    return parse_document(path, content)


def parse_document(path: Path, content: bytes) -> Document:
    """Return what `content` holds, as if it had been read from `path`. Raises ConfigError as `read_document` does."""
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError([f"{path}: is larger than {MAX_FILE_BYTES} bytes. Is it the right file?"])
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: is not UTF-8 text. Save it as UTF-8."]) from error
    reader = _Reader(path)
    data = reader.read(text)
    return Document(
        path=path,
        text=text,
        digest=hashlib.sha256(content).hexdigest(),
        data=data,
        nodes=reader.nodes,
        lines=reader.lines,
        mistakes=tuple(reader.mistakes),
    )


def tell(document: Document, mistakes: list[Mistake]) -> list[str]:
    """Return a sentence for each mistake, in the order of the file."""
    placed = [(_line_of(document, mistake.key), mistake) for mistake in mistakes]
    placed.sort(key=lambda item: item[0])
    sentences = (f"{document.path}:{line}: {label(document.data, each.key)}: {each.sentence}" for line, each in placed)
    return ["".join(map(_printable, sentence)) for sentence in sentences]


def _printable(character: str) -> str:
    """Keep the sentence on its line, and what moves the cursor out of the terminal."""
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def label(data: Any, key: KeyPath) -> str:
    """Return a key path as people write it, such as `models.ranker.inputs[0].dtype`."""
    text = ""
    for index, part in enumerate(key):
        if isinstance(part, int):
            name = _name_of_model(data, part) if key[:index] == ("models",) else None
            text += f".{name}" if name else f"[{part}]"
        else:
            word = part if _WORD.fullmatch(part) else json.dumps(part[:64], ensure_ascii=False)
            text += f".{word}" if text else word
    return text or "the file"


def _name_of_model(data: Any, index: int) -> str | None:
    model = data["models"][index]
    name = model.get("name") if isinstance(model, dict) else None
    return name if isinstance(name, str) and _WORD.fullmatch(name) else None


def _line_of(document: Document, key: KeyPath) -> int:
    while key not in document.lines:  # the root always is
        key = key[:-1]
    return document.lines[key]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with a bound on depth, and with 1e-3 a number as in YAML 1.2."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:  # before Python's own stack ends
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=f"it nests deeper than {MAX_DEPTH} levels", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.add_implicit_resolver(
    _TAG + "float", re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)


class _Reader:
    """What is known of a file while its nodes are turned into plain data."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.nodes: dict[KeyPath, yaml.Node] = {}
        self.lines: dict[KeyPath, int] = {}
        self.mistakes: list[Mistake] = []
        self.values = 0

    def read(self, text: str) -> Any:
        """Return the plain data of `text`. Raises ConfigError where there is none."""
        root = self._compose(text)
        if root is None or root.tag == _TAG + "null":
            raise ConfigError([f"{self.path}: is empty. Begin with `models:`; docs/configuration.md names the keys."])
        self.lines[()] = _line(root)
        return self._plain(root, ())

    def _compose(self, text: str) -> yaml.Node | None:
        try:
            self.loader = _Loader(text)
            return self.loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            if error.problem == "but found another document":
                raise ConfigError([f"{self.path}:{line}: begins a second document. Keep one."]) from error
            reason = f"{error.context}: {error.problem}" if error.context else error.problem
            hint = "Check the quotes, brackets and indentation there."
            raise ConfigError([f"{self.path}:{line}: is not YAML that mmied reads: {reason}. {hint}"]) from error
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError([f"{self.path}:{line}: holds an unprintable character, so is not YAML."]) from error

    def _plain(self, node: yaml.Node, key: KeyPath) -> Any:
        self.values += 1
        if self.values > MAX_VALUES or len(key) > MAX_DEPTH:
            raise ConfigError([f"{self.path}:{_line(node)}: its aliases expand without end. Write the values out."])
        self.nodes[key] = node
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return {name: self._plain(value, (*key, name)) for name, value in self._entries(node, key)}
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self._plain(item, self._place((*key, index), item)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, key)
        self._complain(key, f"has the tag {node.tag!r}. Only plain values are taken.")
        return None

    def _entries(self, node: yaml.MappingNode, key: KeyPath) -> Iterator[tuple[str, yaml.Node]]:
        seen: set[str] = set()
        for name, value in node.value:
            if not isinstance(name, yaml.ScalarNode) or _UNPRINTABLE.search(name.value):
                self._complain(key, f"has a key on line {_line(name)} that is not a plain word.")
            elif name.tag == _TAG + "merge":
                self._complain(key, 'merges with "<<", which is not taken. Share whole values by &name and *name.')
            elif name.value in seen:
                inner = (*key, name.value)
                first, self.lines[inner] = self.lines[inner], _line(name)
                self._complain(inner, f"stands twice, first on line {first}. Keep one.")
            else:
                seen.add(name.value)
                self._place((*key, name.value), name)
                yield name.value, value

    def _scalar(self, node: yaml.ScalarNode, key: KeyPath) -> Any:
        match node.tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return self.loader.construct_yaml_bool(node)
            case "int" | "float" if ":" not in node.value:  # 1:30 is 90 to YAML 1.1, and to nobody else
                return self._number(node, key)
            case "str" | "int" | "float" | "timestamp" | "value" | "merge":
                if _UNPRINTABLE.search(node.value):
                    self._complain(key, "holds an unprintable character.")
                    return None
                return node.value
        self._complain(key, f"has the tag {node.tag!r}. Only plain values are taken.")
        return None

    def _number(self, node: yaml.ScalarNode, key: KeyPath) -> Any:
        construct = self.loader.construct_yaml_int if node.tag == _TAG + "int" else self.loader.construct_yaml_float
        try:
            number = construct(node)
        except ValueError:  # "0x_", and integers beyond Python's limit on digits
            number = MAX_NUMBER
        if not abs(number) < MAX_NUMBER:
            self._complain(key, f"{node.value[:40]} is not a number that mmied can take.")
            return None
        return number

    def _place(self, key: KeyPath, node: yaml.Node) -> KeyPath:
        self.lines.setdefault(key, _line(node))
        return key

    def _complain(self, key: KeyPath, sentence: str) -> None:
        self.mistakes.append(Mistake(key=key, sentence=sentence))


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1

"""In what form candidates get a model of each kind of source."""

from collections.abc import Mapping

from mmied.optimization import Route
from mmied.records import SourceKind

ROUTES: Mapping[SourceKind, Route] = {  # a package is compiled already: nothing can be changed in it
    "factory": "eager",
    "huggingface": "eager",
    "pickle": "eager",
    "exported": "exported",
    "torchscript": "torchscript",
}

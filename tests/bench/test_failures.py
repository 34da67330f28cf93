"""What went wrong with a model is a sentence of one line."""

from mmied.bench.failures import sentence_of
from mmied.errors import ModelError


def test_errors_are_a_line() -> None:
    assert sentence_of(ModelError("x.pt: truncated")) == "x.pt: truncated"
    assert sentence_of(RuntimeError("first\nsecond")) == "RuntimeError: first"
    assert sentence_of(KeyboardInterrupt()) == "KeyboardInterrupt"

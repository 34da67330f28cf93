"""Build the six families of models that figures are taken of, and count their arithmetic on paper.

Each count follows from the numbers of the architecture alone: a product of (m, k) and (k, n) is 2·m·k·n operations,
and elementwise operations, softmax and normalisation count nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

SEQUENCE = 64
IMAGE = 224


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A model in evaluation mode, its inputs for a batch size, and the operations of one call on paper."""

    name: str
    build: Callable[[], Any]
    make: Callable[[int], tuple[tuple[Any, ...], dict[str, Any]]]
    flops: Callable[[int], int]


# On paper


def linear_flops(rows: int, size_in: int, size_out: int) -> int:
    return 2 * rows * size_in * size_out


def encoder_flops(batch: int, *, width: int, hidden: int, layers: int) -> int:
    """Four projections, scores and their product with the values, and two linear layers; whatever the heads."""
    tokens = batch * SEQUENCE
    attention = 4 * linear_flops(tokens, width, width) + 2 * linear_flops(tokens, width, SEQUENCE)
    return layers * (attention + 2 * linear_flops(tokens, width, hidden))


def lstm_flops(batch: int, *, width: int, hidden: int, layers: int) -> int:
    """Each step of each sequence: four gates, from the input and from the state before."""
    inputs = [width] + [hidden] * (layers - 1)
    return sum(linear_flops(batch * SEQUENCE, size + hidden, 4 * hidden) for size in inputs)


def resnet_flops(batch: int, *, depths: Sequence[int], bottleneck: bool, classes: int = 1000) -> int:
    """Count the convolutions as He et al. 2015, Table 1, lays them out, the stride in a bottleneck's 3 × 3."""
    side = IMAGE // 2
    total = convolution_flops(side, 3, 64, kernel=7)
    side //= 2  # the pooling
    size_in = 64
    for stage, depth in enumerate(depths):
        width = 64 << stage
        size_out = 4 * width if bottleneck else width
        for block in range(depth):
            before = side
            if block == 0 and stage > 0:
                side //= 2
            if bottleneck:
                total += convolution_flops(before, size_in, width, kernel=1)
                total += convolution_flops(side, width, width, kernel=3)
                total += convolution_flops(side, width, size_out, kernel=1)
            else:
                total += convolution_flops(side, size_in, width, kernel=3)
                total += convolution_flops(side, width, width, kernel=3)
            if size_in != size_out:  # the shortcut
                total += convolution_flops(side, size_in, size_out, kernel=1)
            size_in = size_out
    return batch * (total + linear_flops(1, size_in, classes))


def convolution_flops(side: int, size_in: int, size_out: int, *, kernel: int) -> int:
    return 2 * side * side * size_in * size_out * kernel * kernel


# In torch, which is imported by the process that measures alone


def mlp(sizes: Sequence[int]) -> Callable[[], Any]:
    def build() -> Any:
        from mmied.bench.demo import feed_forward

        return feed_forward(sizes).eval()

    return build


def transformer(*, width: int, heads: int, layers: int, hidden: int, vocabulary: int) -> Callable[[], Any]:
    def build() -> Any:
        from mmied.bench.demo import TransformerEncoder

        return TransformerEncoder(
            vocabulary=vocabulary, d_model=width, heads=heads, layers=layers, feed_forward=hidden
        ).eval()

    return build


def bert() -> Any:
    """Return BERT of a random configuration: nothing is downloaded."""
    import transformers

    return transformers.BertModel(transformers.BertConfig(**BERT)).eval()


def gpt2() -> Any:
    """Return GPT-2 of a random configuration, with its head over the vocabulary."""
    import transformers

    config = transformers.GPT2Config(
        n_embd=512, n_layer=4, n_head=8, vocab_size=20_000, use_cache=False, bos_token_id=0, eos_token_id=0
    )
    return transformers.GPT2LMHeadModel(config).eval()


def lstm() -> Any:
    """Return two recurrent layers over embedded tokens."""
    from torch import nn

    class Lstm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(10_000, 128)
            self.recurrent = nn.LSTM(128, 512, 2, batch_first=True)

        def forward(self, tokens: Any) -> Any:
            return self.recurrent(self.embedding(tokens))[0]

    return Lstm().eval()


def resnet(*, depths: Sequence[int], bottleneck: bool) -> Callable[[], Any]:
    def build() -> Any:
        import transformers

        scale = 4 if bottleneck else 1
        config = transformers.ResNetConfig(
            depths=list(depths),
            hidden_sizes=[scale * (64 << stage) for stage in range(4)],
            layer_type="bottleneck" if bottleneck else "basic",
            num_labels=1000,
        )
        return transformers.ResNetForImageClassification(config).eval()

    return build


def _vectors(width: int) -> Callable[[int], Any]:
    def make(batch: int) -> Any:
        import torch

        return (torch.randn(batch, width),), {}

    return make


def _tokens(vocabulary: int) -> Callable[[int], Any]:
    def make(batch: int) -> Any:
        import torch

        return (torch.randint(vocabulary, (batch, SEQUENCE)),), {}

    return make


def _images(batch: int) -> Any:
    import torch

    return (torch.randn(batch, 3, IMAGE, IMAGE),), {}


MLP = (512, 1024, 1024, 512, 512)
TE256 = {"width": 256, "heads": 4, "layers": 2, "hidden": 512, "vocabulary": 10_000}
TE512 = {"width": 512, "heads": 8, "layers": 6, "hidden": 2048, "vocabulary": 30_000}
BERT = {
    "hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8, "intermediate_size": 2048,
    "vocab_size": 30_522, "architectures": ["BertModel"],
}  # fmt: skip
RESNET18 = {"depths": (2, 2, 2, 2), "bottleneck": False}
RESNET50 = {"depths": (3, 4, 6, 3), "bottleneck": True}


FAMILIES = (
    Family(
        name="mlp",
        build=mlp(MLP),
        make=_vectors(MLP[0]),
        flops=lambda batch: sum(linear_flops(batch, size_in, size_out) for size_in, size_out in pairwise(MLP)),
    ),
    Family(
        name="te256",
        build=transformer(**TE256),
        make=_tokens(TE256["vocabulary"]),
        flops=lambda batch: encoder_flops(batch, width=256, hidden=512, layers=2),
    ),
    Family(
        name="te512",
        build=transformer(**TE512),
        make=_tokens(TE512["vocabulary"]),
        flops=lambda batch: encoder_flops(batch, width=512, hidden=2048, layers=6),
    ),
    Family(
        name="bert",
        build=bert,
        make=_tokens(30_522),
        # the pooler takes the first token
        flops=lambda batch: encoder_flops(batch, width=512, hidden=2048, layers=4) + linear_flops(batch, 512, 512),
    ),
    Family(
        name="gpt2",
        build=gpt2,
        make=_tokens(20_000),
        flops=lambda batch: (
            encoder_flops(batch, width=512, hidden=2048, layers=4) + linear_flops(batch * SEQUENCE, 512, 20_000)
        ),
    ),
    Family(
        name="lstm",
        build=lstm,
        make=_tokens(10_000),
        flops=lambda batch: lstm_flops(batch, width=128, hidden=512, layers=2),
    ),
    Family(name="resnet18", build=resnet(**RESNET18), make=_images, flops=lambda b: resnet_flops(b, **RESNET18)),
    Family(name="resnet50", build=resnet(**RESNET50), make=_images, flops=lambda b: resnet_flops(b, **RESNET50)),
)


def made(name: str) -> Any:
    """Return the model of a family: what a source names as its factory."""
    return next(one for one in FAMILIES if one.name == name).build()

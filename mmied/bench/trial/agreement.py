"""How far are a candidate's outputs from the baseline's, on the same inputs and sample by sample?"""

from collections.abc import Mapping

import torch

from mmied.optimization import Fidelity

# Two standard deviations of the difference of two rounding errors, in their median: 2 · √2 · 1.4826 of it, where they
# are normal. At half of that sound int8 models lose 1 % of the choices among thousands to mere ties.
NEAR_TIE = 4.2
Outputs = Mapping[str, torch.Tensor]  # by path, samples along the first dimension


def compare_outputs(baseline: Outputs, candidate: Outputs, samples: int) -> Fidelity:
    """Return the agreement of two sets of outputs of `samples` samples; only floating outputs have distances.

    Tensors whose first dimension is not the samples are one sample by themselves. The relative L2 distance is that
    of all floating outputs together; cosine and maxima are the worst of any sample. A maximum is told relative to the
    largest value of its output, not to the value beside it, which may be next to nothing.
    """
    shapes = {path: (tuple(tensor.shape), tensor.is_floating_point()) for path, tensor in baseline.items()}
    same = shapes == {path: (tuple(tensor.shape), tensor.is_floating_point()) for path, tensor in candidate.items()}
    finite = all(bool(torch.isfinite(t).all()) or _same_infinities(baseline.get(p), t) for p, t in candidate.items())
    if not same or not finite:
        return Fidelity(samples=samples, finite=finite, same_structure=same)
    cosines: list[float] = []
    square_difference = square_norm = largest = largest_share = 0.0
    agreements: list[float] = []
    for path, reference in baseline.items():
        other = candidate[path]
        if not reference.is_floating_point():
            agreements.append(float((reference == other).double().mean()) if reference.numel() else 1.0)
            continue
        rows, others = _rows(reference, samples), _rows(other, samples)
        difference = rows - others
        square_difference += float((difference**2).sum())
        square_norm += float((rows**2).sum())
        if difference.numel():
            apart, scale = float(difference.abs().max()), float(rows.abs().max())
            largest, largest_share = max(largest, apart), max(largest_share, _ratio(apart, scale))
        cosines.append(_worst_cosine(rows, others))
        if _are_scores(reference, samples):
            agreements.append(_top1_agreement(reference, other))
    return Fidelity(
        samples=samples,
        finite=True,
        same_structure=True,
        worst_cosine=min(cosines, default=None),
        relative_l2=_ratio(square_difference, square_norm) ** 0.5 if cosines else None,
        max_abs=largest if cosines else None,
        max_relative_error=largest_share if cosines else None,
        top1_agreement=min(agreements, default=None),
    )


def _rows(tensor: torch.Tensor, samples: int) -> torch.Tensor:
    """Return a sample a row, in double precision, what is infinite in it (masked logits) as 0."""
    rows = tensor.reshape(samples if tensor.dim() and tensor.shape[0] == samples else 1, -1)
    return torch.nan_to_num(rows.double(), nan=0.0, posinf=0.0, neginf=0.0)


def _same_infinities(reference: torch.Tensor | None, tensor: torch.Tensor) -> bool:
    """Tell whether a tensor is infinite only where the baseline's is too: minus infinity is how models mask."""
    if reference is None or reference.shape != tensor.shape or bool(tensor.isnan().any()):
        return False
    return bool((tensor.isinf() == reference.isinf()).all())


def _worst_cosine(rows: torch.Tensor, others: torch.Tensor) -> float:
    norms = rows.norm(dim=1) * others.norm(dim=1)
    both_zero = (rows.norm(dim=1) == 0) & (others.norm(dim=1) == 0)
    cosines = (rows * others).sum(dim=1) / norms.clamp_min(torch.finfo(torch.float64).tiny)
    return float(torch.where(both_zero, 1.0, cosines).clamp(-1.0, 1.0).min()) if len(rows) else 1.0


def _ratio(part: float, whole: float) -> float:
    """Return how large a part is; one of nothing is as large as can be told."""
    if whole == 0:
        return 0.0 if part == 0 else 1e18
    return part / whole


def _are_scores(tensor: torch.Tensor, samples: int) -> bool:
    """Tell whether an output may be scores to choose from: one row a sample or a position, of two choices at least."""
    return tensor.dim() in (2, 3) and tensor.shape[0] == samples and tensor.shape[-1] >= 2


def _top1_agreement(reference: torch.Tensor, other: torch.Tensor) -> float:
    """Return the share of choices that agree, near ties counted as agreeing.

    A choice is a near tie where the baseline's own lead over what was chosen instead is within the rounding of all
    outputs: then neither answer is the wrong one. That is taken from the typical sample, so that a bad one stands out.
    """
    scores = torch.nan_to_num(reference.double().flatten(0, -2), neginf=-1e30)
    others = torch.nan_to_num(other.double().flatten(0, -2), neginf=-1e30)
    best = scores.topk(2, dim=1)
    chosen = others.argmax(dim=1)
    agrees = chosen == best.indices[:, 0]
    lead = best.values[:, 0] - scores.gather(1, chosen[:, None])[:, 0]
    noise = NEAR_TIE * (scores - others).abs().median(dim=1).values.median()
    return float((agrees | (lead <= noise)).double().mean())

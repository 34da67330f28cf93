"""Optimizations: what was tried on each model, what helps, and what it costs."""

import looks
from choices import alerts, daemons, deploys, label, models_of, scheme
from layout import Page, Section
from panels import bars_panel, series_panel, stat_panel
from queries import Scope, q
from tables import Column, table_panel

s = Scope(("model", "candidate"))
KEYS = ("model", "candidate", "instance")
BY = "by (model, candidate, instance)"
ON = "{{model}}: {{candidate}} on {{instance}}"
NOT_TRIED = "Nothing tried yet"
LINKS = looks.to_search("${__field.labels.model}", "${__field.labels.instance}")[1:]
ROW_LINKS = {
    "model": [
        *looks.to_search("${__data.fields.model}", "${__data.fields.instance}")[1:],
        *looks.to_model("${__data.fields.model}", "${__data.fields.instance}"),
    ],
    "instance": looks.to_daemon("${__data.fields.instance}"),
}


def _speedup(bound: str) -> str:
    return s("mmied_candidate_speedup_ratio", bound=bound)


def _count(verdict: str) -> str:
    return f"count({s('mmied_candidate_verdict', verdict=verdict)})"


def _verdict() -> str:
    """Return one number for the verdict of each candidate."""
    parts = (
        f"{number} * max {BY} ({s('mmied_candidate_verdict', verdict=verdict)})"
        for verdict, number in looks.VERDICT_NUMBERS.items()
    )
    return " or ".join(parts)


NOW = Section(
    title="Now",
    collapsed=False,
    panels=[
        stat_panel(
            "Help",
            "Candidates that make a model faster or smaller, keep its answers, and cost nothing that matters.",
            q(_count("helps")),
            steps=looks.ANY_IS_GOOD,
            no_value="None",
            width=4,
        ),
        stat_panel(
            "Best speed-up",
            "Lower bound of the speed-up of the best candidate that helps: 1.2 is a fifth faster.",
            q(
                f"max({_speedup('lower')} and on (job, instance, model, candidate) "
                f"{s('mmied_candidate_verdict', verdict='helps')})"
            ),
            unit="suffix:×",
            steps=looks.ABOVE_ONE_IS_GOOD,
            no_value="None helps",
            width=4,
        ),
        stat_panel(
            "Do not help",
            "Candidates that are not worth it, or that change the answers.",
            q(_count("does_not_help")),
            no_value="None",
            width=4,
        ),
        stat_panel(
            "Cannot tell",
            "Candidates whose interval is too wide for a verdict.",
            q(_count("cannot_tell")),
            no_value="None",
            width=4,
        ),
        stat_panel(
            "Not tried",
            "Candidates that this model, host or version cannot have.",
            q(_count("not_tried")),
            no_value="None",
            width=4,
        ),
        stat_panel(
            "Last tried",
            "Age of the newest verdict.",
            q(f"time() - max({s('mmied_candidate_last_tried_timestamp_seconds')})"),
            unit="s",
            no_value=NOT_TRIED,
            width=4,
        ),
        table_panel(
            "Candidates",
            "Every candidate with its verdict, the speed-up with its 95 % interval, and what it costs: memory and size "
            "relative to the deployed model, and the worst sample's cosine to its outputs.",
            KEYS,
            Column(title="verdict", expr=_verdict(), mapped=looks.VERDICTS),
            Column(title="speed-up", expr=f"max {BY} ({_speedup('estimate')})", unit="suffix:×"),
            Column(
                title="at least", expr=f"max {BY} ({_speedup('lower')})", unit="suffix:×", steps=looks.ABOVE_ONE_IS_GOOD
            ),
            Column(title="at most", expr=f"max {BY} ({_speedup('upper')})", unit="suffix:×"),
            Column(title="memory", expr=f"max {BY} ({s('mmied_candidate_memory_ratio')})", unit="percentunit"),
            Column(title="size", expr=f"max {BY} ({s('mmied_candidate_size_ratio')})", unit="percentunit"),
            Column(title="cosine", expr=f"min {BY} ({s('mmied_candidate_fidelity', measure='cosine')})"),
            Column(
                title="tried",
                expr=f"max {BY} ({s('mmied_candidate_last_tried_timestamp_seconds')}) * 1000",
                unit="dateTimeFromNow",
            ),
            links=ROW_LINKS,
            sort=("at least", True),
            no_value=NOT_TRIED,
            height=11,
        ),
    ],
)

SPEED = Section(
    title="Speed",
    collapsed=False,
    panels=[
        bars_panel(
            "Speed-up at least",
            "Lower bound of each candidate's speed-up: above 1 it is faster.",
            q(f"max {BY} ({_speedup('lower')})", ON),
            unit="suffix:×",
            steps=looks.ABOVE_ONE_IS_GOOD,
            no_value=NOT_TRIED,
            links=LINKS,
        ),
        series_panel(
            "Speed-up through time",
            "Speed-up of each candidate; dashed is its 95 % interval.",
            q(f"max {BY} ({_speedup('estimate')})", ON),
            q(
                "max by (model, candidate, bound, instance) "
                f"({s('mmied_candidate_speedup_ratio', bound='~lower|upper')})",
                "{{bound}}, " + ON,
                dashed=True,
            ),
            unit="suffix:×",
            no_value=NOT_TRIED,
            links=LINKS,
        ),
    ],
)

COSTS = Section(
    title="Costs and answers",
    panels=[
        bars_panel(
            "Memory",
            "Peak memory relative to the deployed model's.",
            q(f"max {BY} ({s('mmied_candidate_memory_ratio')})", ON),
            unit="percentunit",
            no_value=NOT_TRIED,
        ),
        bars_panel(
            "Size",
            "Size on disk relative to the deployed model's.",
            q(f"max {BY} ({s('mmied_candidate_size_ratio')})", ON),
            unit="percentunit",
            no_value=NOT_TRIED,
        ),
        table_panel(
            "Fidelity",
            "Agreement of the outputs with the deployed model's, by measure.",
            ("model", "candidate", "instance", "measure"),
            Column(
                title="agreement",
                expr=f"max by (model, candidate, instance, measure) ({s('mmied_candidate_fidelity')})",
            ),
            links=ROW_LINKS,
            no_value=NOT_TRIED,
            width=12,
        ),
        table_panel(
            "Accuracy",
            "Change of the task's accuracy on labelled samples, with its interval; needs evaluation data.",
            ("model", "candidate", "instance", "bound"),
            Column(
                title="change",
                expr=f"max by (model, candidate, instance, bound) ({s('mmied_candidate_accuracy_change')})",
                unit="percentunit",
            ),
            links=ROW_LINKS,
            no_value="No evaluation data",
            width=12,
        ),
    ],
)

SEARCHES = Section(
    title="Searches",
    panels=[
        series_panel(
            "Parts of searches",
            "Parts of searches that were started and that failed in the last day.",
            q(f"sum by (model) (increase({s('mmied_optimization_runs_total')}[1d]))", "{{model}} started"),
            q(f"sum by (model) (increase({s('mmied_optimization_run_failures_total')}[1d]))", "{{model}} failed"),
            unit="short",
            no_value="No search in range",
            width=24,
        ),
    ],
)

PAGE = Page(
    uid="mmied-optimizations",
    title="mmied / Optimizations",
    about="What was tried on each model, what helps, by how much at least, and what it costs.",
    since="now-7d",
    variables=[
        *daemons(),
        models_of(several=True),
        label("candidate", "Candidate", "mmied_candidate_last_tried_timestamp_seconds", "job", "instance", "model"),
        scheme(),
    ],
    annotations=[alerts("MmiedOptimizationAvailable"), deploys(s)],
    sections=[NOW, SPEED, COSTS, SEARCHES],
)

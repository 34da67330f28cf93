"""Render templates with the words and units that pages and reports use."""

from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from mmied import formats
from mmied.catalog import QUANTILES
from mmied.reports import words

HERE = Path(__file__).parent
STATIC = HERE / "static"
FILTERS = (
    formats.amount,
    formats.clock,
    formats.count,
    formats.digits,
    formats.duration,
    formats.fact,
    formats.hertz,
    formats.iso,
    formats.percent,
    formats.rate,
    formats.relative,
    formats.seconds,
    formats.size,
    words.phase,
    words.plain,
    words.quantile_name,
    words.reason,
    words.withheld,
    words.workload,
)


def environment(templates: Path = HERE / "templates") -> Environment:
    """Return Jinja's environment: everything is escaped, and a name that is not there is a mistake.

    The templates of reports go by `reports/…` in every environment, so that those which others import find each other.
    """
    shared = PrefixLoader({"reports": FileSystemLoader(HERE / "templates")})
    env = Environment(
        loader=ChoiceLoader([FileSystemLoader(templates), shared]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    env.filters |= {say.__name__: say for say in FILTERS}
    env.globals |= {
        "QUANTILES": tuple(map(str, QUANTILES)),
        "SYMBOLS": words.SYMBOLS,
        "ESTIMATORS": words.ESTIMATORS,
        "ESTIMATORS_EXPLAINED": words.ESTIMATORS_EXPLAINED,
        "LAYER_SOURCES": words.LAYER_SOURCES,
    }
    return env

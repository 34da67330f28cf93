"""Turn a dashboard into the form that grafana.com and the import page take."""

import copy
from typing import Any

INPUT = "DS_PROMETHEUS"
GRAFANA_VERSION = "10.0.0"  # cell options of tables are as we write them since then
NAMES = {
    "bargauge": "Bar gauge",
    "heatmap": "Heatmap",
    "stat": "Stat",
    "state-timeline": "State timeline",
    "table": "Table",
    "timeseries": "Time series",
}


def import_form(dashboard: dict[str, Any]) -> dict[str, Any]:
    """Return the dashboard with an input in the place of its data source variable.

    The wizard asks for the input once; a provisioned file must not have any, as nothing would ever ask.
    """
    whole = _replaced(copy.deepcopy(dashboard))
    whole["templating"]["list"] = [each for each in whole["templating"]["list"] if each["type"] != "datasource"]
    kinds = sorted({panel["type"] for row in dashboard["panels"] for panel in (row, *row.get("panels", ()))} - {"row"})
    return {
        "__inputs": [
            {
                "name": INPUT,
                "label": "Prometheus",
                "description": "The Prometheus that scrapes mmied",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": GRAFANA_VERSION},
            {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
            *({"type": "panel", "id": kind, "name": NAMES[kind], "version": ""} for kind in kinds),
        ],
        **whole,
        "id": None,
    }


def _replaced(value: Any) -> Any:
    match value:
        case dict():
            return {key: _replaced(each) for key, each in value.items()}
        case list():
            return [_replaced(each) for each in value]
        case str():
            return value.replace("&${datasource:queryparam}", "").replace("${datasource}", f"${{{INPUT}}}")
    return value

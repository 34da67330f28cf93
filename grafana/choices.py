"""The variables of the dashboards, and what they mark along the time axis."""

from typing import Any

from grafana_foundation_sdk.models import dashboard as models
from parts import DATASOURCE
from queries import Scope

STEP = "1m"
ALL = models.VariableOption(selected=True, text=["All"], value=["$__all"])
EVERYWHERE = Scope()


def data_source() -> models.VariableModel:
    """Return the choice of a Prometheus."""
    return _choice(
        type_val=models.VariableType.DATASOURCE,
        name="datasource",
        label="Data source",
        query="prometheus",
        refresh=models.VariableRefresh.ON_DASHBOARD_LOAD,
        current=models.VariableOption(selected=False, text="", value=""),
        options=[],
        regex="",
    )


def scheme() -> models.VariableModel:
    """Return the choice of how links lead to a daemon's own pages."""
    return _choice(
        type_val=models.VariableType.CUSTOM,
        name="scheme",
        label="Daemon's pages",
        description="How links to the daemons' own pages begin: https where `http.web_config` has certificates.",
        query="http,https",
        current=models.VariableOption(selected=True, text="http", value="http"),
        options=[
            models.VariableOption(selected=True, text="http", value="http"),
            models.VariableOption(selected=False, text="https", value="https"),
        ],
    )


def label(name: str, title: str, metric: str, *above: str, several: bool = True) -> models.VariableModel:
    """Return the choice of a label's values, out of a metric that has it; `above` are the labels chosen before.

    The metric is a specific one: other exporters have labels called `model` too.
    """
    matchers = ", ".join(f'{other}=~"${other}"' for other in above)
    query = f"label_values({metric}{{{matchers}}}, {name})" if matchers else f"label_values({metric}, {name})"
    return _choice(
        type_val=models.VariableType.QUERY,
        name=name,
        label=title,
        datasource=DATASOURCE,
        query={"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        definition=query,
        refresh=models.VariableRefresh.ON_TIME_RANGE_CHANGED,
        sort=models.VariableSort.ALPHABETICAL_ASC,
        multi=several,
        include_all=several,
        all_value=".+" if several else None,
        current=ALL if several else models.VariableOption(selected=False, text="", value=""),
        options=[],
        regex="",
    )


def daemons() -> list[models.VariableModel]:
    """Return the choices that all dashboards have: data source, job, instance."""
    return [
        data_source(),
        label("job", "Job", "mmied_build_info"),
        label("instance", "Instance", "mmied_build_info", "job"),
    ]


def models_of(*, several: bool) -> models.VariableModel:
    """Return the choice of models, or of one."""
    return label("model", "Model", "mmied_profile_info", "job", "instance", several=several)


def scenarios() -> models.VariableModel:
    """Return the choice of scenarios of the chosen models."""
    return label("scenario", "Scenario", "mmied_profile_info", "job", "instance", "model")


def alerts(names: str = "Mmied.+", of_model: str | None = None) -> models.AnnotationQuery:
    """Return the mark of firing alerts whose names, and models where given, match."""
    chosen = f'alertname=~"{names}", alertname!="MmiedWatchdog", alertstate="firing", job=~"$job"'
    if of_model is not None:
        chosen += f', model=~"{of_model}"'
    return _mark(
        "Alerts", f"ALERTS{{{chosen}}}", "red", "{{alertname}}", "{{model}} {{scenario}} {{metric}} {{instance}}"
    )


def regressions(scope: Scope) -> models.AnnotationQuery:
    """Return the mark of confirmed regressions, for as long as they last."""
    expr = f"{scope('mmied_regression_active')} == 1"
    return _mark("Regressions", expr, "orange", "{{metric}} is worse", "{{model}} {{scenario}} on {{instance}}")


def deploys(scope: Scope) -> models.AnnotationQuery:
    """Return the mark of a model whose revision is another one than five minutes ago.

    A daemon that was away and comes back with the same revision, or with its first, is no deploy.
    """
    info = scope("mmied_model_info")
    same = f"on (job, instance, model, revision) {info} offset 5m"
    there = f"on (job, instance, model) {info} offset 5m"
    return _mark("Deploys", f"{info} unless {same} and {there}", "blue", "{{model}}: {{revision}}", "on {{instance}}")


def events() -> models.AnnotationQuery:
    """Return the mark of changes that the daemon saw: model files, versions, driver, clocks, host, configuration."""
    expr = f"increase({EVERYWHERE('mmied_events_total')}[2m]) > 0"
    return _mark("Changes", expr, "purple", "{{kind}}", "on {{instance}}")


def runs() -> models.AnnotationQuery:
    """Return the mark of each run's end; off until asked for, as there are many."""
    expr = f"{EVERYWHERE('mmied_profile_last_run_timestamp_seconds')} * 1000"
    mark = _mark("Runs", expr, "green", "{{model}} {{scenario}}", "on {{instance}}")
    mark.enable, mark.use_value_for_time = False, True
    return mark


def reloads() -> models.AnnotationQuery:
    """Return the mark of each configuration that took effect."""
    expr = f"{EVERYWHERE('mmied_config_last_reload_success_timestamp_seconds')} * 1000"
    mark = _mark("Configurations", expr, "blue", "configuration loaded", "on {{instance}}")
    mark.use_value_for_time = True
    return mark


def _mark(name: str, expr: str, color: str, title: str, text: str) -> models.AnnotationQuery:
    return models.AnnotationQuery(
        name=name,
        datasource=DATASOURCE,
        enable=True,
        hide=False,
        icon_color=color,
        expr=expr,
        step=STEP,
        title_format=title,
        text_format=text,
    )


def _choice(**settings: Any) -> models.VariableModel:
    """Return a variable without what the SDK sets for intervals alone."""
    variable = models.VariableModel(**settings)
    variable.auto = variable.auto_min = variable.auto_count = None
    return variable

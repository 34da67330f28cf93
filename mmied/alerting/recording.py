"""Recording rules: what several alerts and panels need, computed once.

Each stands in the group of the alerts that read it: only within a group does Prometheus keep to an order.
"""

from mmied.alerting.rules import Recording

AGE = "instance_model_scenario:mmied_profile_age:intervals"
CHANGE = "instance_model_scenario_metric_cause:mmied_regression_change:ratio"
OVERHEAD = "instance:mmied_overhead_cpu:ratio_rate1h"
SKIPPED = "instance_model_scenario:mmied_profile_runs_skipped_per_planned:ratio_increase6h"

_CONFIRMED = """\
    (mmied_regression_change_ratio{job="@job"} or 0 * mmied_regression_active{job="@job"})
    and mmied_regression_active{job="@job"} == 1\
"""

OF_REGRESSIONS = (
    Recording(
        name="model_scenario:mmied_profile_latency_seconds:p99_per_baseline_ratio",
        help="The 99th percentile over its baseline, on the host where it is worst.",
        expression="""
max by (job, model, scenario) (
  mmied_profile_latency_seconds{job="@job", quantile="0.99"}
  / mmied_baseline_latency_seconds{job="@job", quantile="0.99"}
)
""",
    ),
    # The many are the causes, so that a second cause would give a second series and not an error. Of a baseline of 0
    # there is no ratio: the regression is told all the same.
    Recording(
        name=CHANGE,
        help="Change of the metric where a regression is confirmed, with its cause; 0 where there is no ratio.",
        expression=f"""
(mmied_regression_cause{{job="@job"}} == 1)
  * ignoring (cause) group_left ()
  (
{_CONFIRMED}
  )
or ignoring (cause)
  label_replace(
{_CONFIRMED},
    "cause", "unknown", "", ""
  )
""",
    ),
)

OF_PROFILES = (
    Recording(
        name=AGE,
        help="Planned intervals since the last successful run.",
        expression="""
(time() - mmied_profile_last_success_timestamp_seconds{job="@job"})
  / mmied_profile_interval_seconds{job="@job"}
""",
    ),
    Recording(
        name=SKIPPED,
        help="Share of attempts to run that admission refused.",
        expression="""
sum without (reason) (increase(mmied_profile_runs_skipped_total{job="@job"}[6h]))
  / (
    sum without (reason) (increase(mmied_profile_runs_skipped_total{job="@job"}[6h]))
    + increase(mmied_profile_runs_total{job="@job"}[6h])
  )
""",
    ),
)

OF_THE_DAEMON = (
    Recording(
        name=OVERHEAD,
        help="Share of all the host's CPU time that mmied itself used.",
        expression="""
sum without (component) (rate(mmied_overhead_cpu_seconds_total{job="@job"}[1h]))
  / mmied_host_cpus{job="@job"}
""",
    ),
)

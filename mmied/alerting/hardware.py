"""Alerts on GPUs that are held back or broken."""

from mmied.alerting.rules import Alert

HARDWARE = (
    Alert(
        name="MmiedGpuThrottled",
        severity="warning",
        expression="""
avg_over_time(
  mmied_gpu_throttle_active{job="@job", reason=~"thermal_hw|thermal_sw|power_brake"}[15m]
) > @throttled_share_ratio
""",
        wait="5m",
        summary="A GPU's clocks are held down.",
        description="GPU {{ $labels.gpu }} of {{ $labels.instance }}: clocks were held down "
        "{{ $value | humanizePercentage }} of the last quarter of an hour; reason: {{ $labels.reason }}",
    ),
    Alert(
        name="MmiedGpuEccErrors",
        severity="critical",
        expression='increase(mmied_gpu_ecc_uncorrected_errors_total{job="@job"}[1h]) > 0',
        summary="A GPU's memory is broken.",
        description='GPU {{ $labels.gpu }} of {{ $labels.instance }}: {{ printf "%.0f" $value }} uncorrected memory '
        "errors in the last hour; results may be wrong",
    ),
)

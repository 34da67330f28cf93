"""Write a comparison of models as one interactive HTML page that works from a disk, without any network."""

from mmied.profiles import ComparisonReport
from mmied.reports.charts.comparison import accuracy_chart, metric_charts, speedup_chart
from mmied.reports.charts.sweep import sweeps_chart
from mmied.reports.comparison_rows import BATCH_HEAD, batch_rows, batch_sizes, failed_variants, summarize_variants
from mmied.reports.page import render
from mmied.reports.words import workload_name


def comparison_html(report: ComparisonReport) -> str:
    """Return the page."""
    results = {variant.name: variant.profile.results if variant.profile else () for variant in report.variants}
    sweep = sweeps_chart(results) if len(batch_sizes(report)) > 1 else None
    main_charts = [chart for chart in (speedup_chart(report), accuracy_chart(report), sweep) if chart is not None]
    bars = metric_charts(report)
    unfit = [
        f"{variant.name} ({workload_name(result)})"
        for variant in report.variants
        for result in (variant.profile.results if variant.profile else ())
        if result.latency is not None and not result.latency.fit
    ]
    return render(
        "comparison_page.html",
        charts=bool(main_charts or bars),
        report=report,
        summary=summarize_variants(report),
        failed=failed_variants(report),
        unfit=unfit,
        main_charts=main_charts,
        bars=bars,
        batches=batch_rows(report),
        batch_head=BATCH_HEAD,
        environment=next((each.profile.environment for each in report.variants if each.profile), None),
    )

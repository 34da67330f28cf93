"""What records say in terms, reports say in words."""

from dataclasses import replace

from profile_builders import B8, make_workload_result

from mmied.reports.words import workload_name


def test_a_precision_of_its_own_is_part_of_a_workloads_name() -> None:
    result = make_workload_result(B8)

    assert workload_name(result) == "b8"
    assert workload_name(replace(result, workload=replace(B8, precision="bfloat16"))) == "b8 bfloat16"

"""What a test says that it needs has to be there, or it is skipped with the reason; in CI it has to run."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

NEEDS = {
    "browser": ("Debian's package `chromium`", lambda: shutil.which("chromium") is not None),
    "prometheus": (
        "Debian's package `prometheus`",
        lambda: shutil.which("prometheus") is not None and shutil.which("promtool") is not None,
    ),
    "alertmanager": (
        "Debian's package `prometheus-alertmanager`",
        lambda: shutil.which("prometheus-alertmanager") is not None and shutil.which("amtool") is not None,
    ),
    "postgresql": (
        "Debian's package `postgresql`",
        lambda: shutil.which("initdb") is not None or any(Path("/usr/lib/postgresql").glob("*/bin/initdb")),
    ),
    "root": ("to be root", lambda: os.geteuid() == 0),
    "systemd": (
        "to be root, and Debian's packages `systemd`, `procps` and `python3-venv`",
        lambda: (
            os.geteuid() == 0
            and Path("/lib/systemd/systemd").exists()
            and all(map(shutil.which, ("systemd-analyze", "unshare", "nsenter", "ps")))
            and any(Path("/usr/lib").glob("python3*/ensurepip"))
        ),
    ),
    "gpu": ("a CUDA device", lambda: any(Path("/dev").glob("nvidia[0-9]*"))),
}
NEVER_REQUIRED = {"gpu"}

# How long an example takes says something of the host that the tests share, and nothing of the code.
settings.register_profile("mmied", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mmied")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what cannot run here; where MMIED_REQUIRE_ALL_TESTS is set only a missing GPU excuses."""
    required = bool(os.environ.get("MMIED_REQUIRE_ALL_TESTS"))
    lacking = {name: what for name, (what, there) in NEEDS.items() if not there()}
    for item in items:
        for name, what in lacking.items():
            if item.get_closest_marker(name) is None:
                continue
            if required and name not in NEVER_REQUIRED:
                item.add_marker(pytest.mark.usefixtures("fail_for_want"))
            else:
                item.add_marker(pytest.mark.skip(reason=f"needs {what}"))


@pytest.fixture
def fail_for_want(request: pytest.FixtureRequest) -> None:
    """Fail a test whose needs are not met where all tests are required."""
    marks = ", ".join(mark.name for mark in request.node.iter_markers() if mark.name in NEEDS)
    pytest.fail(f"this test needs {marks}, and MMIED_REQUIRE_ALL_TESTS is set")

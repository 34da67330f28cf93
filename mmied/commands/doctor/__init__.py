"""`mmied doctor`: what does this host lack for mmied to run well, and what is to be done?"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mmied.commands.doctor import files, gpus, kernel, port, python
from mmied.commands.doctor.finding import Finding, failed, warning
from mmied.commands.doctor.host import Host, reader_on
from mmied.config import Config, load_config
from mmied.errors import ConfigError

WIDTH = max(len("warning"), len("failed"))


def doctor(config_path: Path, *, as_json: bool = False) -> int:
    """Print what was found; return 1 if something failed."""
    findings = examine(config_path, Host())
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        print("\n".join(_lines(findings)))
    return 1 if any(finding.state == "failed" for finding in findings) else 0


def examine(config_path: Path, host: Host) -> list[Finding]:
    """Look at `host`, and at what the configuration wants of it."""
    found = [python.check_interpreter(host), python.check_torch(), python.check_compiler(host)]
    config, about_config = _read(config_path, host)
    found += about_config
    if config is not None:
        found += files.check_models(config, host, reader_on(host))
        found += [
            files.check_state(config.state, host, reader_on(host)),
            files.check_disk(config),
            files.check_executable_places(config.state, host),
            port.check_port(config.http.host, config.http.port),
        ]
    found.append(gpus.check_gpus(gpus.read_gpus(host), config, host))
    checks = (
        kernel.check_pressure,
        kernel.check_waits,
        kernel.check_cgroups,
        kernel.check_clock,
        kernel.check_governor,
        kernel.check_pages,
        kernel.check_tracing,
    )
    return found + [check(host) for check in checks]


def _read(path: Path, host: Host) -> tuple[Config | None, list[Finding]]:
    if not path.exists():
        advice = "Begin with deploy/mmied.example.yaml, or give `--config`."
        return None, [warning("configuration", f"{path} is not there", advice)]
    try:
        return load_config(path), [files.check_config_file(path, reader_on(host))]
    except ConfigError as error:
        message = f"{len(error.mistakes)} mistakes, the first: {error.mistakes[0]}"
        return None, [failed("configuration", message, f"See all of them: mmied check {path}")]


def _lines(findings: Sequence[Finding]) -> list[str]:
    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<{WIDTH}}  {finding.check:<{width}}  {finding.message}")
        if finding.advice is not None:
            lines.append(f"{'':<{WIDTH + width + 4}}→ {finding.advice}")
    return lines

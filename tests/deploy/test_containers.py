"""What is shipped for containers is what their tools accept, confined as it says, and names files that are there.

No image is built and nothing is started here: that takes a container engine.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from mmied.config import load_config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
OF_KUBERNETES = ("namespace", "priorityclass", "serviceaccount", "daemonset")
VERSIONS = ("1.29", "1.37")  # the oldest that managed clusters still offer, and the newest that can be checked


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def pod() -> dict[str, Any]:
    return read(BASE / "daemonset.yaml")["spec"]["template"]["spec"]  # type: ignore[no-any-return]


# The image


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_runs_as_a_user_without_rights_under_the_id_that_kubernetes_expects() -> None:
    users = re.findall(r"^USER (.+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert users == ["10001:10001", "10001:10001"]
    assert pod()["securityContext"]["runAsUser"] == 10001


def test_all_that_the_build_copies_is_let_into_it() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    assert all((ROOT / path).exists() for path in allowed)
    packages = read_toml(ROOT / "pyproject.toml")["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*packages["packages"], *packages["force-include"], "pyproject.toml", "README.md"} <= allowed


def read_toml(path: Path) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(path.read_text())


# Compose


def services() -> dict[str, Any]:
    return read(DEPLOY / "compose.yaml")["services"]  # type: ignore[no-any-return]


def test_each_service_is_confined_and_reached_from_this_host_alone() -> None:
    for name, service in services().items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        assert ":latest" not in service["image"] and ":" in service["image"], name


def test_the_files_that_are_mounted_are_there() -> None:
    mounted = [volume for service in services().values() for volume in service["volumes"] if volume.startswith(".")]
    assert len(mounted) >= 8
    for volume in mounted:
        path = DEPLOY / volume.split(":")[0]
        assert path.exists() or path.name == "models", volume  # models are the user's


def test_the_addresses_that_grafana_needs_are_given() -> None:
    datasource = (ROOT / "grafana" / "provisioning" / "datasources" / "mmied.yaml").read_text()
    asked = set(re.findall(r"(?<!\$)\$\{?(MMIED_\w+)", datasource))
    assert asked and asked <= services()["grafana"]["environment"].keys()


@pytest.mark.prometheus
def test_promtool_takes_the_scrape_configuration(tmp_path: Path) -> None:
    for file in (DEPLOY / "docker" / "prometheus.yml", DEPLOY / "prometheus" / "mmied.rules.yml"):
        (tmp_path / file.name).write_text(file.read_text())
    checked = subprocess.run(["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True)
    assert checked.returncode == 0, checked.stderr


# Kubernetes


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OF_KUBERNETES)
def test_kubernetes_takes_the_manifest(name: str, version: str) -> None:
    kubernetes_validate.validate(read(BASE / f"{name}.yaml"), version, strict=True)


def test_a_misspelt_key_would_have_been_found() -> None:
    manifest = read(BASE / "daemonset.yaml")
    manifest["spec"]["updateStrtegy"] = manifest["spec"].pop("updateStrategy")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, VERSIONS[-1], strict=True)


def test_containers_can_do_nothing_that_they_need_not() -> None:
    main, init = pod()["containers"][0], pod()["initContainers"][0]
    for container in (main, init):
        context = container["securityContext"]
        assert not context["allowPrivilegeEscalation"] and context["readOnlyRootFilesystem"]
        assert context["capabilities"]["drop"] == ["ALL"]
    assert "add" not in main["securityContext"]["capabilities"]
    assert pod()["securityContext"]["runAsNonRoot"]
    assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod()["automountServiceAccountToken"] is False


def test_models_cannot_be_written_and_no_gpu_is_taken_away() -> None:
    (main,) = pod()["containers"]
    mounts = {mount["name"]: mount for mount in main["volumeMounts"]}
    assert mounts["models"]["readOnly"] and mounts["config"]["readOnly"]
    assert mounts.keys() == {volume["name"] for volume in pod()["volumes"]}
    asked = {name for kind in main["resources"].values() for name in kind}
    assert asked == {"cpu", "memory"} and "cpu" not in main["resources"]["limits"]
    for file in (DEPLOY / "kubernetes").rglob("*.yaml"):
        assert "nvidia.com/gpu:" not in file.read_text(), file


def test_the_probes_ask_what_the_daemon_answers() -> None:
    from mmied.web.app import create_app  # the same addresses

    source = Path(create_app.__code__.co_filename).read_text()
    (main,) = pod()["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert f'"{main[probe]["httpGet"]["path"]}"' in source


def test_the_overlay_for_gpus_changes_what_is_there() -> None:
    overlay = read(DEPLOY / "kubernetes" / "gpu" / "kustomization.yaml")
    base = read(BASE / "kustomization.yaml")
    assert [image["newName"] for image in base["images"]] == [image["name"] for image in overlay["images"]]
    patch = read(DEPLOY / "kubernetes" / "gpu" / "daemonset.yaml")
    assert patch["metadata"]["name"] == read(BASE / "daemonset.yaml")["metadata"]["name"]
    (patched,) = patch["spec"]["template"]["spec"]["containers"]
    assert patched["name"] == pod()["containers"][0]["name"]
    assert all((BASE / name).is_file() for name in base["resources"])


# Both


@pytest.mark.parametrize("file", [DEPLOY / "docker" / "mmied.yaml", BASE / "mmied.yaml"], ids=["compose", "kubernetes"])
def test_the_configuration_is_valid(file: Path) -> None:
    config = load_config(file)
    assert (config.state, config.http.port) == (Path("/var/lib/mmied"), 9177)

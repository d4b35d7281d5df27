"""The compose file, as far as it can be known without a Docker engine: it is valid, pinned, whole, closed to the outside."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from spanledger_collector.engine import OLDEST_SERVER

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
OURS = {"migrate", "collector", "dashboard"}


def sample() -> dict[str, str]:
    """`.env.example`, with every password filled in."""
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#")]
    given = dict(line.split("=", 1) for line in lines)
    return {name: value or f"secret-of-{name}" for name, value in given.items()}


def interpolated(given: Mapping[str, str]) -> Any:
    """The file as Compose reads it. Raises KeyError for a variable that is needed and not given."""

    def fill(match: re.Match[str]) -> str:
        name, kind, text = match.groups()
        if kind == "-":
            return given.get(name) or text
        return given[name]

    return yaml.safe_load(VARIABLE.sub(fill, COMPOSE.read_text()))


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(interpolated(sample())["services"])


def test_it_is_valid_by_the_compose_specification(tmp_path: Path) -> None:
    filled = tmp_path / "docker-compose.yml"
    filled.write_text(yaml.safe_dump(interpolated(sample())))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(COMPOSE), str(filled)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_secret_has_a_default() -> None:
    example = (ROOT / ".env.example").read_text()
    for name, kind, _ in VARIABLE.findall(COMPOSE.read_text()):
        if "PASSWORD" in name:
            assert kind == "?" and f"\n{name}=\n" in example, name
            with pytest.raises(KeyError, match=name):
                interpolated({other: value for other, value in sample().items() if other != name})
    assert ".env" in (ROOT / ".gitignore").read_text().split()


def test_every_setting_of_the_example_is_used() -> None:
    assert set(sample()) <= {name for name, _, _ in VARIABLE.findall(COMPOSE.read_text())}


def test_clickhouse_is_of_the_line_that_is_tested(services: dict[str, Any]) -> None:
    version = services["clickhouse"]["image"].partition(":")[2].split(".")
    assert tuple(map(int, version[:2])) == OLDEST_SERVER


def test_images_are_pinned(services: dict[str, Any]) -> None:
    for name, service in services.items():
        tag = service["image"].partition(":")[2]
        assert re.match(r"v?\d+\.\d+", tag), name


def test_grafana_is_the_one_that_the_boards_are_made_for(services: dict[str, Any]) -> None:
    lines = (ROOT / "grafana" / "versions.env").read_text().splitlines()
    made_for = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert services["grafana"]["image"] == made_for["GRAFANA_IMAGE"]
    plugin = f"{made_for['GRAFANA_CLICKHOUSE_PLUGIN']}@{made_for['GRAFANA_CLICKHOUSE_PLUGIN_VERSION']}"
    assert services["grafana"]["environment"]["GF_PLUGINS_PREINSTALL_SYNC"] == plugin


def test_only_this_machine_can_reach_it_and_by_no_privileged_port(services: dict[str, Any]) -> None:
    for service in services.values():
        assert not service.get("privileged") and service.get("network_mode") is None
        for port in service.get("ports", []):
            address, published, _ = port.split(":")
            assert address == "127.0.0.1" and int(published) > 1024


def test_whatever_is_mounted_from_here_exists_and_is_read_only(services: dict[str, Any]) -> None:
    volumes = interpolated(sample())["volumes"]
    for service in services.values():
        for mount in service.get("volumes", []):
            source, _, *mode = mount.split(":")
            if source.startswith("./"):
                assert mode == ["ro"], mount
                assert (ROOT / source).exists(), mount
            else:
                assert source in volumes


def test_what_is_waited_for_can_come(services: dict[str, Any]) -> None:
    built_in = set(
        re.findall(r"^FROM base AS (\w+)(?=(?:(?!^FROM).)*^HEALTHCHECK)", DOCKERFILE.read_text(), re.M | re.S)
    )
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            waited = services[other]
            if how["condition"] == "service_healthy":
                assert "healthcheck" in waited or waited["build"]["target"] in built_in, (name, other)
            else:
                assert how["condition"] == "service_completed_successfully" and waited["restart"] == "no"


def test_our_containers_have_no_more_rights_than_they_need(services: dict[str, Any]) -> None:
    for name in OURS:
        service = services[name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["tmpfs"] == ["/tmp"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert (ROOT / service["build"]["dockerfile"]) == DOCKERFILE
        assert f" AS {service['build']['target']}\n" in DOCKERFILE.read_text()


def test_each_service_has_the_password_of_its_own_user_alone(services: dict[str, Any]) -> None:
    users = {"migrate": "MIGRATOR", "collector": "WRITER", "dashboard": "READER", "grafana": "READER"}
    for name, user in users.items():
        said = str(services[name])
        assert f"secret-of-SPANLEDGER_{user}_PASSWORD" in said
        others = {"MIGRATOR", "WRITER", "READER"} - {user}
        assert not any(f"secret-of-SPANLEDGER_{other}_PASSWORD" in said for other in others)


def test_every_variable_that_our_images_are_given_is_one_that_they_read(services: dict[str, Any]) -> None:
    code = "".join(path.read_text() for room in ("collector", "dashboard") for path in (ROOT / room).rglob("*.py"))
    given = {name for service in OURS for name in services[service]["environment"]}
    given |= set(re.findall(r"SPANLEDGER_\w+", DOCKERFILE.read_text()))
    assert {name for name in given if name.startswith("SPANLEDGER_") and name not in code} == set()


def test_every_command_is_one_that_the_command_line_knows(services: dict[str, Any]) -> None:
    for words in (services["migrate"]["command"], ["up", "--no-dashboard", "--host", "0.0.0.0"]):
        done = subprocess.run(
            [sys.executable, "-m", "spanledger_collector", *words, "--help"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert 'CMD ["up", "--no-dashboard", "--host", "0.0.0.0"]' in DOCKERFILE.read_text()


def test_the_configuration_of_the_collector_is_right() -> None:
    command = [sys.executable, "-m", "spanledger_collector", "slo", "check", str(ROOT / "deploy" / "spanledger.yaml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_objectives_of_grafanas_rules_are_in_force() -> None:
    shipped, example = (
        yaml.safe_load((ROOT / name).read_text())
        for name in ("deploy/spanledger.yaml", "grafana/objectives.example.yaml")
    )
    assert (shipped["slos"], shipped["budgets"]) == (example["slos"], example["budgets"])


def test_secrets_reach_the_collector_by_a_file_that_git_does_not_keep(services: dict[str, Any]) -> None:
    [file] = services["collector"]["env_file"]
    assert file["required"] is False and f"/{file['path']}" in (ROOT / ".gitignore").read_text().split()
    example = (ROOT / f"{file['path']}.example").read_text()
    named = set(re.findall(r"\$\{(\w+)\}", (ROOT / "deploy" / "spanledger.yaml").read_text()))
    assert named == set(re.findall(r"^(\w+)=", example, re.M)) != set()


# -- images


def test_the_dockerfile_passes_the_linter() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if not hadolint:
        pytest.skip("hadolint is not installed here")
    done = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_images_are_built_of_what_the_build_may_see() -> None:
    seen = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = re.findall(r"^COPY ([\w. ]+) \./", DOCKERFILE.read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert sources == seen
    assert {source for source in sources if not (ROOT / source).exists()} == set()


def test_the_image_has_the_version_of_the_project() -> None:
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version and f"ARG VERSION={version[1]}\n" in DOCKERFILE.read_text()
    assert f"SPANLEDGER_VERSION:-{version[1]}}}" in COMPOSE.read_text()


def test_nothing_runs_as_root() -> None:
    stages = DOCKERFILE.read_text().split("\nFROM ")
    for target in ("collector", "dashboard"):
        [stage] = [text for text in stages if text.startswith(f"base AS {target}\n")]
        assert "\nUSER 10001\n" in stage and "\nHEALTHCHECK " in stage


# -- Prometheus


def test_prometheus_takes_its_configuration() -> None:
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool is not installed here")
    done = subprocess.run(
        [promtool, "check", "config", "--syntax-only", str(ROOT / "deploy" / "prometheus" / "prometheus.yml")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr

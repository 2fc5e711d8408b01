"""The files that containers are built and run from, as far as they can be judged without an engine."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.architecture.source import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
COMPOSE = [ROOT / "deploy" / "compose.yaml", ROOT / "deploy" / "compose.embedded.yaml"]
OURS = ("gateway", "embedder", "search")
SHARED = {"likeness", "servicekit"}
# For each image: its folder of code, and its lock file.
IMAGES = {
    "gateway": ("gateway", "gateway"),
    "embedder": ("embedder_service", "embedder"),
    "search": ("search_service", "search"),
    "search-lite": ("search_service", "lite"),
}


def run(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name(str(command[0]))
    return subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)


def stages() -> dict[str, tuple[str, list[str]]]:
    """Return, for each stage of the Dockerfile, what it is made from and its other lines."""
    found: dict[str, tuple[str, list[str]]] = {}
    for line in DOCKERFILE.read_text().splitlines():
        if line.startswith("FROM "):
            _, base, _, name = line.split()
            found[name] = (base, [])
        elif found:
            found[name][1].append(line)
    return found


def lines_of(stage: str, instruction: str) -> list[str]:
    """Return the arguments of an instruction in a stage and in those that it is made from."""
    base, lines = stages().get(stage, ("", []))
    own = [line.removeprefix(instruction).strip() for line in lines if line.startswith(f"{instruction} ")]
    return [*(lines_of(base, instruction) if base else []), *own]


def copied(image: str) -> set[str]:
    """Return what an image holds of the repository, by way of the stage that it copies from."""
    sources = {found[1] for line in lines_of(image, "COPY") if (found := re.search(r"--from=([\w-]+)", line))}
    return {line.split()[0] for source in sources for line in lines_of(source, "COPY")}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_its_own_code_and_locked_dependencies_alone(image: str) -> None:
    code, lock = IMAGES[image]
    requirements = {"requirements/search.lock"} if image == "search-lite" else set()
    assert copied(image) == {*SHARED, code, f"requirements/{lock}.lock", *requirements}


def test_what_is_installed_is_checked_by_its_hash() -> None:
    installs = [line for line in DOCKERFILE.read_text().splitlines() if '"install", "--quiet"' in line]
    assert len(installs) == len(IMAGES)
    assert all('"--require-hashes"' in line and '"--no-deps"' in line for line in installs)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_one_command_and_one_health_check_and_is_not_root(image: str) -> None:
    assert [line[0] for line in lines_of(image, "CMD")] == ["["]
    (check,) = lines_of(image, "HEALTHCHECK")
    assert 'CMD ["python", "-m", "servicekit.probe"' in check
    assert lines_of(image, "USER") == ["10001:10001"]


def test_the_dockerfile_has_no_findings() -> None:
    found = run("hadolint", "--no-color", DOCKERFILE)
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_a_compose_file_fits_the_schema(path: Path) -> None:
    checked = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_every_container_is_bounded_and_starts_again(path: Path) -> None:
    for name, service in services(path).items():
        assert service.keys() >= {"cpus", "mem_limit", "restart", "logging"}, name
        assert service["security_opt"] == ["no-new-privileges:true"], name


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_what_is_ours_can_write_nothing_and_has_no_rights(path: Path) -> None:
    for name in (*OURS, "redis"):
        service = services(path)[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_the_images_are_those_of_this_version(path: Path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name in OURS:
        assert services(path)[name]["image"].endswith(f":${{LIKENESS_VERSION:-{version}}}")


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_nothing_but_the_gateway_can_be_reached_from_outside_and_that_from_this_machine_alone(path: Path) -> None:
    published = {name: service["ports"] for name, service in services(path).items() if "ports" in service}
    assert list(published) == ["gateway"]
    assert all(port.startswith("${LIKENESS_LISTEN:-127.0.0.1}:") for port in published["gateway"])


def services(path: Path) -> dict[str, Any]:
    """Return the services of a compose file, those that extend another file's with what they have from there."""
    document: dict[str, Any] = YAML(typ="safe").load(path)
    return {name: _extended(path, service) for name, service in document["services"].items()}


def _extended(path: Path, service: dict[str, Any]) -> dict[str, Any]:
    if "extends" not in service:
        return service
    base: dict[str, Any] = services(path.parent / service["extends"]["file"])[service["extends"]["service"]]
    return base | {key: value for key, value in service.items() if key != "extends"}

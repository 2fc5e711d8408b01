"""Settings read from the environment."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from servicekit import settings


class ProbeSettings(settings.ServerSettings):
    """Settings of a service that exists only here."""

    model_config = SettingsConfigDict(env_prefix="LIKENESS_PROBE_")

    port: int = Field(50099, ge=0, le=65535, description="Port of the service.")
    prefixes: list[str] = Field([], description="A list, written as JSON.")
    password: SecretStr = Field(SecretStr(""), description="A secret.")


def test_defaults_hold_where_the_environment_is_silent() -> None:
    assert settings.load(ProbeSettings).port == 50099


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_PROBE_PORT", "1234")
    monkeypatch.setenv("LIKENESS_PROBE_PREFIXES", '["a", "b"]')
    loaded = settings.load(ProbeSettings)
    assert (loaded.port, loaded.prefixes) == (1234, ["a", "b"])


def test_every_problem_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_PROBE_PORT", "70000")
    monkeypatch.setenv("LIKENESS_PROBE_LOG_LEVEL", "LOUD")
    monkeypatch.setenv("LIKENESS_PROBE_PROT", "1234")
    with pytest.raises(SystemExit) as caught:
        settings.load(ProbeSettings)
    problems = sorted(str(caught.value).splitlines())
    assert [line.split(":")[0] for line in problems] == [
        "LIKENESS_PROBE_LOG_LEVEL",
        "LIKENESS_PROBE_PORT",
        "LIKENESS_PROBE_PROT",
    ]


@pytest.mark.parametrize("name", ["LIKENESS_PROBE_PROT", "likeness_probe_prot"])
def test_a_name_that_no_setting_has_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1234")
    with pytest.raises(SystemExit, match="LIKENESS_PROBE_PROT: no such setting"):
        settings.load(ProbeSettings)


def test_names_of_other_programs_are_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_OTHER_PORT", "1")
    monkeypatch.setenv("PROBE_PORT", "tcp://10.0.0.1:50051")
    assert settings.load(ProbeSettings).port == 50099


def test_a_list_that_is_no_json_is_a_problem_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_PROBE_PREFIXES", "[1")
    with pytest.raises(SystemExit, match="prefixes"):
        settings.load(ProbeSettings)


def test_a_problem_does_not_repeat_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_PROBE_PORT", "hunter2")
    with pytest.raises(SystemExit) as caught:
        settings.load(ProbeSettings)
    assert "hunter2" not in str(caught.value)


def test_settings_are_frozen() -> None:
    loaded = settings.load(ProbeSettings)
    with pytest.raises(ValidationError, match="frozen"):
        loaded.port = 1  # type: ignore[misc]


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_PROBE_PASSWORD", "hunter2")
    assert "hunter2" not in repr(settings.load(ProbeSettings))


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in settings.ServerSettings.model_fields.items() if not field.description] == []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").touch()
    return tmp_path / "file"


def test_reflection_is_off_where_certificates_or_tokens_are_asked_for_unless_it_is_allowed(file: Path) -> None:
    tls: dict[str, Any] = {"tls_cert_file": file, "tls_key_file": file}
    for closed in ({"tokens_file": file}, {**tls, "tls_client_ca_file": file}):
        assert not ProbeSettings(**closed).reflects
        assert ProbeSettings(**closed, reflection=True).reflects
    for opened in ({}, tls):
        assert ProbeSettings(**opened).reflects
        assert not ProbeSettings(**opened, reflection=False).reflects


@pytest.mark.parametrize(
    "names", [("tls_cert_file",), ("tls_key_file",), ("tls_client_ca_file",), ("tls_key_file", "tls_client_ca_file")]
)
def test_a_certificate_and_its_key_go_together(file: Path, names: tuple[str, ...]) -> None:
    given: dict[str, Any] = dict.fromkeys(names, file)
    with pytest.raises(ValidationError, match=r"go together|needs tls_cert_file"):
        ProbeSettings(**given)

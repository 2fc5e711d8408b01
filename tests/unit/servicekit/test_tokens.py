"""The file of tokens: what it may say, and what is said of what it may not, which repeats nothing of it."""

import hashlib
from pathlib import Path

import pytest

from servicekit import tokens
from servicekit.tokens import Role
from servicekit.watched import Unusable

SECRET = "s3cr3t-" * 4
SHA256 = hashlib.sha256(SECRET.encode()).hexdigest()


def problem_of(path: Path, text: str) -> str:
    (path / "tokens.toml").write_text(text)
    with pytest.raises(Unusable) as caught:
        tokens.watched(path / "tokens.toml")
    return str(caught.value)


@pytest.mark.parametrize("given", [f'token = "{SECRET}"', f'sha256 = "{SHA256}"'])
def test_a_token_is_found_whether_it_is_kept_whole_or_hashed(tmp_path: Path, given: str) -> None:
    (tmp_path / "tokens.toml").write_text(f'[[token]]\nname = "shop"\nrole = "writer"\n{given}\n')
    known = tokens.watched(tmp_path / "tokens.toml").value
    found = known.find(SECRET)
    assert found is not None
    assert (found.name, found.role, found.expired) == ("shop", Role.WRITER, False)
    assert known.find(SHA256) is None, "a hash opens nothing"
    assert known.find("") is None
    assert SECRET not in repr(known)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "token: Field required"),
        ("token = []", "at least 1 item"),
        (f"{SECRET} = ", "is not TOML"),
        (f'[[token]]\nname = "a"\nrole = "writer"\ntoken = "{SECRET[:15]}"', "at least 16 ASCII characters"),
        (f'[[token]]\nname = "a"\nrole = "writer"\ntoken = "{SECRET} x"', "without spaces"),
        (f'[[token]]\nname = "a"\nrole = "writer"\nsha256 = "{SECRET}"', "token.0.sha256"),
        (f'[[token]]\nname = "a"\nrole = "writer"\ntoken = "{SECRET}"\nsha256 = "{SHA256}"', "not both"),
        (
            f'[[token]]\nname = "a"\nrole = "owner"\ntoken = "{SECRET}"',
            "token.0.role: Value error, the role must be one of reader, writer, admin",
        ),
        (f'[[token]]\nname = "a"\nrole = 3\ntoken = "{SECRET}"', "one of reader, writer, admin"),
        (f'[[token]]\nname = "{SECRET} x"\nrole = "admin"\ntoken = "{SECRET}"', "token.0.name"),
        (
            f'[[token]]\nname = "a"\nrole = "admin"\ntoken = "{SECRET}"\nexpires = 2027-01-01T00:00:00',
            "token.0.expires",
        ),
        (f'[[token]]\nname = "a"\nrole = "admin"\ntoken = "{SECRET}"\nuntil = 1', "token.0.until"),
        (f'[[token]]\nname = "a"\nrole = "admin"\ntoken = "{SECRET}"\n' * 2, "two entries have the same token"),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(tmp_path: Path, text: str, problem: str) -> None:
    found = problem_of(tmp_path, text)
    assert found.startswith("tokens: ")
    assert problem in found
    assert "s3cr3t" not in found


def test_a_token_expires_at_its_time(tmp_path: Path) -> None:
    for year, expired in [(2001, True), (2999, False)]:
        text = f'[[token]]\nname = "a"\nrole = "reader"\ntoken = "{SECRET}"\nexpires = {year}-01-01T00:00:00Z\n'
        (tmp_path / "tokens.toml").write_text(text)
        found = tokens.watched(tmp_path / "tokens.toml").value.find(SECRET)
        assert found is not None
        assert found.expired is expired

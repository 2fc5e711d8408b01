"""Bearer tokens and what their holders may do, from a file such as a Kubernetes Secret.

[[token]]
name = "shop"                                  # for the log; a token that replaces another may have its name
role = "reader"                                # or writer, which includes reader, or admin, which includes both
sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e…"   # of the token, in hex; or token = "…", as it is
expires = 2027-01-01T00:00:00Z                 # may be left out
"""

import hashlib
import hmac
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from servicekit.watched import Unusable, Watched


class Role(IntEnum):
    """What a caller may do; each includes those before it."""

    READER = 1
    WRITER = 2
    ADMIN = 3


def _role(name: Any) -> Any:
    if isinstance(name, str) and name.islower() and name.upper() in Role.__members__:
        return Role[name.upper()]
    raise ValueError(f"the role must be one of {', '.join(role.name.lower() for role in Role)}")


class Token(BaseModel):
    """One token, of which only the hash is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    role: Annotated[Role, BeforeValidator(_role)]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    expires: AwareDatetime | None = None

    @model_validator(mode="before")
    @classmethod
    def _hash(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "token" not in given:
            return given
        rest = {key: value for key, value in given.items() if key != "token"}
        token = given["token"]
        if "sha256" in rest:
            raise ValueError("give token or sha256, not both")
        if not isinstance(token, str) or not token.isascii() or len(token) < _MIN_CHARS or " " in token:
            raise ValueError(f"token must be at least {_MIN_CHARS} ASCII characters without spaces")
        return {**rest, "sha256": hashlib.sha256(token.encode()).hexdigest()}

    @property
    def expired(self) -> bool:
        """Whether it counts no more."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


_MIN_CHARS = 16


class Tokens(BaseModel):
    """All that a server knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: tuple[Token, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({token.sha256 for token in self.token}) < len(self.token):
            raise ValueError("two entries have the same token")
        return self

    def find(self, presented: str) -> Token | None:
        """Return the token that was presented, in a time that tells nothing of how much of it is right."""
        digest = hashlib.sha256(presented.encode(errors="replace")).hexdigest()
        found = None
        for token in self.token:
            if hmac.compare_digest(token.sha256, digest):
                found = token
        return found


def watched(file: Path) -> Watched[Tokens]:
    """Return the tokens of a file, now and later.

    Raises:
        Unusable: it holds none, or something else.
    """
    return Watched("tokens", [file], _parse)


def _parse(contents: Sequence[bytes]) -> Tokens:
    try:
        return Tokens.model_validate(tomllib.loads(contents[0].decode()))
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise Unusable("; ".join(problems)) from None
    except ValueError:  # not TOML, or not UTF-8; the parser's own words may repeat the file's
        raise Unusable("the file cannot be read, or is not TOML") from None

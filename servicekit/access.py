"""Who may call what: a bearer token with a role, and the role that each call needs."""

from collections.abc import Iterable, Mapping

import structlog

from servicekit.errors import PermissionDenied, Unauthenticated
from servicekit.tokens import Role, Token, Tokens
from servicekit.watched import Watched

AUTHORIZATION_KEY = "authorization"
_SCHEME = "bearer"

Metadata = Iterable[tuple[str, str | bytes]]


class Access:
    """Lets calls in.

    Args:
        tokens: Those that are known; without any, whoever can connect may do everything.
        roles: The role that each call needs, by its path, such as /likeness.v1.EmbedderService/Embed. A call that is
            missing here is refused whatever the token.
    """

    def __init__(self, tokens: Watched[Tokens] | None, roles: Mapping[str, Role]) -> None:
        self._tokens = tokens
        self._roles = roles

    def require(self, method: str, metadata: Metadata, *, exists: bool) -> None:
        """Return if the caller may make the call, and put the token's name on its log lines.

        Raises:
            Unauthenticated: there is no token, more than one, or one that is not known or has expired.
            PermissionDenied: its role is not enough. That a call does not exist is nobody's secret but from strangers.
        """
        if self._tokens is None:
            return
        token = _known(self._tokens.value, metadata)
        structlog.contextvars.bind_contextvars(caller=token.name)
        if exists:
            _require_role(token.role, self._roles.get(method))


def _known(tokens: Tokens, metadata: Metadata) -> Token:
    token = tokens.find(_presented(metadata))
    if token is None:
        raise Unauthenticated("the bearer token is not known here")
    if token.expired:
        raise Unauthenticated("the bearer token has expired")
    return token


def _presented(metadata: Metadata) -> str:
    given = [value for key, value in metadata if key == AUTHORIZATION_KEY]
    if len(given) > 1:
        raise Unauthenticated("the call has more than one authorization header")
    scheme, _, token = str(given[0]).partition(" ") if given else ("", "", "")
    if scheme.lower() != _SCHEME or not token:
        raise Unauthenticated("this call needs the header `authorization: Bearer TOKEN`")
    return token


def _require_role(role: Role, needed: Role | None) -> None:
    if needed is None:
        raise PermissionDenied("this call is open to nobody")
    if role < needed:
        metadata = {"role": role.name.lower(), "needed": needed.name.lower()}
        raise PermissionDenied(
            f"this call needs the role {metadata['needed']}; the token's is {metadata['role']}", metadata=metadata
        )

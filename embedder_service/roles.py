"""The role that each call needs, where the operator has given out tokens: nothing here is kept or changed."""

from collections.abc import Mapping

from servicekit.tokens import Role

ROLES: Mapping[str, Role] = {
    "Embed": Role.READER,
    "StreamEmbed": Role.READER,
    "ListModels": Role.READER,
    "GetModel": Role.READER,
}

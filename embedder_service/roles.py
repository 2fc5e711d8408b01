"""The role that each call needs, where the operator has given out tokens: reading pictures changes nothing."""

from collections.abc import Mapping

from servicekit.tokens import Role

EMBEDDER: Mapping[str, Role] = {
    "Embed": Role.READER,
    "StreamEmbed": Role.READER,
    "ListModels": Role.READER,
    "GetModel": Role.READER,
}
INFERENCE: Mapping[str, Role] = {
    "ServerLive": Role.READER,
    "ServerReady": Role.READER,
    "ModelReady": Role.READER,
    "ServerMetadata": Role.READER,
    "ModelMetadata": Role.READER,
    "ModelInfer": Role.READER,
}
MODEL_ADMIN: Mapping[str, Role] = {
    "ReloadModels": Role.ADMIN,
}

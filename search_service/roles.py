"""The role that each call needs, where the operator has given out tokens."""

from collections.abc import Mapping

from servicekit.tokens import Role

SEARCH: Mapping[str, Role] = {
    "CreateCollection": Role.ADMIN,
    "DeleteCollection": Role.ADMIN,
    "AddBinding": Role.ADMIN,
    "ActivateModel": Role.ADMIN,
    "RemoveModel": Role.ADMIN,
    "CheckImages": Role.WRITER,
    "UpsertImages": Role.WRITER,
    "DeleteImages": Role.WRITER,
    "RecallAnswer": Role.WRITER,
    "KeepAnswer": Role.WRITER,
    "FindContent": Role.READER,
    "Search": Role.READER,
    "Compare": Role.READER,
    "EvaluateModels": Role.READER,
    "FindDuplicates": Role.READER,
    "GetCollection": Role.READER,
    "ListCollections": Role.READER,
    "GetImage": Role.READER,
    "ListImages": Role.READER,
}
MAINTENANCE: Mapping[str, Role] = {
    "Sweep": Role.ADMIN,
    "Reconcile": Role.ADMIN,
    "Rebuild": Role.ADMIN,
}

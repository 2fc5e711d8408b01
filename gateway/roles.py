"""The role that each call needs, where the operator has given out tokens."""

from collections.abc import Mapping

from servicekit.tokens import Role

ROLES: Mapping[str, Role] = {
    "CreateCollection": Role.ADMIN,
    "DeleteCollection": Role.ADMIN,
    "AddModel": Role.ADMIN,
    "ActivateModel": Role.ADMIN,
    "RemoveModel": Role.ADMIN,
    "IndexImages": Role.WRITER,
    "IngestImages": Role.WRITER,
    "DeleteImages": Role.WRITER,
    "SearchImages": Role.READER,
    "CompareModels": Role.READER,
    "EvaluateModels": Role.READER,
    "FindDuplicates": Role.READER,
    "GetCollection": Role.READER,
    "ListCollections": Role.READER,
    "GetImage": Role.READER,
    "ListImages": Role.READER,
    "ListModels": Role.READER,
}

"""The durable steps of this service: calls of its stores that change something, around which faults can be injected."""

RECORD_STEPS = (
    "prepare",
    "register",
    "unregister",
    "begin",
    "commit",
    "delete",
    "expire",
    "forget",
    "clear",
    "fence",
    "redefine",
    "retire",
    "forget_spaces",
)
VECTOR_STEPS = ("create", "insert", "delete", "drop")

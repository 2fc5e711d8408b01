"""The durable steps of this service: calls of its stores that change something, around which faults can be injected."""

RECORD_STEPS = (
    *("prepare", "register", "unregister", "clear", "redefine", "retire", "forget_spaces", "fence"),
    *("begin", "commit", "delete", "expire", "forget", "keep"),
)
VECTOR_STEPS = ("create", "insert", "delete", "drop")

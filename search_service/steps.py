"""The durable steps of this service: the calls of its stores that change something, around which faults are injected."""

RECORD_STEPS = ("prepare", "register", "unregister", "begin", "commit", "delete", "expire", "forget", "clear")
VECTOR_STEPS = ("create", "insert", "delete", "drop")

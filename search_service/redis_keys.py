"""Names of the keys in Redis. All keys of one collection share a hash tag, so each script stays in one slot."""

COLLECTIONS = "{likeness}:collections"
DROPPED = "{likeness}:dropped"
RETIRED = "{likeness}:retired"
LEASE = "{likeness}:lease"


def key(uid: str, name: str) -> str:
    """Return the name of one key of a collection."""
    return f"likeness:{{{uid}}}:{name}"


def keys(uid: str, *names: str) -> list[str]:
    """Return the names of several keys of a collection."""
    return [key(uid, name) for name in names]

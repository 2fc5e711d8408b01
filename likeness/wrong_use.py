"""What the command refuses of its own line beyond what its options say of themselves."""

from likeness.errors import LikenessError


class WrongUse(LikenessError):
    """A line that cannot be meant, whatever the service holds; the command ends with 2."""

    def __init__(self, message: str, reason: str = "INVALID_FIELD") -> None:
        super().__init__("INVALID_ARGUMENT", reason, message)

"""What can go wrong with the local stack, in words for the one who runs it."""


class StackError(Exception):
    """The stack cannot do what was asked; the message says why and what to do."""

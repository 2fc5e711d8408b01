"""What other people's libraries say went wrong, in few words."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or the name of its kind where it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)

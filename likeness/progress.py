"""How far a command is, on a terminal alone."""

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from likeness.session import Session


def progress(session: Session, *further: ProgressColumn) -> Progress:
    """Return a bar with a description, a count, what is given and the time left; messages go above it."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *further,
        TextColumn("time left"),
        TimeRemainingColumn(),
        console=session.messages,
        disable=not session.messages.is_terminal,
    )

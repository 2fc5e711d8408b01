"""Work in threads."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

Piece = TypeVar("Piece")


def each(pieces: Iterable[Piece], work: Callable[[Piece], None], threads: int, cancelled: threading.Event) -> None:
    """Do every piece of work, so many at once. The first failure sets `cancelled`; what is under way ends first.

    Raises:
        Exception: what the first piece that failed raised.
    """
    executor = ThreadPoolExecutor(threads)
    try:
        done, _ = wait([executor.submit(work, piece) for piece in pieces], return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
    except BaseException:
        cancelled.set()
        raise
    finally:
        executor.shutdown(cancel_futures=True)

"""Where in a batch an error is, as its caller counts."""

import re
from collections.abc import Sequence
from dataclasses import replace

from likeness.errors import LikenessError

_PLACE = re.compile(r"\bentries\[(\d+)\]")


def renumbered(error: LikenessError, sent: Sequence[int]) -> LikenessError:
    """Return an error about entries of a request as one about those of the batch: `sent` has the place of each."""

    def moved(text: str) -> str:
        return _PLACE.sub(
            lambda found: f"entries[{sent[int(found[1])]}]" if int(found[1]) < len(sent) else found[0], text
        )

    return LikenessError(
        error.code,
        error.reason,
        moved(error.message),
        [replace(violation, field=moved(violation.field)) for violation in error.violations],
        metadata=error.metadata,
        retry_after_seconds=error.retry_after_seconds,
    )

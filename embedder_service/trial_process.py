"""The program of a trial: loads one folder of a model, runs it once, and says in one line what is wrong with it."""

import json
import math
import resource
import sys
from contextlib import suppress
from pathlib import Path

from embedder_service import model_folder
from embedder_service.onnx_model import try_network
from embedder_service.ports import ModelUnusable
from embedder_service.trial import PASSED

_CHOSEN_FIRST = "1000"


def main(orders: str) -> None:
    """Do as `orders` say, in JSON: the folder, and the seconds and the memory that it may take."""
    told = json.loads(orders)
    _limit(told["seconds"], told["memory_bytes"])
    sys.stdout.write(_outcome(Path(told["folder"]), told["memory_bytes"]))


def _outcome(folder: Path, memory_bytes: int) -> str:
    try:
        files = model_folder.read(folder)
        try_network(files.card, files.content)
    except ModelUnusable as problem:
        return str(problem)
    except MemoryError:
        return f"its trial run took over {memory_bytes:,} bytes of memory"
    return PASSED


def _limit(seconds: float, memory_bytes: int) -> None:
    """Bound this process, and have the kernel end it before any other where memory runs out all the same.

    The time is for a server that was killed itself: nobody would end this process then.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(2 * seconds), math.ceil(2 * seconds)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_CHOSEN_FIRST)


if __name__ == "__main__":
    main(sys.argv[1])

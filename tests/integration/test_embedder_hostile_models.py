"""Every model file that reliability asks about, in one folder of models: the server starts, and serves the good one."""

from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np

from likeness.v1 import embedder_pb2, embedder_pb2_grpc
from tests import embedder_hostile, embedder_models
from tests.embedder_models import average_colour, card, with_weights_at, write
from tests.embedder_process import lines_until_serving
from tests.integration.test_embedder_reload import process

GOOD = average_colour()
CONTENTS: dict[str, bytes] = {
    "truncated": GOOD[: len(GOOD) // 2],
    "web-page": b"<!DOCTYPE html><html>not found</html>",
    "lfs-pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "endless-loop": embedder_models.endless(),
    "one-endless-node": embedder_hostile.uninterruptible(),
    "32-gib": embedder_hostile.huge(),
    "nan": average_colour(bias=float("nan")),
    "weights-above": with_weights_at("../weights.bin"),
    "weights-at-a-path": with_weights_at("/etc/hostname"),
    "weights-by-symlink": with_weights_at("weights.bin"),
    "weights-by-hardlink": with_weights_at("weights.bin"),
}
LINKS: dict[str, Callable[[Path, Path], None]] = {
    "weights-by-symlink": lambda at, to: at.symlink_to(to),
    "weights-by-hardlink": lambda at, to: at.hardlink_to(to),
}


def fill(repository: Path) -> None:
    (repository / "weights.bin").write_bytes(np.ones(3, np.float32).tobytes())
    for name, content in CONTENTS.items():
        folder = write(repository, card(name, content, 3), content)
        if name in LINKS:
            LINKS[name](folder / "weights.bin", repository / "weights.bin")
    write(repository, card("wrong-hash", GOOD, 3) | {"onnx_sha256": "0" * 64}, GOOD)
    write(repository, card("zz-good", GOOD, 3), GOOD)


async def test_none_is_served_each_costs_one_line_and_the_server_starts(tmp_path: Path) -> None:
    fill(tmp_path)
    async with process(tmp_path, TRIAL_SECONDS="4") as running:
        lines = await lines_until_serving(running)
        refused = [line["model"] for line in lines if line["event"] == "model refused"]
        assert sorted(refused) == sorted([*CONTENTS, "wrong-hash"])
        assert [line["problem"] for line in lines if "\n" in str(line.get("problem", ""))] == []
        port = next(line["port"] for line in lines if line["event"] == "serving")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = embedder_pb2_grpc.EmbedderServiceStub(channel)
            models = (await stub.ListModels(embedder_pb2.ListModelsRequest(), wait_for_ready=True)).models
        assert [model.name for model in models] == ["zz-good"]

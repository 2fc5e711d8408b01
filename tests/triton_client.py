"""Triton's client as its users write it; run by the interpreter in .tools/triton, which has it.

Reads one JSON document from stdin, `{"address", "steps": [{"call", ...}]}`, and prints a list of what they returned.
"""

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tritonclient.grpc as triton
from google.protobuf import json_format
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

Step = dict[str, Any]


def infer(client: Any, step: Step) -> Any:
    contents = np.array([base64.b64decode(image) for image in step["images"]], dtype=np.object_)
    tensor = triton.InferInput(step.get("input", "image"), step.get("shape", list(contents.shape)), "BYTES")
    tensor.set_data_from_numpy(contents.reshape(step.get("shape", contents.shape)))
    answer = client.infer(
        step["model"],
        [tensor],
        model_version=step.get("version", ""),
        outputs=[triton.InferRequestedOutput("vector")],
        request_id="r-1",
        client_timeout=step.get("timeout_seconds"),
        compression_algorithm=step.get("compression"),
    )
    response = answer.get_response()
    vectors = answer.as_numpy("vector")
    return {"id": response.id, "version": response.model_version, "dtype": str(vectors.dtype), "rows": vectors.tolist()}


def metadata(client: Any, step: Step) -> Any:
    return json_format.MessageToDict(client.get_model_metadata(step["model"], step.get("version", "")))


CALLS: dict[str, Callable[[Any, Step], Any]] = {
    "live": lambda client, _: client.is_server_live(),
    "ready": lambda client, _: client.is_server_ready(),
    "model_ready": lambda client, step: client.is_model_ready(step["model"], step.get("version", "")),
    "server": lambda client, _: json_format.MessageToDict(client.get_server_metadata()),
    "model": metadata,
    "infer": infer,
    "protocol": lambda *_: base64.b64encode(service_pb2.DESCRIPTOR.serialized_pb).decode(),
}


def outcome(client: Any, step: Step) -> Any:
    try:
        return CALLS[step["call"]](client, step)
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}


def main() -> None:
    asked = json.load(sys.stdin)
    with triton.InferenceServerClient(asked["address"]) as client:
        json.dump([outcome(client, step) for step in asked["steps"]], sys.stdout)


if __name__ == "__main__":
    main()

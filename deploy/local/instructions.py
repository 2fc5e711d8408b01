"""How to call a running stack, as commands to paste into a shell."""

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from string import Template

from deploy.local.parts import ROOT, STATE

_TEXT = Template("""\
With grpcurl, the calls that there are, and one of them:

grpcurl -plaintext $address list
grpcurl -plaintext $address likeness.v1.ImageSearchService/ListModels

With Python:

PYTHONPATH=$root $python - <<'END'
import grpc
from likeness.v1 import image_search_pb2 as api, image_search_pb2_grpc as rpc, types_pb2 as types
gateway = rpc.ImageSearchServiceStub(grpc.insecure_channel("$address"))
picture = types.Image(content=open("$picture", "rb").read())
if "hello" not in [c.name for c in gateway.ListCollections(api.ListCollectionsRequest()).collections]:
    gateway.CreateCollection(api.CreateCollectionRequest(collection=api.Collection(name="hello")))
entry = api.ImageEntry(image_id="cat", image=picture)
gateway.IndexImages(api.IndexImagesRequest(collection="hello", entries=[entry]))
for hit in gateway.SearchImages(api.SearchImagesRequest(collection="hello", image=picture, top_k=5)).hits:
    print(hit.rank, hit.image_id, hit.distance)
END
""")


def text(address: str) -> str:
    """Return the commands for a gateway at this address."""
    return _TEXT.substitute(
        address=address, root=shlex.quote(str(ROOT)), python=shlex.quote(sys.executable), picture=_picture()
    )


def stop_command(state: Path) -> str:
    """Return the command that stops the stack over a state folder."""
    if state == STATE:
        return "make down"
    return shlex.join([sys.executable, "-m", "deploy.local", "down", "--state", str(state)])


def _picture() -> Path:
    # scikit-image comes with the extra `local`, and brings photographs.
    spec = find_spec("skimage")
    return Path(str(spec and spec.origin)).with_name("data") / "chelsea.png"

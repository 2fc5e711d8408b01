"""The programs of docs/clients.md, as they stand: against a gateway where they look for one."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import gateway.app
from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import types_pb2
from tests.conftest import ROOT
from tests.interop.clients import HERE, LANGUAGES, command, require_built
from tests.interop.conftest import gateway_settings
from tests.interop.site import Site
from tests.serving import serving

pytestmark = pytest.mark.interop

_SECONDS = 60


@pytest.fixture(scope="module")
async def directory(site: Site, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A folder with the photo that the programs name; the gateway is where they look for it, and has it in its shop."""
    path = tmp_path_factory.mktemp("examples")
    shutil.copy(pictures / "3.png", path / "photo.jpg")
    image = types_pb2.Image(content=(path / "photo.jpg").read_bytes())
    async with serving(gateway.app.build, gateway_settings(site.addresses, port=50050)) as here, site.gateway() as stub:
        await here.ready()
        await stub.CreateCollection(pb.CreateCollectionRequest(collection=pb.Collection(name="shop")))
        entry = pb.ImageEntry(image_id="sku/4711", image=image)
        await stub.IndexImages(pb.IndexImagesRequest(collection="shop", entries=[entry]))
        yield path


@pytest.mark.parametrize("language", [*LANGUAGES, "python"])
async def test_the_program_finds_the_photo(language: str, directory: Path) -> None:
    line = [sys.executable, str(HERE / "python" / "search.py")]
    if language != "python":
        require_built(language)
        line = command(language, "search")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(directory)}
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(*line, cwd=directory, env=environment, stdout=pipe, stderr=pipe)
    output, messages = await asyncio.wait_for(running.communicate(), _SECONDS)
    assert (running.returncode, output.decode()) == (0, "1 sku/4711 0.0000\n"), messages.decode()

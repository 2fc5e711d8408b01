"""A folder of models beside the built-in ones: `make up MODELS=DIR`."""

import shutil
from pathlib import Path

from deploy.local.parts import StackSettings
from deploy.local.ports import Ports
from deploy.local.stack import Stack
from tests.e2e.conftest import Command


def test_a_folder_of_models_is_served_too(tmp_path: Path, root: Path) -> None:
    mine = tmp_path / "models" / "mine"
    shutil.copytree(root / "embedder_service" / "models" / "colour", mine)
    card = mine / "model.toml"
    card.write_text(card.read_text().replace('name = "colour"', 'name = "mine"'))
    stack = Stack(StackSettings(tmp_path / "state", Ports.free(), model_dirs=(mine.parent,)))
    stack.start()
    try:
        models = Command(stack.settings.ports.address("gateway")).json("models")
        assert [model["name"] for model in models["models"]] == ["colour", "mine", "shape"]
    finally:
        stack.stop()

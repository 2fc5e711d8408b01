"""The planted bugs fit the code as it is, and name tests that exist. `make plants` runs them."""

import re
from pathlib import Path

import pytest

from tests.plants.__main__ import Plant, plants

PLANTS = plants()


@pytest.mark.parametrize("plant", PLANTS, ids=[plant.file.stem for plant in PLANTS])
def test_a_plant_fits_the_code(root: Path, plant: Plant) -> None:
    plant.apply(root, "--check")
    assert plant.title.startswith(f"{int(plant.file.name[:2])}: ")


@pytest.mark.parametrize("plant", PLANTS, ids=[plant.file.stem for plant in PLANTS])
def test_a_plant_names_tests_that_exist(root: Path, plant: Plant) -> None:
    assert plant.tests
    for test in plant.tests:
        path, _, name = test.partition("::")
        assert re.search(rf"^(async )?def {name.partition('[')[0]}\(", (root / path).read_text(), flags=re.MULTILINE)


def test_a_plant_that_does_not_fit_is_told(root: Path, tmp_path: Path) -> None:
    patch = tmp_path / "99-none.patch"
    patch.write_text(PLANTS[0].file.read_text().replace("-                ", "-                no such line "))
    with pytest.raises(SystemExit, match="does not fit the tree any more"):
        Plant(patch).apply(root, "--check")


def test_every_plant_is_there() -> None:
    assert [plant.file.name[:2] for plant in PLANTS] == [
        "01",
        "02",
        "03",
        "04",
        "06",
        "07",
        "08",
        "09",
        "10",
        "11",
        "12",
        "13",
        "14",
    ]
    assert [plant.file.name[:2] for plant in plants(["4", "12"])] == ["04", "12"]

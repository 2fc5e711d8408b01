"""The page of `--html`, as a browser shows it."""

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image, ImageOps
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from tests.e2e.conftest import Running, write_photos

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
COUNT = 24
# Of 255. JPEG and another order of resizing cost 1.1 at most on these pictures; any two of them are over 50 apart.
TOLERANCE = 5.0

# All that the page shows, in the order of the document.
_SHOWN = """
return [...document.querySelectorAll("[data-model]")].map(column => ({
  model: column.dataset.model,
  heading: column.querySelector("h2").innerText,
  left: column.getBoundingClientRect().left,
  hits: [...column.querySelectorAll("[data-image-id]")].map(hit => ({
    image_id: hit.dataset.imageId,
    rank: Number(hit.dataset.rank),
    top: hit.getBoundingClientRect().top,
    text: hit.innerText,
    images: [...hit.querySelectorAll("img")].map(image => ({
      source: image.src, width: image.naturalWidth, alt: image.alt, shown: image.getBoundingClientRect().width,
    })),
    shares: [...hit.querySelectorAll(".parts .bar i")].map(
      bar => bar.getBoundingClientRect().width / bar.parentElement.getBoundingClientRect().width),
  })),
}))
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1600,1200"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    options.add_argument("--disable-background-networking")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    running = Chrome(options=options, service=Service(DRIVER))
    try:
        yield running
    finally:
        running.quit()


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated pictures, and among them what a telephone takes: turned on its side, and said so in its EXIF data."""
    directory = tmp_path_factory.mktemp("pictures") / "album"
    upright = Image.open(write_photos(directory, range(COUNT))[0])
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.rotate(90, expand=True).convert("RGB").save(directory / "turned.jpg", exif=exif, quality=95)
    holes = upright.convert("RGBA")
    holes.putalpha(200)
    holes.save(directory / "holes.png")
    return directory


@pytest.fixture(scope="module")
def indexed(running: Running, album: Path) -> str:
    running.command.json("index", str(album), "-c", "paged", "--label-from-folder")
    return "paged"


def opened(browser: Chrome, page: Path) -> list[dict[str, Any]]:
    """Open a page and return what it shows."""
    browser.get_log("performance")  # type: ignore[no-untyped-call]
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    browser.get(page.as_uri())
    shown: list[dict[str, Any]] = browser.execute_script(_SHOWN)
    return shown


def requested(browser: Chrome) -> set[str]:
    """Return every address that the page asked for, data: aside."""
    log = browser.get_log("performance")  # type: ignore[no-untyped-call]
    urls = re.findall(r'"method":"Network.requestWillBeSent".*?"url":"([^"]+)"', "\n".join(e["message"] for e in log))
    return {url for url in urls if not url.startswith("data:")}


def path_of(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def difference(source: str, file: Path) -> float:
    """Return the mean difference, of 255, between a thumbnail and a file, both upright, on white and 32 x 32."""
    kind, _, encoded = source.partition(";base64,")
    assert kind in ("data:image/jpeg", "data:image/png")
    thumbnail = Image.open(io.BytesIO(base64.b64decode(encoded)))
    assert 200 <= max(thumbnail.size) <= 240
    return float(np.abs(_pixels(thumbnail) - _pixels(Image.open(file))).mean())


def _pixels(image: Image.Image) -> np.ndarray[Any, np.dtype[np.float64]]:
    upright = ImageOps.exif_transpose(image).convert("RGBA")
    white = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("RGB")
    return np.asarray(white.resize((32, 32), Image.Resampling.BOX), dtype=np.float64)


def require_pictures_of(column: dict[str, Any], hits: list[dict[str, Any]]) -> None:
    """Check that a column shows these hits, in this order, each with its own picture."""
    assert [(hit["image_id"], hit["rank"]) for hit in column["hits"]] == [(h["image_id"], h["rank"]) for h in hits]
    tops = [hit["top"] for hit in column["hits"]]
    assert tops == sorted(tops)
    for shown, hit in zip(column["hits"], hits, strict=True):
        (image,) = shown["images"]
        assert image["width"] > 0
        assert image["shown"] > 50
        assert hit["image_id"].replace("@20", " ") in image["alt"], "shown as the path that it is"
        assert difference(image["source"], path_of(hit["uri"])) < TOLERANCE, hit["image_id"]
        assert f"{hit['distance']:.4f}" in shown["text"]
        assert f"{hit['similarity']:.4f}" in shown["text"]


@pytest.mark.parametrize("query", ["turned.jpg", "album 1/photo 0013.png"])
def test_every_picture_under_a_model_is_that_models_hit(
    running: Running, browser: Chrome, album: Path, indexed: str, *, tmp_path: Path, query: str
) -> None:
    page = tmp_path / "found.html"
    answer = running.command.json("search", str(album / query), "-c", indexed, "-k", "12", "--html", str(page))
    columns = opened(browser, page)
    lists = {"fused": answer["hits"]} | {own["model"]: own["hits"] for own in answer["per_model"]}
    assert [column["model"] for column in columns] == list(lists)
    assert [column["left"] for column in columns] == sorted(column["left"] for column in columns)
    for column in columns:
        assert len(lists[column["model"]]) == 12
        require_pictures_of(column, lists[column["model"]])
    for shown, hit in zip(columns[0]["hits"], answer["hits"], strict=True):
        shares = [part["score"] / hit["score"] for part in hit["contributions"]]
        assert shown["shares"] == pytest.approx(shares, abs=0.02)
        assert all(f"#{part['rank']} · {part['distance']:.4f}" in shown["text"] for part in hit["contributions"])
    query_image = browser.find_element(By.CSS_SELECTOR, ".query img")
    assert query_image.get_property("naturalWidth")
    assert query.rpartition("/")[2] in browser.title


def test_the_pictures_of_two_models_are_not_the_same(
    running: Running, browser: Chrome, indexed: str, tmp_path: Path
) -> None:
    """A page that drew one model's pictures under both names would not pass for right."""
    page = tmp_path / "found.html"
    running.command.json("search", "--id", "turned.jpg", "-c", indexed, "-k", "12", "--html", str(page))
    _, colour, shape = opened(browser, page)
    assert [hit["images"][0]["source"] for hit in colour["hits"]] != [
        hit["images"][0]["source"] for hit in shape["hits"]
    ]


def test_the_page_asks_for_nothing_and_runs_nothing(
    running: Running, browser: Chrome, indexed: str, tmp_path: Path
) -> None:
    page = tmp_path / "found.html"
    running.command.json("search", "--id", "holes.png", "-c", indexed, "--html", str(page))
    opened(browser, page)
    assert requested(browser) == {page.as_uri()}
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    assert browser.find_elements(By.CSS_SELECTOR, "script, link, iframe, object, [src]:not([src^='data:'])") == []


def test_a_picture_whose_file_is_gone_gets_a_placeholder(
    running: Running, browser: Chrome, album: Path, tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "kept" / name).write_bytes((album / "holes.png").read_bytes())
    running.command.json("index", str(tmp_path / "kept"), "-c", "gone")
    (tmp_path / "kept" / "b.png").unlink()
    page = tmp_path / "found.html"
    running.command.json("search", str(tmp_path / "kept" / "a.png"), "-c", "gone", "--html", str(page))
    for column in opened(browser, page):
        shown = {hit["image_id"]: hit for hit in column["hits"]}
        assert len(shown["a.png"]["images"]) == 1
        assert shown["b.png"]["images"] == []
    placeholders = browser.find_elements(By.CSS_SELECTOR, "[data-image-id='b.png'] [role=img]")
    assert len(placeholders) == 3
    assert all("b.png" in str(place.get_attribute("aria-label")) for place in placeholders)


def test_the_page_of_a_comparison(running: Running, browser: Chrome, indexed: str, tmp_path: Path) -> None:
    page = tmp_path / "compared.html"
    answer = running.command.json("compare", "--id", "turned.jpg", "-c", indexed, "-k", "6", "--html", str(page))
    columns = opened(browser, page)
    assert [column["model"] for column in columns] == [own["model"] for own in answer["per_model"]]
    for column, own in zip(columns, answer["per_model"], strict=True):
        require_pictures_of(column, own["hits"])
    (pair,) = answer["agreements"]
    row = browser.find_element(By.CSS_SELECTOR, "tr[data-model-a='colour'][data-model-b='shape']").text
    assert f"{pair['overlap_at_k']:.0%}" in row
    assert f"{pair['rank_biased_overlap']:.3f}" in row

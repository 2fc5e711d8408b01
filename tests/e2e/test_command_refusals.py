"""Broken files among good ones."""

import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.conftest import Running, write_photos


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that says how large it is and holds next to nothing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    chunks = b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Fifty good pictures and six files that are none, or too much."""
    photos = write_photos(tmp_path / "album", range(50))
    whole = tmp_path / "whole.jpg"
    Image.open(photos[0]).save(whole)
    bad = tmp_path / "album" / "bad"
    bad.mkdir()
    (bad / "truncated.jpg").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (bad / "empty.png").write_bytes(b"")
    (bad / "text.jpg").write_text("This is no picture.\n" * 100)
    (bad / "huge.png").write_bytes(png_header(20_000, 15_000))
    (bad / "heavy.bmp").write_bytes(b"BM")
    os.truncate(bad / "heavy.bmp", 20 * 1024 * 1024 + 1)
    os.mkfifo(bad / "pipe.gif")
    return tmp_path / "album"


def test_each_broken_file_is_refused_by_name_and_the_others_are_indexed(running: Running, album: Path) -> None:
    summary = running.command.json("index", str(album), "-c", "refusals", status=3)
    refused = {Path(refusal["path"]).name: refusal for refusal in summary["refused"]}
    assert {name: refusal["reason"] for name, refusal in refused.items()} == {
        "truncated.jpg": "IMAGE_UNDECODABLE",
        "empty.png": "INVALID_FIELD",
        "text.jpg": "IMAGE_UNDECODABLE",
        "huge.png": "IMAGE_TOO_LARGE",
        "heavy.bmp": "IMAGE_TOO_LARGE",
        "pipe.gif": "FILE_UNREADABLE",
    }
    assert "300,000,000" in refused["huge.png"]["message"]
    assert "50,000,000" in refused["huge.png"]["message"]
    assert "20,971,521 bytes" in refused["heavy.bmp"]["message"]
    assert not any("entries[" in refusal["message"] for refusal in summary["refused"])
    assert summary["created"] == 50
    (collection,) = [c for c in running.command.json("collections")["collections"] if c["name"] == "refusals"]
    assert collection["image_count"] == 50


def test_people_get_a_line_for_each_refused_file(running: Running, album: Path) -> None:
    done = running.command.run("index", str(album), "-c", "refusals")
    assert done.returncode == 3
    lines = [line for line in done.stdout.splitlines() if line.startswith(str(album))]
    assert [line.partition(": ")[0] for line in lines] == sorted(map(str, (album / "bad").iterdir()))
    assert any(line.startswith(f"{album}/bad/text.jpg: IMAGE_UNDECODABLE: ") for line in lines)

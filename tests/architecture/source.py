"""The product's Python files, read but never imported."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("embedder_service", "search_service", "gateway")
PACKAGES = ("likeness", "servicekit", *SERVICES, "deploy")
# What no server runs: commands for people, and what writes files that are committed.
TOOLS = ("embedder_service/models/generate.py", "embedder_service/model_tools/")


@dataclass(frozen=True)
class Source:
    """One file."""

    path: Path
    tree: ast.Module
    line_count: int

    @property
    def name(self) -> str:
        """Path from the root, such as gateway/app.py."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def package(self) -> str:
        """Name of the package at the root."""
        return self.path.relative_to(ROOT).parts[0]

    @property
    def module(self) -> str:
        """Name within the package, such as app or models.generate."""
        return ".".join(self.path.relative_to(ROOT / self.package).with_suffix("").parts)

    def imports(self) -> set[str]:
        """Return what the file imports, wherever in it, as dotted names: `from a import b` is both a and a.b."""
        names = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}: relative import"
                names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        return names

    def top_level_imports(self) -> set[str]:
        """Return the names of the packages that the file imports from."""
        return {name.partition(".")[0] for name in self.imports()}

    def calls(self) -> Iterator[ast.Call]:
        """Return every call in the file."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))


@cache
def read(path: Path) -> Source:
    """Return one file, parsed."""
    text = path.read_text()
    return Source(path, ast.parse(text), len(text.splitlines()))


def is_generated(path: Path) -> bool:
    """Tell stubs from what people write."""
    return "_pb2" in path.name


def files_of(*packages: str) -> list[Source]:
    """Return the handwritten files of these packages, wherever there are any yet."""
    paths = (path for package in packages for path in sorted((ROOT / package).rglob("*.py")))
    return [read(path) for path in paths if not is_generated(path)]


def product() -> list[Source]:
    """Return every handwritten file of the product."""
    return files_of(*PACKAGES)


def reasons() -> set[str]:
    """Return every reason that an error class of the product sets or a raiser gives."""
    pattern = re.compile(r"\breason = \"([A-Z_]+)\"|\breason=\"([A-Z_]+)\"")
    return {first or second for file in product() for first, second in pattern.findall(file.path.read_text())}

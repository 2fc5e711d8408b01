"""What every suite shares."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Serving, serving

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real photographs and networks, which are no part of the repository."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("needs the photographs and networks of ../shared/data, which are not beside this checkout")
    return path


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Serving]]]:
    """Starts servers in this process with `await serve(build, settings)`; they stop after the test, last first."""
    async with AsyncExitStack() as stack:

        async def start(build: Any, settings: Any) -> Serving:
            return await stack.enter_async_context(serving(build, settings))

        yield start

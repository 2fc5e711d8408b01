"""A bounded number of places, and an order among those who wait for one."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turnstile:
    """Lets in as many as there are places; of those who wait, interactive work before bulk, and then first come first.

    Whoever is cancelled while waiting is forgotten at once, and costs nothing.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._free = places
        self._waiting: tuple[OrderedDict[asyncio.Future[None], None], ...] = (OrderedDict(), OrderedDict())

    @property
    def inside(self) -> int:
        """How many places are taken."""
        return self.places - self._free

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting))

    @asynccontextmanager
    async def place(self, *, bulk: bool = False) -> AsyncIterator[None]:
        """Hold a place while the block runs."""
        await self.enter(bulk=bulk)
        try:
            yield
        finally:
            self.leave()

    async def enter(self, *, bulk: bool = False) -> None:
        """Wait for a place; whoever enters must leave."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._waiting[bulk]
        queue[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                queue.pop(turn, None)
            else:
                self.leave()  # the place came in the same moment
            raise

    def leave(self) -> None:
        """Give the place to whoever is next."""
        for queue in self._waiting:
            while queue:
                turn, _ = queue.popitem(last=False)
                if not turn.done():
                    turn.set_result(None)
                    return
        self._free += 1

"""How much of a stream may be unanswered."""


class Window:
    """Counts what was read and is not answered yet. One item is always let in."""

    def __init__(self, *, items: int, size_bytes: int) -> None:
        self.items = items
        self._size_bytes = size_bytes
        self._held_items = 0
        self._held_bytes = 0
        self._warned = False

    @property
    def open(self) -> bool:
        """Whether to read on. One item over the bound is read, which shows that its caller sends too much."""
        return self._held_items <= self.items and (self._held_bytes < self._size_bytes or not self._held_items)

    def enter(self, size_bytes: int) -> bool:
        """Count an item that was read; say whether its caller is to be told of the bound."""
        self._held_items += 1
        self._held_bytes += size_bytes
        warn = self._held_items > self.items and not self._warned
        self._warned = self._warned or warn
        return warn

    def leave(self, size_bytes: int) -> None:
        """Count an item as answered."""
        self._held_items -= 1
        self._held_bytes -= size_bytes
        if self._held_items <= self.items // 2:
            self._warned = False

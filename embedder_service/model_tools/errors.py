"""What the commands can fail with."""


class ToolError(Exception):
    """A command cannot do what it was asked. The message is for the operator."""

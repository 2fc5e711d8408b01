"""What the commands can fail with."""


class ToolError(Exception):
    """A command cannot do what it was asked. The message is for the operator."""

    status = 1
    """What the command ends with."""


class WrongUse(ToolError):
    """A command was asked for what there is not, whatever the files hold."""

    status = 2

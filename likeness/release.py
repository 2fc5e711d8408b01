"""The release that this is, as pyproject.toml says it."""

RELEASE = "0.1.0"

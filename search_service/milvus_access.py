"""How Milvus lets us in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class MilvusAccess:
    """`user:password` or an API key, a database, and for `https` addresses the PEM files of TLS; all may be absent."""

    token: str = ""
    database: str = ""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str = ""

    def options(self) -> dict[str, Any]:
        """Return this as pymilvus takes it: it presents a client's certificate only where it is given no server's."""
        files = {"client_pem_path": self.cert_file, "client_key_path": self.key_file}
        files["ca_pem_path" if self.cert_file else "server_pem_path"] = self.ca_file
        given = {name: str(path) for name, path in files.items() if path}
        return {"token": self.token, "db_name": self.database, "server_name": self.server_name, **given}

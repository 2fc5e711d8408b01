"""The compose stack with certificates between all of its services, and with tokens at the gateway."""

from pathlib import Path

import pytest

from tests.e2e.conftest import Command, write_photos
from tests.images import containers
from tests.pki import ADMIN, READER, SERVER, Folder

pytestmark = pytest.mark.long
SETTINGS = f"""
LIKENESS_GATEWAY_TLS_CERT_FILE=/secrets/tls.crt
LIKENESS_GATEWAY_TLS_KEY_FILE=/secrets/tls.key
LIKENESS_GATEWAY_TOKENS_FILE=/secrets/tokens.toml
LIKENESS_GATEWAY_PEER_TLS_CA_FILE=/secrets/ca.crt
LIKENESS_GATEWAY_PEER_TLS_CERT_FILE=/secrets/tls.crt
LIKENESS_GATEWAY_PEER_TLS_KEY_FILE=/secrets/tls.key
LIKENESS_GATEWAY_EMBEDDER_TLS_NAME={SERVER}
LIKENESS_GATEWAY_SEARCH_TLS_NAME={SERVER}
LIKENESS_EMBEDDER_TLS_CERT_FILE=/secrets/tls.crt
LIKENESS_EMBEDDER_TLS_KEY_FILE=/secrets/tls.key
LIKENESS_EMBEDDER_TLS_CLIENT_CA_FILE=/secrets/ca.crt
LIKENESS_SEARCH_TLS_CERT_FILE=/secrets/tls.crt
LIKENESS_SEARCH_TLS_KEY_FILE=/secrets/tls.key
LIKENESS_SEARCH_TLS_CLIENT_CA_FILE=/secrets/ca.crt
"""


def test_callers_need_a_token_and_services_a_certificate(
    embedded: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o755)
    made_of = Folder.made(secrets)
    for token, name in ((ADMIN, "admin"), (READER, "reader")):
        (tmp_path / name).write_text(token)
    (tmp_path / "settings").write_text(SETTINGS)
    monkeypatch.setenv("LIKENESS_SECRETS", str(secrets))
    monkeypatch.setenv("LIKENESS_SETTINGS", str(tmp_path / "settings"))
    photos = write_photos(tmp_path / "album", range(8))
    with containers.project("access", *embedded) as made:
        made.up()
        command = Command(made.address)
        seen = ("--ca-file", str(made_of.path / "ca.crt"), "--server-name", SERVER)
        writes, reads = ((*seen, "--token-file", str(tmp_path / name)) for name in ("admin", "reader"))
        assert command.json(*writes, "index", str(tmp_path / "album"))["created"] == len(photos)
        assert command.json(*reads, "search", str(photos[3]))["hits"][0]["distance"] < 0.001
        refused = command.json(*seen, "search", str(photos[3]), status=1)
        assert refused["error"]["code"] == "UNAUTHENTICATED"
        refused = command.json(*reads, "delete", "album 3/photo 0003.png", status=1)
        assert refused["error"]["code"] == "PERMISSION_DENIED"

"""Unpacks the Milvus server that the package `milvus` carries: `python milvus.py PACKAGE_DATA TARGET`.

Its settings become those of the image that it stands in for: etcd and the object store are elsewhere.
"""

import lzma
import re
import sys
from pathlib import Path

_OWN = {
    "local_storage_dir": "/var/lib/milvus/data",
    "rocksmq_data_dir": "/var/lib/milvus/rdb_data",
    "etcd_data_dir": "/var/lib/milvus/etcd",
    "system_log_path": "",
}


def _setting(found: "re.Match[str]") -> str:
    return _OWN.get(found[1]) or found[2] or ""


def main(package: Path, target: Path) -> None:
    """Write the programs to bin/ and the settings to configs/."""
    (target / "bin").mkdir(parents=True)
    (target / "configs").mkdir()
    for packed in (package / "bin").glob("*.lzma"):
        program = target / "bin" / packed.stem
        program.write_bytes(lzma.decompress(packed.read_bytes()))
        program.chmod(0o755)
    settings = re.sub(r"{{ (\w+)(?:\(\w+\))?(?:: (.*?))? }}", _setting, (package / "config.yaml.template").read_text())
    settings = settings.replace("embed: true", "embed: false").replace("storageType: local", "storageType: remote")
    (target / "configs" / "milvus.yaml").write_text(settings)
    (target / "configs" / "glog.conf").write_bytes((package / "glog.conf").read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

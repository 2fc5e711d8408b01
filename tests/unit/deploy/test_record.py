from pathlib import Path

from deploy.local.ports import Ports
from deploy.local.record import Record


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = Record(Ports(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), ("redis", "gateway"), Path("/tmp/run"))
    record.write(tmp_path)
    assert Record.read(tmp_path) == record


def test_where_nothing_was_started_there_is_none(tmp_path: Path) -> None:
    assert Record.read(tmp_path) is None
    Record.remove(tmp_path)
    Record(Ports(), (), tmp_path).write(tmp_path)
    Record.remove(tmp_path)
    assert Record.read(tmp_path) is None

from pathlib import Path

import pytest

from mmied.errors import HistoryError
from mmied.history.mounts import network_file_system
from mmied.history.store import Store

TABLE = """\
/dev/vda / ext4 rw 0 0
server:/export /srv/data nfs4 rw,hard 0 0
/dev/vdb /srv/data/local ext4 rw 0 0
//nas/share /mnt/my\\040share cifs rw 0 0
shop@host: /home/shop/remote fuse.sshfs rw 0 0
/dev/vdc /var/lib/late ext4 rw 0 0
server:/late /var/lib/late nfs rw 0 0
nonsense
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    table = tmp_path / "mounts"
    table.write_text(TABLE)
    return table


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/mmied/history.sqlite", None),
        ("/srv/data/history.sqlite", "nfs4"),
        ("/srv/database/history.sqlite", None),
        ("/srv/data/local/history.sqlite", None),
        ("/mnt/my share/history.sqlite", "cifs"),
        ("/home/shop/remote/deep/history.sqlite", "fuse.sshfs"),
        ("/var/lib/late/history.sqlite", "nfs"),  # the later of two mounts on a point is the one that is seen
    ],
)
def test_a_path_belongs_to_the_innermost_mount(mounts, path, kind):
    assert network_file_system(Path(path), mounts) == kind


def test_a_host_that_lists_no_mounts_is_taken_as_local(tmp_path):
    assert network_file_system(tmp_path, tmp_path / "missing") is None


def test_a_history_on_a_network_file_system_is_refused(tmp_path):
    table = tmp_path / "mounts"
    table.write_text(f"server:/export {tmp_path} nfs4 rw 0 0\n")

    with pytest.raises(HistoryError, match=r"network file system \(nfs4\).*Try a local folder, or PostgreSQL"):
        Store.open(tmp_path / "history.sqlite", host="here", mounts=table)
    assert not (tmp_path / "history.sqlite").exists()

"""Tell one state of a file from any other by the file system's word, without reading it."""

import os


def file_identity(status: os.stat_result) -> str:
    """Return device, inode, size and times: equal for a file that nobody wrote to, replaced or changed the mode of."""
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"

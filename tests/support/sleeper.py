"""A worker that never ends, and says by its process id that it is there: `python -m sleeper JOB_DIR`."""

import os
import subprocess
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    (folder / "pids.new").write_text(f"{os.getpid()} {child.pid}")
    (folder / "pids.new").rename(folder / "pids")
    time.sleep(3600)

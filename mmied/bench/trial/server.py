"""Serve one way of running a model to a trial: `python -m mmied.bench.trial.server FOLDER REPLY_DESCRIPTOR PARENT`.

FOLDER holds serve.json; commands come as lines on stdin, replies go to the descriptor, and what libraries print to
the log. The process ends with its stdin. Whatever a candidate does to the process (settings, threads, memory, a
crash) stays in it.
"""

import contextlib
import os
import sys
import traceback
from pathlib import Path

from mmied.bench.failures import reason_of, sentence_of
from mmied.bench.lasting_imports import lasting_imports
from mmied.bench.trial.protocol import JOB_FILE, Command, NotApplicable, Reply, ServeJob
from mmied.bench.worker import die_with_parent
from mmied.codec import from_json, to_json


def main(folder: Path, reply_descriptor: int, parent: int) -> int:
    """Answer commands until there are no more."""
    die_with_parent()
    if os.getppid() != parent:
        return 1  # it died while this process started, too early for the kernel to tell
    job = from_json(ServeJob, (folder / JOB_FILE).read_bytes())
    with os.fdopen(reply_descriptor, "w", buffering=1) as replies:
        served = None
        for line in sys.stdin:
            try:
                if served is None:
                    # torch is imported here and not above: what fails or hangs in it has to be told like all else.
                    with lasting_imports():
                        from mmied.bench.trial.served import Served
                    served = Served(job, folder)
                reply = served.answer(from_json(Command, line))
            except NotApplicable as error:
                reply = Reply(failure="not_applicable", message=str(error))
            except Exception as error:  # noqa: BLE001 - a worker's top: whatever a candidate raises is its outcome
                with contextlib.suppress(OSError):  # the log's disk may be what is full
                    traceback.print_exc()
                reply = Reply(failure="failed", reason=reason_of(error), message=sentence_of(error))
            replies.write(to_json(reply) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))

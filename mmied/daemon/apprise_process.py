"""Hand one message to Apprise, in a process of its own: `python -m mmied.daemon.apprise_process`, JSON on stdin."""

import json
import sys

from mmied.daemon.sending import APPRISE_FAILED, APPRISE_MISSING

TYPES = {"critical": "failure", "warning": "warning", "info": "info", "success": "success"}


def main() -> int:
    """Send it; return 0 when the service took it."""
    text = json.load(sys.stdin)
    try:
        import apprise
    except ImportError:
        return APPRISE_MISSING
    sender = apprise.Apprise()
    if not sender.add(text["address"]):
        return APPRISE_FAILED
    sent = sender.notify(title=text["title"], body=text["body"], notify_type=TYPES[text["severity"]])
    return 0 if sent else APPRISE_FAILED


if __name__ == "__main__":
    sys.exit(main())

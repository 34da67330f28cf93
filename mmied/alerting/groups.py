"""The table of all rules, in groups."""

from mmied.alerting.daemon import DAEMON
from mmied.alerting.hardware import HARDWARE
from mmied.alerting.objectives import OBJECTIVES
from mmied.alerting.profiles import PROFILES
from mmied.alerting.recording import OF_PROFILES, OF_REGRESSIONS, OF_THE_DAEMON
from mmied.alerting.regressions import REGRESSIONS
from mmied.alerting.rules import Group

GROUPS = (
    Group(name="mmied-regressions", help="what became worse", recordings=OF_REGRESSIONS, alerts=REGRESSIONS),
    Group(name="mmied-objectives", help="what is promised and not kept", alerts=OBJECTIVES),
    Group(name="mmied-profiles", help="runs, and what searches found", recordings=OF_PROFILES, alerts=PROFILES),
    Group(name="mmied-daemon", help="mmied itself", recordings=OF_THE_DAEMON, alerts=DAEMON),
    Group(name="mmied-hardware", help="GPUs", alerts=HARDWARE),
)

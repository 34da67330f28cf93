"""Lay panels out in rows, and make a dashboard of them."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.models import dashboard as models

COLUMNS = 24
TAG = "mmied"
SCHEMA_VERSION = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A row of the dashboard with its panels; a collapsed one asks nothing of Prometheus until it is opened."""

    title: str
    panels: Sequence[models.Panel]
    collapsed: bool = True
    repeat: str | None = None  # the variable of whose values each has a row of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a dashboard is made of."""

    uid: str
    title: str
    about: str
    since: str
    variables: Sequence[models.VariableModel]
    annotations: Sequence[models.AnnotationQuery]
    sections: Sequence[Section]


def dashboard_of(page: Page) -> models.Dashboard:
    """Return the dashboard, in the classic schema."""
    return models.Dashboard(
        uid=page.uid,
        title=page.title,
        description=page.about,
        tags=[TAG],
        timezone="browser",
        editable=False,
        graph_tooltip=models.DashboardCursorSync.CROSSHAIR,
        time=models.DashboardDashboardTime(from_val=page.since, to="now"),
        refresh="1m",
        schema_version=SCHEMA_VERSION,
        version=1,
        panels=_place(page.sections),
        templating=models.DashboardDashboardTemplating(list_val=list(page.variables)),
        annotations=models.AnnotationContainer(list_val=list(page.annotations)),
        links=[_to_the_others()],
    )


def _to_the_others() -> models.DashboardLink:
    return models.DashboardLink(
        title="mmied",
        type_val=models.DashboardLinkType.DASHBOARDS,
        icon="external link",
        tooltip="The other dashboards, with the same choices and range",
        tags=[TAG],
        as_dropdown=True,
        include_vars=True,
        keep_time=True,
    )


def _place(sections: Sequence[Section]) -> list[models.Panel | models.RowPanel]:
    """Return rows and panels with their places and ids."""
    placed: list[models.Panel | models.RowPanel] = []
    y = 0
    for section in sections:
        row = models.RowPanel(
            title=section.title,
            collapsed=section.collapsed,
            grid_pos=models.GridPos(x=0, y=y, w=COLUMNS, h=1),
            id_val=_id(section.title, "row"),
            repeat=section.repeat,
            panels=[],
        )
        below = _flow(section, y + 1)
        placed.append(row)
        if section.collapsed:
            row.panels = list(section.panels)
            y += 1
        else:
            placed += section.panels
            y = below
    return placed


def _flow(section: Section, y: int) -> int:
    """Give the panels places from left to right, line by line, from `y` on; return what is below them."""
    x = height = 0
    for panel in section.panels:
        place = panel.grid_pos
        assert place is not None
        if x + place.w > COLUMNS:
            x, y, height = 0, y + height, 0
        place.x, place.y = x, y
        x += place.w
        height = max(height, place.h)
        panel.id_val = _id(section.title, panel.title or "")
    return y + height


def _id(section: str, title: str) -> int:
    """Return a number that stays when other panels come and go: addresses of a single panel hold it."""
    return zlib.crc32(f"{section}/{title}".encode()) % 1_000_000 + 1

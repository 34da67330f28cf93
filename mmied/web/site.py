"""Hold what every page is made from, and turn a template into a response."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment
from starlette.responses import HTMLResponse

from mmied.daemon_status import Status
from mmied.history.artifacts import Artifacts
from mmied.web.reading import PageStore, Reader
from mmied.web.sparklines import Sparklines
from mmied.web.templating import environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The daemon as the pages see it."""

    store: PageStore
    artifacts: Artifacts
    status: Callable[[], Status]
    templates: Environment = field(default_factory=environment)
    sparklines: Sparklines = field(default_factory=Sparklines)

    def page(self, template: str, status_code: int = 200, **context: Any) -> HTMLResponse:
        """Return the rendered template."""
        return HTMLResponse(self.templates.get_template(template).render(context), status_code)

    def read_page(self, template: str, reader: Reader, **context: Any) -> HTMLResponse:
        """Return the rendered template, with status 503 and a word on it where the history could not be read."""
        code = 200 if reader.trouble is None else 503
        return self.page(template, code, trouble=reader.trouble, **context)

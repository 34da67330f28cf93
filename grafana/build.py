"""Write the dashboards, their form for grafana.com, and what provisions them: `python grafana/build.py`."""

import argparse
import json
from pathlib import Path

import daemon
import fleet
import host
import model
import optimizations
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from importing import import_form
from layout import dashboard_of
from provisioning import FILES

HERE = Path(__file__).parent
PAGES = (fleet.PAGE, model.PAGE, optimizations.PAGE, host.PAGE, daemon.PAGE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=HERE, metavar="DIR", help="default: where this script is")
    output = parser.parse_args().output
    for page in PAGES:
        dashboard = json.loads(json.dumps(dashboard_of(page), cls=JSONEncoder))
        _write(output / "dashboards" / f"{page.uid}.json", _text(dashboard))
        _write(output / "import" / f"{page.uid}.json", _text(import_form(dashboard)))
    for name, text in FILES.items():
        _write(output / "provisioning" / name, text)


def _text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

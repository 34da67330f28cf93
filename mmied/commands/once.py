"""`mmied run --once`: measure each scenario once, now, and end."""

import signal
import socket
import sys
import time
from pathlib import Path

from mmied.commands.progress import Progress
from mmied.commands.run import artifacts_of, opened_store, prepared_state
from mmied.commands.textfile import write_textfile
from mmied.config import load_config
from mmied.daemon.exporter import Exporter
from mmied.daemon.hardware import Sampler
from mmied.daemon.logs import set_up_logging
from mmied.daemon.service import Service
from mmied.daemon.surroundings import Surroundings
from mmied.daemon.tally import CountingHandler
from mmied.records import Run


def run_once(config_path: Path, *, textfile: Path | None = None, log_json: bool = False) -> int:
    """Run every model of the configuration once, without admission or budget: somebody asked for it now.

    Returns 0, or 1 when a scenario failed or was not reached. Raises ConfigError, StartError or HistoryError.
    """
    counter = CountingHandler()
    set_up_logging(as_json=log_json, handler=counter, stream=sys.stderr)
    config = load_config(config_path)
    with prepared_state(config.state), opened_store(config) as store:
        sampler = Sampler()
        sampler.sample(time.time())
        surroundings = Surroundings(host=socket.gethostname(), log_counter=counter)
        service = Service(
            config, store, sampler, surroundings, artifacts=artifacts_of(config), load_config=lambda: config
        )
        signal.signal(signal.SIGTERM, lambda *_: service.request_stop())
        signal.signal(signal.SIGINT, lambda *_: service.request_stop())
        runs: list[Run] = []
        with Progress(total=len(config.models)) as progress:
            for model in config.models:
                progress.begin(model.name, lambda: service.view().plans[model.name].phase)  # noqa: B023
                run = service.run_now(model)
                if run is None:
                    break  # told to stop
                runs.append(run)
                progress.end(run)
        service.close()
        written = textfile is None or write_textfile(Exporter(service.view), textfile)
    succeeded = all(run.results and all(result.outcome == "succeeded" for result in run.results) for run in runs)
    return 0 if len(runs) == len(config.models) and succeeded and written else 1

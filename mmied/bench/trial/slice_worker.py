"""Do a part of the daemon's search in a process of its own: `python -m mmied.bench.trial.slice_worker JOB_DIR`.

The border is that of mmied.bench.worker: job.json and search_options.json in; run.json and search.json out, or what
there is of them. The daemon tells candidates by name; what they are is looked up here, since entry points and import
paths are code of others, which has no place in the daemon.
"""

import sys
from pathlib import Path

from mmied.bench import worker
from mmied.bench.orders import give_order
from mmied.bench.trial import search_worker
from mmied.bench.trial.order import Data, SearchOrder
from mmied.bench.trial.process import ServerLost
from mmied.candidates import chosen_candidates, known_candidates
from mmied.codec import from_json
from mmied.errors import MmiedError, ModelError
from mmied.optimization import OPTIONS_FILE, SearchOptions
from mmied.records import Job


def optimize(job: Job, folder: Path, report: worker.Report) -> None:
    """Try the candidates that have not had their turn. Raises ModelError where the model itself cannot be served."""
    options = from_json(SearchOptions, (folder / OPTIONS_FILE).read_bytes())
    give_order(order_of(options), folder)
    try:
        search_worker.optimize(job, folder, report)
    except ModelError as error:
        if isinstance(error.__cause__, ServerLost):
            print(error.__cause__.log_tail, file=sys.stderr)  # into the run's log: the folder goes
        raise


def order_of(options: SearchOptions) -> SearchOrder:
    """Return what the search is to do. Raises ModelError for a candidate that is not known any more."""
    try:
        known = known_candidates()
        chosen = chosen_candidates(options.candidates, known) if options.candidates else known
    except MmiedError as error:
        raise ModelError(f"optimize.candidates: {error}", "internal") from error
    return SearchOrder(
        candidates=tuple(candidate for candidate in chosen if candidate.name not in options.done),
        budget_seconds=max(0.0, options.budget_seconds - options.spent_seconds),
        slice_seconds=options.slice_seconds,
        spent_seconds=options.spent_seconds,
        minimum_effect_ratio=options.minimum_effect_ratio,
        memory_bytes=options.memory_bytes,
        promise=options.promise,
        data=Data(
            calibration=options.calibration,
            fine_tune=options.fine_tune,
            evaluation=options.evaluation,
            metric=options.metric,
            max_drop=options.max_drop,
        ),
    )


if __name__ == "__main__":
    sys.exit(worker.main(Path(sys.argv[1]), optimize))

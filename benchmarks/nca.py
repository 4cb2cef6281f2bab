"""Non-compartmental analysis of many subjects: a study in memory in, all tables out.

    uv run python benchmarks/nca.py [--subjects 10000] [--samples 30] [--json]

What is timed: ``nca`` (sorting out the rows, limits, all metrics and six windows, long and wide
tables) and ``summarise``. CPU time, so that a busy machine does not count.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from cellkinetics.exposure import nca, summarise
from cellkinetics.study import read_study


def made_up_study(folder: Path, subjects: int, samples: int, seed: int) -> None:
    """Write a study of biexponential profiles with log-normal error and a limit of 50 copies/ug."""
    rng = np.random.default_rng(seed)
    days = np.unique(np.round(np.concatenate([[0], np.geomspace(1, 365, samples - 1)]), 2))
    while len(days) < samples:
        days = np.unique(np.append(days, np.round(rng.uniform(1, 365), 2)))
    peak = np.exp(rng.normal(9.5, 1.0, (subjects, 1)))
    t_max = rng.uniform(7, 14, (subjects, 1))
    rise = np.log(1000.0) / t_max
    decay = rng.uniform(0.1, 0.3, (subjects, 1))
    after = np.maximum(days - t_max, 0)
    level = peak * (0.97 * np.exp(-decay * after) + 0.03 * np.exp(-0.01 * after))
    level = np.where(days < t_max, peak * np.exp(-rise * (t_max - days)), level)
    reading = level * np.exp(rng.normal(0, 0.3, level.shape))
    below = reading < 50
    names = np.array([f"S{i:06d}" for i in range(subjects)])
    pd.DataFrame(
        {
            "subject": np.repeat(names, len(days)),
            "time": np.tile(days, subjects),
            "analyte": "qpcr",
            "value": np.where(below, 50.0, reading).ravel().round(3),
            "unit": "copies/ug",
            "cens": below.astype(int).ravel(),
            "lloq": 50.0,
        }
    ).to_csv(folder / "samples.csv", index=False)
    pd.DataFrame({"subject": names}).to_csv(folder / "subjects.csv", index=False)
    (folder / "study.toml").write_text('name = "made-up"\nsimulated = true\n')


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        made_up_study(folder, options.subjects, options.samples, options.seed)
        clock = time.process_time()
        study = read_study(folder)
        reading = time.process_time() - clock
    clock = time.process_time()
    result = nca(study)
    measuring = time.process_time() - clock
    clock = time.process_time()
    summarise(result)
    summing = time.process_time() - clock
    unit = 1024 if sys.platform != "darwin" else 1024**2
    found = {
        "subjects": options.subjects,
        "samples": len(study.samples),
        "metrics": len(result.metrics),
        "read_study_s": round(reading, 2),
        "nca_s": round(measuring, 2),
        "summarise_s": round(summing, 2),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit),
    }
    print(json.dumps(found) if options.json else pd.Series(found).to_string())


if __name__ == "__main__":
    main()

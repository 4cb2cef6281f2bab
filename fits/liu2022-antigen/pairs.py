"""Draw what the readings leave open: the growth of the tumour against what ends the killing.

    python fits/liu2022-antigen/pairs.py --result results/liu2022-antigen

Writes ``pairs.png`` beside this file: no reading, only draws of the posterior.
"""

import argparse
from pathlib import Path

import numpy as np

from cellkinetics import load_fit
from cellkinetics.errors import CellKineticsError
from cellkinetics.plot.pairs import pairs
from cellkinetics.plot.style import save

HERE = Path(__file__).resolve().parent
TYPICAL = ("g", "kill", "k_e", "alpha", "s", "rho")
LATE = ("PR04", "alpha")  # the latest relapse after the longest silence


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--result", type=Path, default=Path("results/liu2022-antigen"))
    options = parser.parse_args()
    try:
        posterior = load_fit(options.result).tree["posterior"].to_dataset()
    except CellKineticsError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None
    values = {f"log {name}": posterior["mu"].sel(typical=name).to_numpy() for name in TYPICAL}
    subject, name = LATE
    own = posterior["theta"].sel(subject=subject, parameter=name).to_numpy()
    values[f"log {name} of {subject}"] = np.log(own)
    residual = posterior["error"].sel(error_parameter="cd19_pos.sd").to_numpy()
    values["log SD, leukaemia"] = np.log(residual)
    figure = pairs(
        values,
        title="liu2022-antigen, posterior: typical values, and a patient; four chains",
        most=300,
    )
    print(save(figure, HERE / "pairs.png", dpi=70))


if __name__ == "__main__":
    main()

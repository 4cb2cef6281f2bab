"""What can be asked of the endpoints, checked before anything is computed."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from cellkinetics.errors import CellKineticsError, did_you_mean
from cellkinetics.outcome.proportion import TARGET
from cellkinetics.outcome.survival.rules import CENSORED_AT, DOR, EFS, CensorAt
from cellkinetics.study.study import Study
from cellkinetics.survival.intervals import ConfType


class EndpointsError(CellKineticsError):
    """The endpoints cannot be computed or written as they were asked for."""


@dataclass(frozen=True)
class Options:
    """Options of the endpoints; None: what study.toml says.

    ``cutoff`` (day) is a data cut for every part; ``efs`` and ``dor`` name a rule; ``conf_type`` is
    the scale of the Kaplan-Meier intervals; ``censor_at`` names "transplant" or "other_therapy",
    which then censor EFS, DOR, RFS and relapse (never OS or follow-up); ``dlt_within`` is the last
    day on which a toxicity counts as dose-limiting, or "none"; ``target`` is the rate with which
    response and MRD rates are compared; ``bayes`` adds posteriors by NUTS, drawn with ``seed``.
    """

    cutoff: float | None = None
    efs: str | None = None
    dor: str | None = None
    conf_type: ConfType = "log-log"
    censor_at: tuple[CensorAt, ...] = ()
    dlt_within: float | Literal["none"] | None = None
    target: float = TARGET
    bayes: bool = False
    seed: int = 1


def resolved(study: Study, options: Options) -> Options:
    """Fill in what the study says, and refuse what cannot be computed.

    Raises
    ------
    EndpointsError                an unknown rule, scale or cause of censoring, a cut before day 0,
                                  a window of no length, a target that is no rate, a rule that needs
                                  a landmark which the study does not have
    """
    settings = study.settings
    efs = _known(options.efs or settings.endpoints.efs, EFS, "--efs")
    dor = _known(options.dor or settings.endpoints.dor, DOR, "--dor")
    _known(options.conf_type, get_args(ConfType), "--conf-type")
    if isinstance(options.censor_at, str):
        raise EndpointsError(
            f"censor_at = {options.censor_at!r} is one text; wanted a tuple of them."
        )
    for name in options.censor_at:
        _known(name, CENSORED_AT, "--censor-at")
    if efs in ("eln2022", "fda") and settings.response.landmark is None:
        raise EndpointsError(
            f"EFS by {efs} needs the day by which a remission counts, and study.toml has none. "
            "Write landmark = 60 (for day 60) under [response]."
        )
    if not 0 <= options.target <= 1:
        raise EndpointsError(
            f"--target {options.target:g}: wanted a rate between 0 and 1, such as 0.5."
        )
    if options.cutoff is not None and not 0 <= options.cutoff < np.inf:
        raise EndpointsError(
            f"--cutoff {options.cutoff:g}: wanted a day from the infusion (day 0) on."
        )
    window = settings.safety.dlt_window if options.dlt_within is None else options.dlt_within
    if window is not None and window != "none" and not 0 < window < np.inf:
        raise EndpointsError(f"--dlt-within {window:g}: wanted a day after the infusion, or none.")
    return replace(
        options,
        efs=efs,
        dor=dor,
        censor_at=tuple(dict.fromkeys(options.censor_at)),
        dlt_within="none" if window is None else window,
    )


def parse_window(text: str | None) -> float | Literal["none"] | None:
    """Read ``--dlt-within``: a day, or "none".

    Raises
    ------
    EndpointsError                another text
    """
    if text is None:
        return None
    if text == "none":
        return "none"
    try:
        return float(text)
    except ValueError:
        raise EndpointsError(
            f"--dlt-within {text!r}: wanted the last day of the window, such as 28, or none."
        ) from None


def _known(name: str, known: Collection[str], option: str) -> str:
    if name not in known:
        raise EndpointsError(f"{option} {name!r} is not known. {did_you_mean(name, known)}")
    return name

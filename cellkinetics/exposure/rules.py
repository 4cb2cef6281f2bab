"""The rules that a non-compartmental analysis follows: chosen in one place, printed with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from cellkinetics.errors import SpecError, did_you_mean

type Window = tuple[float, float]

Trapezoid = Literal["linlog", "linear"]
Slope = Literal["winnonlin", "pknca"]
Route = Literal["extravascular", "bolus", "infusion"]
Inside = Literal["zero", "drop", "half", "lloq"]
After = Literal["drop", "zero"]
Tmax = Literal["auto", "in", "out"]
Tail = Literal["observed", "predicted"]

WINDOWS: tuple[Window, ...] = tuple((0.0, float(end)) for end in (7, 14, 28, 90, 180, 365))

_INSIDE = {
    "zero": "0",
    "drop": "dropped",
    "half": "half its limit",
    "lloq": "its limit",
}


@dataclass(frozen=True)
class Rules:
    """How readings become metrics.

    Attributes
    ----------
    trapezoid : 'linlog' or 'linear'    linear up and logarithmic down, or linear throughout
    slope : 'winnonlin' or 'pknca'      order in which the terminal line is chosen: falling lines
                                        first, then adjusted R2 (and a point at the end of an
                                        infusion may count), or adjusted R2 first (and it may not)
    route : 'extravascular', 'bolus' or 'infusion'
    before, between, after : str        what stands for a reading below its limit: before the first
                                        quantifiable one, between two, after the last
    tail : 'observed' or 'predicted'    past Tlast a window is extrapolated from Clast as read (then
                                        windows add up), or as Phoenix WinNonlin does: by the
                                        logarithmic trapezoid from Clast as read to the terminal
                                        line's level at the window's end
    tmax : 'auto', 'in' or 'out'        may Tmax itself be on the terminal line ('auto': for an
                                        intravenous bolus only)
    min_points : int                    fewest readings on the terminal line
    tolerance : float                   adjusted R2 so near the best is as good: more readings win
    min_r2_adjusted, min_span, max_extrapolated : float
                                        beyond these a result is flagged, never dropped: adjusted
                                        R2, half-lives spanned, % of AUCinf extrapolated
    """

    trapezoid: Trapezoid = "linlog"
    slope: Slope = "winnonlin"
    route: Route = "extravascular"
    before: Inside = "zero"
    between: Inside = "drop"
    after: After = "drop"
    tail: Tail = "observed"
    tmax: Tmax = "auto"
    min_points: int = 3
    tolerance: float = 1e-4
    min_r2_adjusted: float = 0.8
    min_span: float = 2.0
    max_extrapolated: float = 20.0

    def __post_init__(self) -> None:
        """Refuse a word that is not a rule."""
        for name, words in _WORDS.items():
            value = getattr(self, name)
            if value not in words:
                raise SpecError(f"{name} = {value!r} is not a rule. {did_you_mean(value, words)}")
        if not 0 <= self.tolerance < 1:
            raise SpecError(f"tolerance = {self.tolerance:g}: wanted a number from 0 to below 1.")
        if self.min_points < 3:
            raise SpecError(
                f"min_points = {self.min_points}: a line through two readings has no adjusted R2;"
                " wanted 3 or more."
            )

    @property
    def tmax_on_line(self) -> bool:
        """Whether the reading at Tmax may be on the terminal line."""
        return self.tmax == "in" or (self.tmax == "auto" and self.route == "bolus")


_WORDS: dict[str, tuple[str, ...]] = {
    "trapezoid": get_args(Trapezoid),
    "slope": get_args(Slope),
    "route": get_args(Route),
    "before": get_args(Inside),
    "between": get_args(Inside),
    "after": get_args(After),
    "tail": get_args(Tail),
    "tmax": get_args(Tmax),
}


def make_rules(rules: Rules | None, changes: Mapping[str, Any]) -> Rules:
    """Change some of the rules.

    Parameters
    ----------
    rules : Rules or None         default rules where None
    changes : mapping             name of a rule -> its value; "blq" -> a text of :func:`parse_blq`

    Raises
    ------
    SpecError                     an unknown rule or value
    """
    names = [f.name for f in fields(Rules)]
    changes = dict(changes)
    changes |= parse_blq(changes.pop("blq")) if "blq" in changes else {}
    for name in changes:
        if name not in names:
            raise SpecError(f"there is no rule '{name}'. {did_you_mean(name, names)}")
    return replace(rules or Rules(), **changes)


def parse_windows(text: str) -> tuple[Window, ...]:
    """Read ``"0-7,0-28"`` as ``((0, 7), (0, 28))``.

    Raises
    ------
    SpecError                     a text of another form
    """
    out = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            window = (float(first), float(last))
        except ValueError:
            window = None
        if window is None or not dash:
            raise SpecError(f"window {part.strip()!r}: wanted START-END in days, such as 0-28.")
        out.append(window)
    return check_windows(out)


def check_windows(windows: Sequence[Window]) -> tuple[Window, ...]:
    """Refuse windows that start before the infusion, or that end before they start.

    Raises
    ------
    SpecError
    """
    for start, end in windows:
        if not 0 <= start < end < float("inf"):
            raise SpecError(
                f"window {start:g}-{end:g}: wanted a start from 0 (the infusion) on and a later,"
                " finite end."
            )
    return tuple(dict.fromkeys((float(a), float(b)) for a, b in windows))


def parse_blq(text: str) -> dict[str, str]:
    """Read ``"before=zero,between=drop,after=drop"``; what is not named keeps its default.

    Raises
    ------
    SpecError                     a text of another form
    """
    out: dict[str, str] = {}
    for part in text.split(","):
        name, sign, value = (piece.strip() for piece in part.partition("="))
        if name not in ("before", "between", "after") or not sign:
            raise SpecError(
                f"--blq {part.strip()!r}: wanted PLACE=RULE with the places before, between and"
                " after, such as before=zero,between=drop,after=drop."
            )
        if value not in _WORDS[name]:
            raise SpecError(
                f"--blq {name}={value} is not a rule. {did_you_mean(value, _WORDS[name])}"
            )
        if name in out:
            raise SpecError(f"--blq names {name} twice: {out[name]} and {value}.")
        out[name] = value
    return out


def describe_rules(rules: Rules, *, time_unit: str = "day", duration: float = 0.0) -> str:
    """Write the rules as text, a line each, to be printed with every result."""
    area = {
        "linear": "linear trapezoids",
        "linlog": "linear trapezoids up, logarithmic down (linear where an end is 0)",
    }[rules.trapezoid]
    start = {
        "extravascular": "extravascular: without a reading at time 0 the curve starts at 0 there",
        "bolus": "intravenous bolus: without a reading at time 0 the curve starts at C0, the"
        " log-linear back-extrapolation of the first two readings (where they do not fall or one"
        " is 0, the first positive reading)",
        "infusion": f"infusion of {duration:g} {time_unit}: without a reading at time 0 the curve"
        " starts at 0 there; MRT is less half the infusion",
    }[rules.route]
    order = {
        "winnonlin": "of the lines that fall, best adjusted R2",
        "pknca": "best adjusted R2 of all lines, none if that one does not fall",
    }[rules.slope]
    ends = "before" if rules.slope == "winnonlin" else "up to"
    end = f", readings {ends} the end of the infusion left out" if rules.route == "infusion" else ""
    past = {
        "observed": "as Clast exp(-lambda_z (t - Tlast))",
        "predicted": "to the terminal line's level at its end, by the logarithmic trapezoid from"
        " Clast (Phoenix WinNonlin)",
    }[rules.tail]
    tmax = "Tmax may be on it" if rules.tmax_on_line else "Tmax is not on it"
    after = {"drop": "dropped", "zero": "0"}[rules.after]
    return "\n".join(
        [
            f"Area: {area}.",
            f"Route: {start}.",
            f"Below the limit: before the first quantifiable reading {_INSIDE[rules.before]},"
            f" between quantifiable readings {_INSIDE[rules.between]}, after the last {after}"
            " (AUCall alone always takes the first one after Tlast as 0).",
            "Above the upper limit: the reading stands at that limit, is on no regression line, and"
            " flags what rests on it as a lower bound.",
            f"Terminal line ({rules.slope}): the last {rules.min_points} or more quantifiable"
            f" readings, {order}; within {rules.tolerance:g} of the best, most readings; {tmax}"
            f"{end}.",
            "Windows: between readings interpolated as the area is; past Tlast extrapolated"
            f" {past}, flagged, not estimable without lambda_z.",
            "Contraction: the same choice of line from Tmax forwards (Tmax on it)."
            " Rise: one line from the lowest quantifiable reading after the infusion to Tmax."
            " Fold expansion: Cmax over the lowest reading after the infusion and before Tmax.",
            f"Flagged, never dropped: adjusted R2 below {rules.min_r2_adjusted:g}, a line of fewer"
            f" than {rules.min_span:g} half-lives, more than {rules.max_extrapolated:g} %"
            " extrapolated.",
            "Readings of one time are averaged, one below its limit counting as half of it.",
        ]
    )

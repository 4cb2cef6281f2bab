"""Non-compartmental analysis once more: one profile, plain loops, nothing shared with the package.

Readings are (time, value, below); a reading below its limit has the limit as value. Lines are
fitted by ``numpy.polyfit``, areas on logarithmic intervals integrated by adaptive quadrature.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.integrate import quad


@dataclass
class Reference:
    readings: list[tuple[float, float, bool]]
    trapezoid: str = "linlog"
    slope: str = "winnonlin"
    route: str = "extravascular"
    before: str = "zero"
    between: str = "drop"
    after: str = "drop"
    duration: float = 0.0
    curve: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.readings = sorted(self.readings)
        self.seen = [(t, v) for t, v, below in self.readings if not below and v > 0]
        if not self.seen:
            return
        self.c_max = max(v for _, v in self.seen)
        self.t_max = next(t for t, v in self.seen if v == self.c_max)
        self.t_last, self.c_last = self.seen[-1]
        t_first = self.seen[0][0]
        for t, v, below in self.readings:
            if not below:
                self.curve.append((t, v))
                continue
            place = "before" if t < t_first else "after" if t > self.t_last else "between"
            rule = getattr(self, place)
            if rule != "drop":
                level = {"zero": 0.0, "half": v / 2, "lloq": v}[rule]
                self.curve.append((t, level))
        if self.curve[0][0] > 0:
            self.curve.insert(0, (0.0, self.c0()))

    def c0(self) -> float:
        if self.route != "bolus":
            return 0.0
        (t1, y1), *rest = self.curve
        if t1 == 0:
            return y1
        if not rest or not y1 > rest[0][1] > 0:  # then the first positive reading, as Phoenix does
            return next((y for _, y in self.curve if y > 0), y1)
        t2, y2 = rest[0]
        _, intercept = np.polyfit([t1, t2], [math.log(y1), math.log(y2)], 1)
        return math.exp(intercept)

    def level(self, t: float, one: tuple[float, float], two: tuple[float, float]) -> float:
        (t1, y1), (t2, y2) = one, two
        part = (t - t1) / (t2 - t1)
        if self.trapezoid == "linlog" and y1 > y2 > 0:
            return math.exp((1 - part) * math.log(y1) + part * math.log(y2))
        return (1 - part) * y1 + part * y2

    def area(self, start: float, stop: float) -> float:
        total = 0.0
        for one, two in zip(self.curve, self.curve[1:], strict=False):
            a, b = max(one[0], start), min(two[0], stop)
            if a < b:
                part, _ = quad(self.level, a, b, (one, two), epsabs=0, epsrel=1e-12)
                total += part
        return total

    def moment(self) -> float:
        total = 0.0
        for one, two in zip(self.curve, self.curve[1:], strict=False):
            if two[0] > self.t_last:
                break
            (t1, y1), (t2, y2) = one, two
            if self.trapezoid == "linlog" and y1 > y2 > 0:
                total += quad(
                    lambda t, a=one, b=two: t * self.level(t, a, b),
                    t1, t2, epsabs=0, epsrel=1e-12,
                )[0]  # fmt: skip
            else:
                total += (t2 - t1) * (t1 * y1 + t2 * y2) / 2
        return total

    def line(self) -> tuple[float, float, int, float, float] | None:
        """(lambda_z, intercept, points, adjusted R2, first time) of the terminal line."""
        at_peak = self.route == "bolus"
        points = [
            (t, math.log(v))
            for t, v in self.seen
            if (t >= self.t_max if at_peak else t > self.t_max)
            and (
                t >= self.duration
                if self.slope == "winnonlin"
                else t > self.duration or not self.duration
            )
        ]
        tried = []
        for n in range(3, len(points) + 1):
            x, y = np.array(points[-n:]).T
            b, a = np.polyfit(x, y, 1)
            ss = ((y - y.mean()) ** 2).sum()
            if ss < 1e-24:
                continue
            r2 = 1 - ((y - a - b * x) ** 2).sum() / ss
            tried.append((1 - (1 - r2) * (n - 1) / (n - 2), n, -b, a, x[0]))
        falling = [one for one in tried if one[2] > 0]
        judged = falling if self.slope == "winnonlin" else tried
        if not judged:
            return None
        best = max(one[0] for one in judged)
        good = [one for one in falling if one[0] > best - 1e-4]
        if not good:
            return None
        adjusted, n, rate, a, first = max(good, key=lambda one: one[1])
        return rate, a, n, adjusted, first

    def window(self, start: float, stop: float) -> float:
        end = self.curve[-1][0]
        inside = self.area(start, stop)
        if stop <= end or end > self.t_last:
            return inside
        line = self.line()
        if line is None:
            return math.nan
        tail, _ = quad(
            lambda t: self.c_last * math.exp(-line[0] * (t - self.t_last)),
            max(start, self.t_last), stop, epsabs=0, epsrel=1e-12,
        )  # fmt: skip
        return inside + tail

"""An implicit Runge-Kutta method as plain numbers, for stiff models."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Esdirk:
    """A pair of singly diagonally implicit methods whose first stage is explicit.

    Both solutions are stages (stiffly accurate): the last one is carried on, the one before it
    is of one order less, and their difference estimates the error of a step.

    Attributes
    ----------
    order : int                         of the solution that is carried on
    gamma : float                       the diagonal entry of every stage but the first
    c : (stage,)
    a : (stage, ...)                    one row a stage: weights of the stages before it
    """

    name: str
    order: int
    gamma: float
    c: tuple[float, ...]
    a: tuple[tuple[float, ...], ...]


KVAERNO5 = Esdirk(
    name="Kvaerno's L-stable 5(4) pair (Kvaerno 2004, BIT 44:489-502)",
    order=5,
    gamma=0.26,
    c=(0.0, 0.52, 1.230333209967908, 0.8957659843500759, 0.43639360985864756, 1.0, 1.0),
    a=(
        (),
        (0.26,),
        (0.13, 0.84033320996790809),
        (0.22371961478320505, 0.47675532319799699, -0.06470895363112615),
        (0.16648564323248321, 0.10450018841591720, 0.03631482272098715, -0.13090704451073998),
        (0.13855640231268224, 0.0, -0.04245337201752043, 0.02446657898003141, 0.61943039072480676),
        (
            0.13659751177640291,
            0.0,
            -0.05496908796538376,
            -0.04118626728321046,
            0.62993304899016403,
            0.06962479448202728,
        ),
    ),
)


def first_guess(method: Esdirk, stage: int) -> tuple[float, ...]:
    """Weights of the slopes of earlier stages in the first guess of a stage's own.

    The polynomial through those slopes, at the stage's time; a stage at the time of another one
    starts from that one's slope.
    """
    c = method.c
    same = [j for j in range(stage) if c[j] == c[stage]]
    if same:
        return tuple(float(j == same[-1]) for j in range(stage))
    weights = []
    for j in range(stage):
        weight = 1.0
        for q in range(stage):
            if q != j:
                weight *= (c[stage] - c[q]) / (c[j] - c[q])
        weights.append(weight)
    return tuple(weights)

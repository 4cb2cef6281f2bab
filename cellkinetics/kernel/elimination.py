"""Gaussian elimination written out: which entries there are, in what order, and the code for it.

A matrix I - c J of a kinetic model is sparse, and the same entries are zero for every subject, so
that its factors are straight-line code over the entries that exist, several subjects side by side.

Pivots are taken from the diagonal, in one fixed order that creates few new entries. That order
does not depend on the units of the states, as the size of a pivot does; what it may cost is
digits, where a pivot is the small difference of large terms. The code measures that loss, and the
integrator gives up a step that loses too many: with the step the matrix tends to I, for which
every order is good.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cellkinetics.kernel.emit import at

Entry = tuple[int, int]


@dataclass(frozen=True)
class Elimination:
    """Where the factors of a sparse matrix lie.

    Attributes
    ----------
    size : int                      rows
    given : {(row, column): place}  entries of J, by their place among its values
    order : (row,)                  pivots, first to last
    factors : {(row, column): place}    entries of both factors; the place of a diagonal one holds
                                    the reciprocal of the pivot
    """

    size: int
    given: dict[Entry, int]
    order: tuple[int, ...]
    factors: dict[Entry, int]

    def left(self, pivot: int) -> list[int]:
        """Rows that still change when this pivot is used."""
        done = self.order[: self.order.index(pivot) + 1]
        return [i for i in range(self.size) if i not in done and (i, pivot) in self.factors]

    def right(self, pivot: int) -> list[int]:
        """Columns in which the row of this pivot is not zero, apart from its own."""
        done = self.order[: self.order.index(pivot) + 1]
        return [k for k in range(self.size) if k not in done and (pivot, k) in self.factors]


def eliminate(size: int, entries: Iterable[Entry]) -> Elimination:
    """Choose the order of pivots and find the entries of the factors.

    Parameters
    ----------
    size : int                      rows of J
    entries : (row, column) pairs   where J is not zero

    Returns
    -------
    Elimination
    """
    given = sorted(set(entries))
    filled = set(given) | {(i, i) for i in range(size)}
    waiting, order = set(range(size)), []
    while waiting:
        # Markowitz: the pivot that can create the fewest new entries.
        crosses = {p: _cross(p, waiting, filled) for p in sorted(waiting)}
        cost = {p: len(rows) * len(columns) for p, (rows, columns) in crosses.items()}
        pivot = min(cost, key=cost.__getitem__)
        rows, columns = crosses[pivot]
        filled |= {(i, k) for i in rows for k in columns}
        waiting.remove(pivot)
        order.append(pivot)
    return Elimination(
        size=size,
        given={entry: q for q, entry in enumerate(given)},
        order=tuple(order),
        factors={entry: q for q, entry in enumerate(sorted(filled))},
    )


def _cross(p: int, waiting: set[int], filled: set[Entry]) -> tuple[list[int], list[int]]:
    """Rows and columns that a pivot meets among those that wait."""
    others = sorted(waiting - {p})
    return [i for i in others if (i, p) in filled], [k for k in others if (p, k) in filled]


def factor_lines(e: Elimination) -> list[str]:
    """Factors of I - ``entry`` of lane l to ``lu``.

    ``kept[l]`` is what the pivot that loses most digits keeps: its size over that of its terms.
    """
    lines = []
    for (i, k), q in e.given.items():
        one = "1.0 " if i == k else ""
        lines.append(f"a{i}_{k} = {one}-{' ' if one else ''}{at('entry', q, lanes=True)}")
    filled = [entry for entry in e.factors if entry not in e.given]
    lines += [f"a{i}_{k} = {'1.0' if i == k else '0.0'}" for i, k in filled]
    lines += [f"size{i} = abs_(a{i}_{i}) + 1.0" for i in range(e.size)]
    lines.append("least = 1.0")
    for p in e.order:
        pivot = f"a{p}_{p}"
        lines += [f"share = abs_({pivot}) / size{p}", "least = if_less(share, least, share, least)"]
        # A comparison loses what is not a number.
        lines += [f"least = least + 0.0 * {pivot}", f"over{p} = 1.0 / {pivot}"]
        for i in e.left(p):
            lines.append(f"a{i}_{p} = a{i}_{p} * over{p}")
            for k in e.right(p):
                if i == k:
                    lines.append(f"size{i} = size{i} + abs_(a{i}_{p} * a{p}_{k})")
                lines.append(f"a{i}_{k} = fma(-a{i}_{p}, a{p}_{k}, a{i}_{k})")
    for (i, k), q in e.factors.items():
        lines.append(f"{at('lu', q, lanes=True)} = {f'over{i}' if i == k else f'a{i}_{k}'}")
    return [*lines, "kept[l] = least"]


def substitution_lines(e: Elimination, place: str) -> Iterator[str]:
    """The solution of (I - J) x = b over b; ``place`` has ``{i}`` for the row."""

    def lu(i: int, k: int) -> str:
        return at("lu", e.factors[i, k], lanes=True)

    yield from (f"x{i} = {place.format(i=i)}" for i in range(e.size))
    for p in e.order:
        yield from (f"x{i} = fma(-{lu(i, p)}, x{p}, x{i})" for i in e.left(p))
    for p in reversed(e.order):
        yield from (f"x{p} = fma(-{lu(p, k)}, x{k}, x{p})" for k in e.right(p))
        yield f"x{p} = x{p} * {lu(p, p)}"
    yield from (f"{place.format(i=i)} = x{i}" for i in range(e.size))

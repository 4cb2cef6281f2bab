"""The pair plot draws what it is given."""

import numpy as np

from cellkinetics.plot.pairs import pairs

RNG = np.random.default_rng(5)
VALUES = {
    "a": RNG.normal(size=(4, 300)),
    "b": RNG.normal(5.0, 1.0, size=(4, 300)),
    "$c": RNG.normal(-5.0, 1.0, size=(4, 300)),
}


def test_every_pair_is_drawn_once_with_its_own_draws() -> None:
    figure = pairs(VALUES, title="x")
    axes = figure.axes
    assert len(axes) == 6
    drawn = {}
    for axis in axes:
        for chain, line in enumerate(axis.lines):
            x, y = line.get_data()
            names = [
                next(n for n, v in VALUES.items() if np.isin(data, v[chain]).all())
                for data in (x, y)
            ]
            drawn.setdefault(tuple(names), []).append(chain)
    assert drawn == {(x, y): [0, 1, 2, 3] for x, y in (("a", "b"), ("a", "$c"), ("b", "$c"))}
    labels = [(axis.get_xlabel(), axis.get_ylabel()) for axis in axes]
    assert labels == [("", ""), ("", "b"), ("", ""), ("a", "$c"), ("b", ""), ("$c", "")]


def test_long_chains_are_thinned_evenly() -> None:
    figure = pairs(VALUES, most=10)
    x, _ = figure.axes[1].lines[0].get_data()
    assert len(x) == 10
    assert (x[0], x[-1]) == (VALUES["a"][0, 0], VALUES["a"][0, -1])

"""The fixed text of a kernel module that integrates: arithmetic that vectorises.

A call, a branch or a table would stop the compiler from serving several lanes at once.
"""

LANE_ARITHMETIC = '''
from cellkinetics.kernel.vector import (
    abs_, fma, if_at_least, if_less, load, mantissa_of, power_of, sqrt_, store, times_power_of_two,
)  # @VECTORS@


@intrinsic
def as_double(context, bits):
    """The double with these bits."""
    return types.float64(types.int64), lambda c, b, s, a: b.bitcast(a[0], ir.DoubleType())


@intrinsic
def as_int(context, x):
    """The bits of a double."""
    return types.int64(types.float64), lambda c, b, s, a: b.bitcast(a[0], ir.IntType(64))


@njit(**OPTIONS)
def exp_(x):
    """exp to 1 ulp, without a call or a branch; held within exp(-708) and exp(709)."""
    x = if_less(x, 709.0, x, 709.0)
    x = if_less(-708.0, x, x, -708.0)
    m = fma(x, 1.4426950408889634, 6755399441055744.0)
    n = m - 6755399441055744.0
    r = fma(n, -6.93147180369123816490e-01, x)
    r = fma(n, -1.90821492927058770002e-10, r)
    # exp(r) = 1 + r + r^2 q(r), q of degree 9 by Remez (3.6e-18), even and odd powers apart.
    s = r * r
    even = fma(s, 2.763024838532302e-07, 2.480149309888739e-05)
    even = fma(s, even, 0.0013888888943630134)
    even = fma(s, even, 0.041666666666530155)
    even = fma(s, even, 0.5000000000000011)
    odd = fma(s, 2.500006162553128e-08, 2.755758637378518e-06)
    odd = fma(s, odd, 0.00019841269506578723)
    odd = fma(s, odd, 0.008333333333494461)
    odd = fma(s, odd, 0.16666666666666413)
    p = fma(s, fma(r, odd, even), r) + 1.0
    return times_power_of_two(p, m)


@njit(**OPTIONS)
def log_(x):
    """log to 2 ulp, without a call or a branch; NaN below 0, -745 at 0."""
    tiny = 2.2250738585072014e-308
    y = if_less(x, tiny, x * 18014398509481984.0, x)
    n = power_of(y)
    z = mantissa_of(y)
    f = (z - 1.0) / (z + 1.0)
    q = f * f
    p = 1.0 / 21.0
    p = p * q + 1.0 / 19.0
    p = p * q + 1.0 / 17.0
    p = p * q + 1.0 / 15.0
    p = p * q + 1.0 / 13.0
    p = p * q + 1.0 / 11.0
    p = p * q + 1.0 / 9.0
    p = p * q + 1.0 / 7.0
    p = p * q + 1.0 / 5.0
    p = p * q + 1.0 / 3.0
    p = 2.0 * f * (p * q + 1.0)
    n = if_less(x, tiny, n - 54.0, n)
    value = n * 6.93147180369123816490e-01 + (n * 1.90821492927058770002e-10 + p)
    value = if_at_least(0.0, x, -745.0, value)
    return if_at_least(x, 0.0, value, np.nan)


@njit(**OPTIONS)
def about_inverse(x):
    """1 / x of a positive number to 0.2 %: enough for an error norm, and cheaper than to divide."""
    y = as_double(0x7FDE623822FC16E6 - as_int(x))
    return y * (2.0 - x * y)


@njit(**OPTIONS)
def about_power(x, p):
    """x^p of a positive number to 1 % for small p, by the bits of x: enough to choose a step."""
    return as_double(np.int64((1.0 - p) * 4607182418800017408.0 + p * as_int(x)))
'''

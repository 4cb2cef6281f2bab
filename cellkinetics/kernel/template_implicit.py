"""The fixed text of an implicit step: Newton's iterations, and the sensitivities that follow.

A stage solves K = h f(y + gamma K) by simplified Newton iterations with the factors at hand, lane
by lane until each has converged by its own measure. Its sensitivities are then exact: with J and
df/dphi at the solution, (I - h gamma J) S = S_before + h gamma df/dphi is linear, and one
factorisation serves every column (staggered direct method). These factors serve the next
stage's iterations.
"""

IMPLICIT_RHS = '''\
@njit(**OPTIONS)
def rhs(t, w, k, dw, lanes):
    """dz/dt and J S + df/dphi of every lane."""
    unit = np.ones(LANES)
    rates(t, w, k, unit, dw, lanes)
    entry = np.zeros(LANES * N_ENTRIES)
    direct = np.zeros(LANES * N_STATES * N_PARAMETERS)
    derivatives(t, w, k, unit, entry, direct, lanes)
    along(entry, direct, w, dw, lanes)'''

IMPLICIT_FUNCTIONS = '''
@njit(**OPTIONS)
def end_step(h, last, before, slope, lanes):
    """The slopes at the end of the step, as its last stage has them.

    Not f of the solution: that would multiply what Newton's iterations leave by the stiffness.
    """
    for i in range(N_ALL):
        for l in range(lanes):
            q = LANES * i + l
            slope[q] = last[q] / h[l] if h[l] > 0.0 else before[q]


@njit(**OPTIONS)
def newton(t, base, stage, u, left, lu, k, h, w, rtol, failed, ease, going, size, before, lanes):
    """``stage``, K = h f(base + gamma K) of every lane, and u = base + gamma K, from a first guess.

    A lane stops by itself, so that it does not depend on its neighbours. ``ease`` is what its
    iterations multiply the error by over what they leave of it, as last seen.
    """
    for l in range(LANES):
        going[l] = 0.0 if failed[l] > 0.0 else 1.0
        ease[l] = max(ease[l], 1e-10) ** 0.8
    for iteration in range(MOST_ITERATIONS):
        for i in range(LANES * N_STATES):
            u[i] = fma(GAMMA, stage[i], base[i])
        rates(t, u, k, h, left, lanes)
        for i in range(LANES * N_STATES):
            left[i] -= stage[i]
        substitute(lu, left, lanes)
        for l in range(lanes):
            size[l] = 0.0
        for i in range(N_STATES):
            for l in range(lanes):
                q = LANES * i + l
                b = rtol
                if ATOL[i] >= 0.0:
                    b = ATOL[i] + 0.5 * rtol * (abs(w[q]) + abs(u[q]))
                x = GAMMA * left[q] * about_inverse(b)
                size[l] += x * x
                stage[q] += left[q] if going[l] > 0.0 else 0.0
        again = False
        for l in range(LANES):
            if going[l] == 0.0:
                continue
            now = math.sqrt(size[l])
            if iteration > 0:
                ratio = now / before[l]
                ease[l] = ratio / (1.0 - ratio) if ratio < 1.0 else 1e3
            if not now < 1e6 or (iteration > 0 and ease[l] >= 1e3 and now > 1e-3):
                failed[l], going[l] = 1.0, 0.0
            elif ease[l] * now <= ENOUGH or now < 1e-6:
                going[l] = 0.0
            else:
                again = True
            before[l] = now
        if not again:
            break
    for l in range(LANES):
        if going[l] > 0.0:
            failed[l] = 1.0
    for i in range(LANES * N_STATES):
        u[i] = fma(GAMMA, stage[i], base[i])


@njit(**OPTIONS)
def factors(t, u, k, hg, entry, direct, lu, kept, failed, lanes):
    """I - h gamma J at u, factored; a lane fails where that loses too many digits."""
    derivatives(t, u, k, hg, entry, direct, lanes)
    factor(entry, lu, kept, lanes)
    for l in range(LANES):
        if not kept[l] > LEAST_KEPT:
            failed[l] = 1.0


@njit(**OPTIONS)
def stage_sensitivities(base, stage, u, lu, direct, lanes):
    """S at the stage, to u, and h dS/dt, from those before it in the step."""
    first = LANES * N_STATES
    for i in range(LANES * N_STATES * N_PARAMETERS):
        u[first + i] = base[first + i] + direct[i]
    substitute_columns(lu, u, lanes)
    for i in range(first, SIZE):
        stage[i] = (u[i] - base[i]) * (1.0 / GAMMA)
'''

IMPLICIT_CONSTANTS = """
MOST_ITERATIONS = 10
# How small the error of an iteration must be, in units of what the error norm allows a step.
ENOUGH = 0.03
# The digits that a pivot may lose: what it keeps of its terms.
LEAST_KEPT = 1e-11
"""

BEGIN_IMPLICIT = """
for l in range(LANES):
    hg[l] = GAMMA * h[l]
    failed[l] = 1.0 if subject[l] < 0 else 0.0
factors(t, w, k, hg, entry, direct, lu, kept, failed, lanes)
"""

STAGE = """
for i in range(SIZE):
    y[i] = @BASE@
for i in range(LANES * N_STATES):
    k@STAGE@[i] = @GUESS@
@TIME@
newton(@AT@, y, k@STAGE@, @U@, left, lu, k, h, w, rtol, failed, ease, going, size, previous, lanes)
@SENSITIVITIES@
"""

STAGE_SENSITIVITIES = """
factors(@AT@, @U@, k, hg, entry, direct, lu, kept, failed, lanes)
stage_sensitivities(y, k@STAGE@, @U@, lu, direct, lanes)
"""

END_STEP = """
finish_step(w, new, slopes, base, u, rtol)
norm(u, columns, error)
for l in range(LANES):
    if failed[l] > 0.0:
        error[l] = 1e6
end_step(h, k@LAST@, slope, k1, lanes)
"""

IMPLICIT_ARRAYS = """
y = np.zeros(SIZE)
entry = np.zeros(LANES * N_ENTRIES)
direct = np.zeros(LANES * N_STATES * N_PARAMETERS)
lu = np.zeros(LANES * N_FACTORS)
left = np.zeros(LANES * N_STATES)
hg = np.zeros(LANES)
kept = np.zeros(LANES)
failed = np.zeros(LANES)
ease = np.ones(LANES)
going = np.zeros(LANES)
size = np.zeros(LANES)
previous = np.zeros(LANES)
"""

"""The fixed text of a kernel module that integrates: dosing, switches, step control, lanes.

Four subjects are integrated side by side, one a lane, each with its own time, step, stops and
fate; a lane that is done takes the next subject. One instruction then serves four subjects,
whatever their times, and a subject's numbers do not depend on who its neighbours are.
"""

LANE_FUNCTIONS = '''
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
    x = x if x < 709.0 else 709.0
    x = x if x > -708.0 else -708.0
    m = x * 1.4426950408889634 + 6755399441055744.0
    n = m - 6755399441055744.0
    r = x - n * 6.93147180369123816490e-01
    r = r - n * 1.90821492927058770002e-10
    p = 1.6059043836821613e-10
    p = p * r + 2.08767569878681e-09
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 1.984126984126984e-04
    p = p * r + 1.388888888888889e-03
    p = p * r + 8.333333333333333e-03
    p = p * r + 4.1666666666666664e-02
    p = p * r + 1.6666666666666666e-01
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return as_double(as_int(p) + (as_int(m) << 52))


@njit(**OPTIONS)
def log_(x):
    """log to 2 ulp, without a call or a branch; NaN below 0, -745 at 0."""
    tiny = x < 2.2250738585072014e-308
    y = x * 18014398509481984.0 if tiny else x
    bits = as_int(y) - 0x3FE6A09E667F3BCD
    # The exponent by an arithmetic shift, as a double by the same trick as in exp_.
    n = as_double((bits >> 52) + 0x4338000000000000) - 6755399441055744.0
    z = as_double((bits & 0x000FFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD)
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
    n = n - 54.0 if tiny else n
    value = n * 6.93147180369123816490e-01 + (n * 1.90821492927058770002e-10 + p)
    value = -745.0 if x == 0.0 else value
    return value if x >= 0.0 else np.nan


@njit(**OPTIONS)
def about_inverse(x):
    """1 / x of a positive number to 0.2 %: enough for an error norm, and cheaper than to divide."""
    y = as_double(0x7FDE623822FC16E6 - as_int(x))
    return y * (2.0 - x * y)


@njit(**OPTIONS)
def about_power(x, p):
    """x^p of a positive number to 1 % for small p, by the bits of x: enough to choose a step."""
    return as_double(np.int64((1.0 - p) * 4607182418800017408.0 + p * as_int(x)))


@njit(**OPTIONS)
def to_scale(w, l, only_infused):
    """Positive states of a lane to logs, their sensitivities to those of logs."""
    for i in range(N_STATES):
        if ATOL[i] < 0.0 and (INFUSED[i] or not only_infused):
            y = w[LANES * i + l]
            w[LANES * i + l] = math.log(y)
            for j in range(N_PARAMETERS):
                w[LANES * (N_STATES + i * N_PARAMETERS + j) + l] /= y


@njit(**OPTIONS)
def from_scale(w, l):
    """States that infusions add to, back from their logs; others may be too small for it."""
    for i in range(N_STATES):
        if ATOL[i] < 0.0 and INFUSED[i]:
            y = math.exp(w[LANES * i + l])
            w[LANES * i + l] = y
            for j in range(N_PARAMETERS):
                w[LANES * (N_STATES + i * N_PARAMETERS + j) + l] *= y


@njit(**OPTIONS)
def first_step(w, dw, l, rtol):
    """A first step whose Euler error is of the order of the tolerance."""
    slope = 1e-12
    for i in range(N_ALL):
        state = i if i < N_STATES else (i - N_STATES) // max(1, N_PARAMETERS)
        own = 0.0 if i < N_STATES else abs(w[LANES * i + l])
        if ATOL[state] < 0.0:
            size = 1.0 + own
        else:
            size = ATOL[state] / rtol + abs(w[LANES * state + l]) + own
        slope = max(slope, abs(dw[LANES * i + l]) / size)
    return 0.5 * rtol ** (1.0 / @ORDER@) / slope


@njit(**OPTIONS)
def norm(w, new, step, slopes, base, squares, columns, out, rtol):
    """Squared error of each lane: the worst of the states' norm and every column's.

    An error of S_ij is measured against atol + rtol (|y_i| + |S_ij|), with 1 for |y_i| on the log
    scale, where ``base`` holds rtol from the start.
    """
    half = 0.5 * rtol
    for i in range(N_STATES):
        if ATOL[i] >= 0.0:
            for l in range(LANES):
                y = abs(w[LANES * i + l]) + abs(new[LANES * i + l])
                b = ATOL[i] + half * y
                base[LANES * i + l] = b
                for j in range(N_PARAMETERS):
                    base[LANES * (N_STATES + i * N_PARAMETERS + j) + l] = b
    for i in range(LANES * N_STATES):
        x = step[i] * (@ERROR@) * about_inverse(base[i])
        squares[i] = x * x
    for i in range(LANES * N_STATES, SIZE):
        x = step[i] * (@ERROR@) * about_inverse(base[i] + half * (abs(w[i]) + abs(new[i])))
        squares[i] = x * x
    width = LANES * N_PARAMETERS
    for q in range(width):
        columns[q] = squares[LANES * N_STATES + q]
    for i in range(1, N_STATES):
        for q in range(width):
            columns[q] += squares[LANES * N_STATES + i * width + q]
    for l in range(LANES):
        worst = 0.0
        for i in range(N_STATES):
            worst += squares[LANES * i + l]
        nothing = 0.0
        for j in range(N_PARAMETERS):
            x = columns[LANES * j + l]
            worst = worst if worst > x else x
            # Carries NaN on, which comparisons lose.
            nothing += 0.0 * x
        out[l] = worst / N_STATES + nothing


@njit(**OPTIONS)
def begin(
    l, phi, c, infusion, last_infusion, inf_time, inf_cells, first, last, row_time, row_obs,
    k, w, tau, dtau, pred, jac,
):
    """Put a subject into a lane, at time 0: (status, next row, next infusion)."""
    prepare(phi, c, k, l)
    switch_times(k, tau, dtau, l)
    for f in range(N_SWITCHES):
        if math.isnan(tau[l, f]):
            return NOT_FINITE, first, infusion
        k[LANES * (FIRST_FLAG + f) + l] = 1.0 if tau[l, f] <= 0.0 else 0.0
    segment(k, l)
    for i in range(N_ALL):
        w[LANES * i + l] = 0.0
    initial(k, w, l)
    while infusion < last_infusion and inf_time[infusion] <= 0.0:
        infuse(inf_cells[infusion], k, w, l)
        infusion += 1
    to_scale(w, l, False)
    for i in range(N_ALL):
        if not math.isfinite(w[LANES * i + l]):
            return NOT_FINITE, first, infusion
    r = first
    while r < last and row_time[r] <= 0.0:
        pred[r] = observe(row_obs[r], w, k, l, r, jac)
        r += 1
    return OK, r, infusion


@njit(**OPTIONS)
def next_stop(l, row, infusion, last_infusion, row_time, inf_time, k, tau):
    """(time, event) that a lane runs to: -1 a row, f a switch, N_SWITCHES an infusion.

    A row exactly at a switch or an infusion belongs to the time before it.
    """
    stop, event = row_time[row], -1
    for f in range(N_SWITCHES):
        if k[LANES * (FIRST_FLAG + f) + l] == 0.0 and tau[l, f] < stop:
            stop, event = tau[l, f], f
    if infusion < last_infusion and inf_time[infusion] < stop:
        stop, event = inf_time[infusion], N_SWITCHES
    return stop, event


@njit(**OPTIONS)
def close(s, code, count, first, last, pred, jac, status, steps):
    """Write down how a subject's solve ended; NaN for its rows if it failed."""
    if code == OK:
        for r in range(first, last):
            if not math.isfinite(pred[r]):
                code = NOT_FINITE
    if code != OK:
        fail(first, last, pred, jac)
    status[s] = code
    steps[s] = count
'''

ODE_SOLVER = '''
@njit(**OPTIONS)
def solve(
    phi, const, inf_start, inf_time, inf_cells, row_start, row_time, row_obs, rtol, max_steps,
    pred, jac, status, steps,
):
    """Solve every subject at its own times, stopped exactly at rows, switches and infusions.

    phi (subject, parameter) transformed; const (subject, constant); infusions and rows are flat,
    those of subject s being start[s]:start[s + 1], in order of time.
    Fills pred (row,), jac (row, parameter), status and steps (subject,).

    Sensitivities are in the error norm: each column of them must meet the tolerance by itself,
    as the states must. State-only control gives wrong gradients without any warning.
    """
    subjects = phi.shape[0]
    # The compiler must not know this number: it would unroll loops over lanes, not vectorise.
    lanes = LANES if max_steps >= 0 else LANES + 1
    k = np.zeros(LANES * N_MEMORY)
    w = np.zeros(SIZE)
    u = np.zeros(SIZE)
    new = np.zeros(SIZE)
    step = np.zeros(SIZE)
    base = np.full(SIZE, rtol)
    columns = np.zeros(LANES * N_PARAMETERS)
    # One array, so that the compiler sees that the slopes of different stages do not overlap.
    slopes = np.zeros(@COUNT@ * SIZE)
    @ALLOCATE@
    tau = np.zeros((LANES, N_SWITCHES + 1))
    dtau = np.zeros((LANES, N_SWITCHES + 1, N_PARAMETERS + 1))
    t = np.zeros(LANES)
    at = np.zeros(LANES)
    h = np.zeros(LANES)
    wanted = np.zeros(LANES)
    stop = np.zeros(LANES)
    error = np.zeros(LANES)
    subject = np.full(LANES, -1)
    row = np.zeros(LANES, np.int64)
    infusion = np.zeros(LANES, np.int64)
    event = np.zeros(LANES, np.int64)
    count = np.zeros(LANES, np.int64)
    fresh = np.zeros(LANES, np.bool_)
    hit = np.zeros(LANES, np.bool_)
    waiting = 0
    while True:
        # Idle lanes take the next subjects; what begins or was switched needs a new slope and step.
        active, refresh = 0, False
        for l in range(LANES):
            while subject[l] < 0 and waiting < subjects:
                s = waiting
                waiting += 1
                first, last = row_start[s], row_start[s + 1]
                code, row[l], infusion[l] = begin(
                    l, phi[s], const[s], inf_start[s], inf_start[s + 1], inf_time, inf_cells,
                    first, last, row_time, row_obs, k, w, tau, dtau, pred, jac,
                )
                if code != OK or row[l] == last:
                    close(s, code, 0, first, last, pred, jac, status, steps)
                    continue
                subject[l], t[l], count[l], fresh[l] = s, 0.0, 0, True
            if subject[l] < 0:
                h[l] = 0.0
                continue
            active += 1
            refresh = refresh or fresh[l]
        if active == 0:
            return
        if refresh:
            rhs(t, w, k, k0, lanes)
        for l in range(LANES):
            s = subject[l]
            if s < 0:
                continue
            if fresh[l]:
                h[l] = first_step(w, k0, l, rtol)
                stop[l], event[l] = next_stop(
                    l, row[l], infusion[l], inf_start[s + 1], row_time, inf_time, k, tau
                )
                fresh[l] = False
            remaining = stop[l] - t[l]
            wanted[l] = h[l]
            hit[l] = h[l] >= remaining
            if hit[l]:
                h[l] = remaining
            elif h[l] > 0.5 * remaining:
                h[l] = 0.5 * remaining
        spread(h, step, lanes)
        @STAGES@
        norm(w, new, step, slopes, base, u, columns, error, rtol)
        for l in range(LANES):
            if subject[l] < 0:
                continue
            count[l] += 1
            # The norm is squared; what is not a number is a rejected step.
            factor = 0.9 * about_power(max(error[l], 1e-12), @EXPONENT@) if error[l] < 1e20 else 0.1
            if error[l] <= 1.0:
                t[l] = stop[l] if hit[l] else t[l] + h[l]
                grown = h[l] * min(5.0, max(0.2, factor))
                # A step cut short by a stop says little about the next one.
                h[l] = max(wanted[l], grown) if h[l] < wanted[l] else grown
            else:
                hit[l] = False
                h[l] *= max(0.1, min(0.9, factor))
                for i in range(N_ALL):
                    new[LANES * i + l] = w[LANES * i + l]
                    @LAST@[LANES * i + l] = k0[LANES * i + l]
        for i in range(SIZE):
            w[i] = new[i]
        for i in range(SIZE):
            k0[i] = @LAST@[i]
        for l in range(LANES):
            s = subject[l]
            if s < 0:
                continue
            code = OK
            if count[l] >= max_steps:
                code = TOO_MANY_STEPS
            elif h[l] < 1e-14 * max(1.0, t[l]):
                code = STEP_TOO_SMALL
            first, last = row_start[s], row_start[s + 1]
            if hit[l]:
                hit[l] = False
                if event[l] < 0:
                    while row[l] < last and row_time[row[l]] <= stop[l]:
                        r = row[l]
                        pred[r] = observe(row_obs[r], w, k, l, r, jac)
                        row[l] += 1
                    if row[l] == last:
                        close(s, OK, count[l], first, last, pred, jac, status, steps)
                        subject[l] = -1
                        continue
                    stop[l], event[l] = next_stop(
                        l, row[l], infusion[l], inf_start[s + 1], row_time, inf_time, k, tau
                    )
                elif event[l] < N_SWITCHES:
                    # S+ = S- + (f- - f+) dtau/dphi; the slope after the switch goes to k1, which
                    # the next step overwrites.
                    f = event[l]
                    k[LANES * (FIRST_FLAG + f) + l] = 1.0
                    segment(k, l)
                    rhs(t, w, k, k1, lanes)
                    for i in range(N_STATES):
                        jump = k0[LANES * i + l] - k1[LANES * i + l]
                        for j in range(N_PARAMETERS):
                            w[LANES * (N_STATES + i * N_PARAMETERS + j) + l] += jump * dtau[l, f, j]
                    fresh[l] = True
                else:
                    from_scale(w, l)
                    infuse(inf_cells[infusion[l]], k, w, l)
                    infusion[l] += 1
                    to_scale(w, l, True)
                    fresh[l] = True
            if code != OK:
                close(s, code, count[l], first, last, pred, jac, status, steps)
                subject[l] = -1
                fresh[l] = False
'''

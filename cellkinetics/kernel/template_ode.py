"""The fixed text of a kernel module that integrates: dosing, switches, step control, lanes.

Eight subjects are integrated side by side, one a lane, each with its own time, step, stops and
fate; a lane that is done takes the next subject. One instruction then serves several subjects,
whatever their times, and a subject's numbers do not depend on who its neighbours are.
"""

LANE_FUNCTIONS = '''
# The log of a positive state of which there is none: no growth brings it back.
NOTHING = -1e6


@njit(**OPTIONS)
def to_scale(w, i, l):
    """A positive state of a lane to its log, its sensitivities to those of the log.

    One that is 0, because nothing was infused, is carried so far down that it stays 0.
    """
    y = w[LANES * i + l]
    w[LANES * i + l] = math.log(y) if y != 0.0 else NOTHING
    for j in range(N_PARAMETERS):
        w[LANES * (N_STATES + i * N_PARAMETERS + j) + l] /= y if y != 0.0 else 1.0


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


@RHS@


@njit(**OPTIONS)
def finish_step(w, new, slopes, base, squares, rtol):
    """The solution after the step, and the squared error of each of its components.

    The error of a state is measured against b = atol + rtol |y_i|, that of a sensitivity against
    the geometric mean of b and b + rtol |S_ij|: between an absolute and a relative criterion,
    for elasticities of several hundred would allow absolute errors of several hundred rtol.
    On the log scale b = rtol, which ``base`` holds from the start.
    """
    for i in range(LANES * N_STATES):
        new[i] = @NEW@
    for i in range(N_STATES):
        if ATOL[i] >= 0.0:
            for l in range(LANES):
                b = ATOL[i] + 0.5 * rtol * (abs(w[LANES * i + l]) + abs(new[LANES * i + l]))
                base[LANES * i + l] = b
                for j in range(N_PARAMETERS):
                    base[LANES * (N_STATES + i * N_PARAMETERS + j) + l] = b
    for i in range(LANES * N_STATES):
        x = (@ERROR@) * about_inverse(base[i])
        squares[i] = x * x
    for i in range(LANES * N_STATES, SIZE):
        new[i] = @NEW@
        x = @ERROR@
        squares[i] = x * x * about_inverse(base[i] * fma(rtol, abs(new[i]), base[i]))


@njit(**OPTIONS)
def norm(squares, columns, out):
    """Squared error of each lane: the worst of the states' norm and every column's."""
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
        out[l] = worst + nothing


@njit(**OPTIONS)
def read_rows(l, row, last, until, row_time, row_obs, w, k, pred, jac):
    """Predictions at a lane's rows up to a time, from its states there: the row after them."""
    while row < last and row_time[row] <= until:
        pred[row] = observe(row_obs[row], w, k, l, row, jac)
        row += 1
    return row


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
    for i in range(N_STATES):
        if ATOL[i] < 0.0:
            to_scale(w, i, l)
    for i in range(N_ALL):
        if not math.isfinite(w[LANES * i + l]):
            return NOT_FINITE, first, infusion
    row = read_rows(l, first, last, 0.0, row_time, row_obs, w, k, pred, jac)
    return OK, row, infusion


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

EXPLICIT_RHS = '''\
@njit(**OPTIONS)
def rhs(t, w, k, dw, lanes):
    """dz/dt and J S + df/dphi of every lane."""
    scaled_rhs(t, w, k, np.ones(LANES), dw, lanes)'''

LOOPED_RHS = '''
@njit(**OPTIONS)
def scaled_rhs(t, w, k, h, dw, lanes):
    """h times dz/dt and J S + df/dphi of every lane."""
    entry = np.empty(LANES * @ENTRIES@)
    for i in range(LANES * N_STATES, SIZE):
        dw[i] = 0.0
    parts(t, w, k, h, entry, dw, lanes)
    along(entry, w, dw, lanes)
'''

BEGIN_STEP = '''
@njit(**OPTIONS)
def begin_step(h, slope, k0, lanes):
    """The step times the slopes at its start."""
    for i in range(N_ALL):
        for l in range(lanes):
            k0[LANES * i + l] = h[l] * slope[LANES * i + l]
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
    # The error that is estimated is not that of the solution carried on, and errors of many steps
    # add up: what a step may cost, a thousand draws of each model have told.
    rtol = @LOOSER@ * rtol
    subjects = phi.shape[0]
    # The compiler must not know this number: it would unroll loops over lanes, not vectorise.
    lanes = LANES if max_steps >= 0 else LANES + 1
    k = np.zeros(LANES * N_MEMORY)
    w = np.zeros(SIZE)
    u = np.zeros(SIZE)
    new = np.zeros(SIZE)
    slope = np.zeros(SIZE)
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
    unit = np.ones(LANES)
    wanted = np.zeros(LANES)
    before = np.ones(LANES)
    stop = np.zeros(LANES)
    error = np.zeros(LANES)
    subject = np.full(LANES, -1)
    row = np.zeros(LANES, np.int64)
    infusion = np.zeros(LANES, np.int64)
    event = np.zeros(LANES, np.int64)
    count = np.zeros(LANES, np.int64)
    fresh = np.zeros(LANES, np.bool_)
    hit = np.zeros(LANES, np.bool_)
    waiting = np.int64(0)  # typed: a literal would be compiled for by itself
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
                count[l] = 0
                if code != OK or row[l] == last:
                    close(s, code, count[l], first, last, pred, jac, status, steps)
                    continue
                subject[l], t[l], fresh[l] = s, 0.0, True
            if subject[l] < 0:
                h[l] = 0.0
                continue
            active += 1
            refresh = refresh or fresh[l]
        if active == 0:
            return
        if refresh:
            rhs(t, w, k, k1, lanes)
        for l in range(LANES):
            s = subject[l]
            if s < 0:
                continue
            if fresh[l]:
                for i in range(N_ALL):
                    slope[LANES * i + l] = k1[LANES * i + l]
                h[l], before[l] = first_step(w, slope, l, rtol), 1.0
                stop[l], event[l] = next_stop(
                    l, row[l], infusion[l], inf_start[s + 1], row_time, inf_time, k, tau
                )
                fresh[l] = False
                @FRESH@
            remaining = stop[l] - t[l]
            wanted[l] = h[l]
            hit[l] = h[l] >= remaining
            if hit[l]:
                h[l] = remaining
            elif h[l] > 0.5 * remaining:
                h[l] = 0.5 * remaining
        begin_step(h, slope, k0, lanes)
        @STEP@
        for l in range(LANES):
            if subject[l] < 0:
                continue
            count[l] += 1
            # The norm is squared; what is not a number is a rejected step.
            factor = 0.1
            if error[l] < 1e20:
                error[l] = max(error[l], 1e-12)
                factor = 0.8 * about_power(error[l], @NOW@) * about_power(before[l], @BEFORE@)
            if error[l] <= 1.0:
                before[l] = max(error[l], 1e-8)
                t[l] = stop[l] if hit[l] else t[l] + h[l]
                grown = h[l] * min(5.0, max(0.2, factor))
                # A step cut short by a stop says little about the next one.
                h[l] = max(wanted[l], grown) if h[l] < wanted[l] else grown
            else:
                hit[l] = False
                h[l] *= max(0.1, min(0.9, factor))
                for i in range(N_ALL):
                    new[LANES * i + l] = w[LANES * i + l]
                    k1[LANES * i + l] = slope[LANES * i + l]
        for i in range(SIZE):
            w[i] = new[i]
        for i in range(SIZE):
            slope[i] = k1[i]
        for l in range(LANES):
            s = subject[l]
            if s < 0:
                continue
            code = OK
            if count[l] >= max_steps:
                code = TOO_MANY_STEPS
            elif h[l] < @SMALLEST@:
                code = STEP_TOO_SMALL
            first, last = row_start[s], row_start[s + 1]
            if hit[l]:
                hit[l] = False
                if event[l] < 0:
                    row[l] = read_rows(
                        l, row[l], last, stop[l], row_time, row_obs, w, k, pred, jac
                    )
                    if row[l] == last:
                        code = OK
                    else:
                        stop[l], event[l] = next_stop(
                            l, row[l], infusion[l], inf_start[s + 1], row_time, inf_time, k, tau
                        )
                elif event[l] < N_SWITCHES:
                    # S+ = S- + (f- - f+) dtau/dphi; the slope after the switch goes to k1, which
                    # nothing needs any more.
                    f = event[l]
                    @BEFORE_SWITCH@
                    k[LANES * (FIRST_FLAG + f) + l] = 1.0
                    segment(k, l)
                    rhs(t, w, k, k1, lanes)
                    for i in range(N_STATES):
                        jump = @SLOPE@[LANES * i + l] - k1[LANES * i + l]
                        for j in range(N_PARAMETERS):
                            w[LANES * (N_STATES + i * N_PARAMETERS + j) + l] += jump * dtau[l, f, j]
                    fresh[l] = True
                else:
                    from_scale(w, l)
                    infuse(inf_cells[infusion[l]], k, w, l)
                    infusion[l] += 1
                    for i in range(N_STATES):
                        if ATOL[i] < 0.0 and INFUSED[i]:
                            to_scale(w, i, l)
                    fresh[l] = True
            if code != OK or row[l] == last:
                close(s, code, count[l], first, last, pred, jac, status, steps)
                subject[l] = -1
                fresh[l] = False
'''

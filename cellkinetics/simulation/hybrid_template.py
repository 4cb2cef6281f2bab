"""The fixed text of a hybrid solver: equations above a number of cells, births and deaths below.

The states that stay deterministic are integrated throughout (Dormand and Prince 5(4), on log
scales where states are positive). While the last cells are counted, the hazard of the next event
is integrated with them, and the event happens where it reaches an exponential draw: Gillespie's
method with rates that change in time, without a bound or a leap.
"""

HYBRID_SOLVER = '''
@njit(**OPTIONS)
def uniform(stream):
    """In [0, 1), from a stream of its own for each patient (splitmix64; Steele et al. 2014)."""
    stream[0] += np.uint64(0x9E3779B97F4A7C15)
    z = stream[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) / 9007199254740992.0


@njit(**OPTIONS)
def natural(w, y):
    """States from their logs; exp(-inf) is 0."""
    for i in range(N):
        y[i] = math.exp(w[i]) if LOG[i] else w[i]


@njit(**OPTIONS)
def scaled(y, w):
    for i in range(N):
        w[i] = math.log(y[i]) if LOG[i] else y[i]


@njit(**OPTIONS)
def derivative(t, w, k, few, n, y, rates, dw):
    """dw/dt; while cells are counted their state stands still, and the last place is the hazard."""
    natural(w, y)
    slopes(t, y, k, dw)
    dw[N] = 0.0
    if few:
        dw[OWN] = 0.0
        if n > 0:
            per_cell(t, y, k, rates)
            dw[N] = n * (rates[0] + rates[1])


@njit(**OPTIONS)
def step(t, h, w, k, few, n, s, new, y, rates, rtol):
    """One step of Dormand and Prince from slope s[0]: the state after it; its error norm."""
    u = s[7]
    for i in range(N + 1):
        u[i] = w[i] + h * (0.2 * s[0, i])
    derivative(t + 0.2 * h, u, k, few, n, y, rates, s[1])
    for i in range(N + 1):
        u[i] = w[i] + h * (3.0 / 40.0 * s[0, i] + 9.0 / 40.0 * s[1, i])
    derivative(t + 0.3 * h, u, k, few, n, y, rates, s[2])
    for i in range(N + 1):
        u[i] = w[i] + h * (44.0 / 45.0 * s[0, i] - 56.0 / 15.0 * s[1, i] + 32.0 / 9.0 * s[2, i])
    derivative(t + 0.8 * h, u, k, few, n, y, rates, s[3])
    for i in range(N + 1):
        u[i] = w[i] + h * (
            19372.0 / 6561.0 * s[0, i] - 25360.0 / 2187.0 * s[1, i]
            + 64448.0 / 6561.0 * s[2, i] - 212.0 / 729.0 * s[3, i]
        )
    derivative(t + 8.0 / 9.0 * h, u, k, few, n, y, rates, s[4])
    for i in range(N + 1):
        u[i] = w[i] + h * (
            9017.0 / 3168.0 * s[0, i] - 355.0 / 33.0 * s[1, i] + 46732.0 / 5247.0 * s[2, i]
            + 49.0 / 176.0 * s[3, i] - 5103.0 / 18656.0 * s[4, i]
        )
    derivative(t + h, u, k, few, n, y, rates, s[5])
    for i in range(N + 1):
        new[i] = w[i] + h * (
            35.0 / 384.0 * s[0, i] + 500.0 / 1113.0 * s[2, i] + 125.0 / 192.0 * s[3, i]
            - 2187.0 / 6784.0 * s[4, i] + 11.0 / 84.0 * s[5, i]
        )
    derivative(t + h, new, k, few, n, y, rates, s[6])
    worst = 0.0
    for i in range(N + 1):
        if few and i == OWN:
            continue
        error = h * (
            71.0 / 57600.0 * s[0, i] - 71.0 / 16695.0 * s[2, i] + 71.0 / 1920.0 * s[3, i]
            - 17253.0 / 339200.0 * s[4, i] + 22.0 / 525.0 * s[5, i] - 1.0 / 40.0 * s[6, i]
        )
        if i == N or LOG[i]:
            size = rtol
        else:
            size = ATOL[i] + rtol * max(abs(w[i]), abs(new[i]))
        worst = max(worst, abs(error) / size)
        if not math.isfinite(new[i]):
            worst = np.inf
    return worst


@njit(**OPTIONS)
def reach(level, i, t, h, w, k, few, n, s, new, y, rates, rtol):
    """The part of a step at which component i meets a level; ``new`` is the state there."""
    low, high = 0.0, 1.0
    below, above = w[i] - level, new[i] - level
    part = 1.0
    for trial in range(60):
        part = low - below * (high - low) / (above - below)
        step(t, part * h, w, k, few, n, s, new, y, rates, rtol)
        off = new[i] - level
        if abs(off) <= 1e-10 or high - low <= 1e-14:
            break
        if (off < 0.0) == (below < 0.0):
            low, below = part, off
            above = 0.5 * above if trial > 2 else above
        else:
            high, above = part, off
            below = 0.5 * below if trial > 2 else below
    return part


@njit(**OPTIONS)
def record(row, last, until, times, w, y, k, states, observed, o):
    """States and observables on the days up to a time."""
    while row < last and times[row] <= until:
        natural(w, y)
        observe(y, k, o)
        for i in range(N):
            states[row, i] = y[i]
        for i in range(N_OBSERVED):
            observed[row, i] = o[i]
        row += 1
    return row


@njit(**OPTIONS)
def simulate_one(
    c, inf_time, inf_cells, times, threshold, progression, assessed, rtol, max_steps, stream,
    states, observed, days,
):
    """One patient. Fills states and observed (time, .) and days: extinct, progressed, first few.

    Above ``threshold`` cells the state is deterministic, from it down they are counted; they are
    counted until there are more than twice as many and births exceed deaths.
    """
    k = np.zeros(N_MEMORY)
    w, new, dw = np.zeros(N + 1), np.zeros(N + 1), np.zeros(N + 1)
    y, o, rates, one = np.zeros(N), np.zeros(N_OBSERVED), np.zeros(2), np.zeros(1)
    s = np.zeros((8, N + 1))
    tau = np.zeros(N_SWITCHES + 1)
    rows, infusions = len(times), len(inf_time)
    prepare(c, k)
    switch_times(k, tau)
    for f in range(N_SWITCHES):
        if math.isnan(tau[f]):
            return NOT_FINITE
        k[FIRST_FLAG + f] = 1.0 if tau[f] <= 0.0 else 0.0
    segment(k)
    cells_of(k, one)
    cells = one[0]
    initial(k, y)
    infusion = 0
    while infusion < infusions and inf_time[infusion] <= 0.0:
        infuse(inf_cells[infusion], k, y)
        infusion += 1
    scaled(y, w)
    for i in range(N):
        if not math.isfinite(w[i]):
            return NOT_FINITE
    enter = math.log(threshold / cells)
    worse = w[OWN] + math.log(progression)
    few, n, target = False, 0, 0.0
    if w[OWN] <= enter:
        # The nearest whole numbers, by chance, so that the mean is kept.
        few, n, target = True, int(y[OWN] * cells + uniform(stream)), -math.log1p(-uniform(stream))
        w[OWN] = math.log(n / cells) if n > 0 else -np.inf
        days[2] = 0.0
        if n == 0:
            days[0] = 0.0
    t, h, count = 0.0, 0.0, 0
    row = record(0, rows, 0.0, times, w, y, k, states, observed, o)
    fresh = True
    while row < rows:
        count += 1
        if count > max_steps:
            return TOO_MANY_STEPS
        stop, event = times[row], -1
        for f in range(N_SWITCHES):
            if k[FIRST_FLAG + f] == 0.0 and tau[f] < stop:
                stop, event = tau[f], f
        if infusion < infusions and inf_time[infusion] < stop:
            stop, event = inf_time[infusion], N_SWITCHES
        if assessed > t and assessed < stop:
            stop, event = assessed, N_SWITCHES + 1
        if fresh:
            derivative(t, w, k, few, n, y, rates, s[0])
            slope = 1e-12
            for i in range(N + 1):
                size = 1.0 if i == N or LOG[i] else ATOL[i] / rtol + abs(w[i])
                slope = max(slope, abs(s[0, i]) / size)
            if not math.isfinite(slope):
                return NOT_FINITE
            h = max(h, 0.5 * rtol ** 0.2 / slope)
            fresh = False
        length = min(h, stop - t)
        if few and s[0, N] > 0.0:
            length = min(length, 1.05 * (target - w[N]) / s[0, N])
        error = step(t, length, w, k, few, n, s, new, y, rates, rtol)
        if not error <= 1.0:
            h = length * (0.2 if not error < 1e10 else max(0.2, 0.9 * error ** -0.2))
            if h < 1e-14 * max(1.0, t):
                return STEP_TOO_SMALL if error < np.inf else NOT_FINITE
            continue
        grown = length * min(5.0, 0.9 * max(error, 1e-10) ** -0.2)
        h = grown if length == h else max(h, grown)
        if not few:
            if new[OWN] <= enter and w[OWN] > enter:
                t += length * reach(enter, OWN, t, length, w, k, few, n, s, new, y, rates, rtol)
                for i in range(N + 1):
                    w[i] = new[i]
                few, n, fresh = True, int(threshold), True
                w[OWN], w[N] = math.log(n / cells), 0.0
                target = -math.log1p(-uniform(stream))
                if math.isnan(days[2]):
                    days[2] = t
                continue
            if math.isnan(days[1]) and t >= assessed and new[OWN] >= worse:
                days[1] = t
                if w[OWN] < worse:
                    end = new.copy()
                    days[1] += length * reach(
                        worse, OWN, t, length, w, k, few, n, s, new, y, rates, rtol
                    )
                    new[:] = end
                    derivative(t + length, new, k, few, n, y, rates, s[6])
        elif new[N] >= target:
            if new[N] > target:
                length *= reach(target, N, t, length, w, k, few, n, s, new, y, rates, rtol)
            t += length
            natural(new, y)
            per_cell(t, y, k, rates)
            n += 1 if uniform(stream) * (rates[0] + rates[1]) < rates[0] else -1
            for i in range(N + 1):
                w[i] = new[i]
            w[N], target, fresh = 0.0, -math.log1p(-uniform(stream)), True
            w[OWN] = math.log(n / cells) if n > 0 else -np.inf
            if n == 0:
                days[0] = t
            elif n > 2.0 * threshold and rates[0] > rates[1]:
                few = False
            continue
        t = stop if length == stop - t else t + length
        for i in range(N + 1):
            w[i] = new[i]
            s[0, i] = s[6, i]
        if t < stop:
            continue
        if event < 0:
            row = record(row, rows, t, times, w, y, k, states, observed, o)
        elif event < N_SWITCHES:
            k[FIRST_FLAG + event] = 1.0
            segment(k)
            fresh = True
        elif event == N_SWITCHES:
            natural(w, y)
            infuse(inf_cells[infusion], k, y)
            infusion += 1
            own = w[OWN]
            scaled(y, w)
            w[OWN] = own
            fresh = True
    return OK


@njit(**OPTIONS)
def simulate_all(
    const, inf_start, inf_time, inf_cells, times, threshold, progression, assessed, rtol,
    max_steps, streams, states, observed, days, status,
):
    """Every patient: states and observed (patient, time, .), days (patient, 3), status."""
    for p in range(len(const)):
        first, last = inf_start[p], inf_start[p + 1]
        status[p] = simulate_one(
            const[p], inf_time[first:last], inf_cells[first:last], times, threshold, progression,
            assessed, rtol, max_steps, streams[p], states[p], observed[p], days[p],
        )
        if status[p] != OK:
            states[p, :, :] = np.nan
            observed[p, :, :] = np.nan
            days[p, :] = np.nan
'''

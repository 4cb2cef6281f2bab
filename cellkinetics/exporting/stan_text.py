"""The fixed text of a Stan program: densities of readings, and the way through switches.

The codes of error families and kinds of readings are those of :mod:`cellkinetics.density`.
"""

DENSITY = """
  // Log of P(Z < z) of a standard normal. Stan's own has a gradient that is right to 5 digits;
  // that of Phi is exact, but far out Phi is 0, and the asymptotic series takes over.
  real below_normal(real z) {
    if (z > -30) {
      return log(Phi(z));
    } else {
      real u = inv_square(z);
      return std_normal_lpdf(z |) - log(-z) + log1p(u * (-1 + u * (3 + u * (-15 + 105 * u))));
    }
  }
  // Log of P(Y < x) and P(Y > x) for Y around a location: Student-t (family 1) or normal.
  real below(real x, int family, real nu, real location, real scale) {
    return family == 1 ? student_t_lcdf(x | nu, location, scale)
                       : below_normal((x - location) / scale);
  }
  real above(real x, int family, real nu, real location, real scale) {
    return family == 1 ? student_t_lccdf(x | nu, location, scale)
                       : below_normal((location - x) / scale);
  }
  // Log density of one reading. family 0 and 1: x is log y, f its location; 2: x is y, and its SD
  // is sqrt(a^2 + (b f)^2). kind 0: read as x; 1: below high; 2: above low; 3: between them.
  // conditional: the reading was kept because it is above floor.
  real log_reading(int family, int kind, real x, real low, real high, int conditional,
                   real floor_, real nu, real f, real a, real b) {
    real scale = family == 2 ? hypot(a, b * f) : a;
    real lp;
    if (f == negative_infinity())  // nothing is there to read
      return kind == 1 && !conditional ? 0.0 : negative_infinity();
    if (kind == 0)
      lp = family == 1 ? student_t_lpdf(x | nu, f, scale) : normal_lpdf(x | f, scale);
    else if (kind == 1)
      lp = below(high, family, nu, f, scale);
    else if (kind == 2)
      lp = above(low, family, nu, f, scale);
    else if (low > f)  // in the tail that is small, so that nothing cancels
      lp = log_diff_exp(above(low, family, nu, f, scale), above(high, family, nu, f, scale));
    else
      lp = log_diff_exp(below(high, family, nu, f, scale), below(low, family, nu, f, scale));
    return conditional ? lp - above(floor_, family, nu, f, scale) : lp;
  }
  // The same from a row's entries: a and b are places in error, 0 for none.
  real reading_of_row(int family, int kind, real x, real low, real high, int conditional,
                      real floor_, real nu, real pred, int is_log, int a, int b, vector error) {
    real sd_a = a > 0 ? error[a] : 0.0;
    real sd_b = b > 0 ? error[b] : 0.0;
    real f = pred;
    if (family == 2 && is_log)
      f = exp(pred);
    else if (family < 2 && !is_log)
      f = pred > 0 ? log(pred) : negative_infinity();
    return log_reading(family, kind, x, low, high, conditional, floor_, nu, f, sd_a, sd_b);
  }
"""

# What differs: how many states and switches there are, and the solver.
SOLVE = """
  // States at a subject's times, in order. What lies at the time of a switch or an infusion
  // belongs to the time before it; at time 0 infusions and switches come first.
  array[] vector solve(data array[] real time, data array[] real infusion_time,
                       data array[] real infusion_cells, vector theta, vector known,
                       data real rtol, data real atol, data int max_steps) {
    int n = size(time);
    array[n] vector[@STATES@] out;
    array[@SWITCHES@] real tau = switch_times(theta, known);
    array[@SWITCHES@] int after;
    vector[@STATES@] y = initial(theta, known);
    vector[@STATES@] z;
    real t = 0.0;
    int row = 1;
    int next = 1;
    for (f in 1 : @SWITCHES@) {
      if (is_nan(tau[f]))
        reject("the time of switch ", f, " is not a number");
      after[f] = tau[f] <= 0;
    }
    while (next <= size(infusion_time) && infusion_time[next] <= 0) {
      y += infusion(infusion_cells[next], theta, known);
      next += 1;
    }
    z = to_scale(y);
    while (row <= n && time[row] <= 0) {
      out[row] = z;
      row += 1;
    }
    while (row <= n) {
      // Up to the next switch or infusion, or to the last time.
      real stop = time[n];
      int event = 0;
      int inside = 0;
      for (f in 1 : @SWITCHES@) {
        if (!after[f] && tau[f] < stop) {
          stop = tau[f];
          event = f;
        }
      }
      if (next <= size(infusion_time) && infusion_time[next] < stop) {
        stop = infusion_time[next];
        event = @SWITCHES@ + 1;
      }
      while (row + inside <= n && time[row + inside] < stop)
        inside += 1;
      if (stop > t) {
        array[inside + 1] real ts;
        array[inside + 1] vector[@STATES@] path;
        for (i in 1 : inside)
          ts[i] = time[row + i - 1];
        ts[inside + 1] = stop;
        path = @SOLVER@(rates, z, t, ts, rtol, atol, max_steps, theta, known, after);
        for (i in 1 : inside)
          out[row + i - 1] = path[i];
        row += inside;
        z = path[inside + 1];
        t = stop;
        while (row <= n && time[row] == stop) {
          out[row] = z;
          row += 1;
        }
      }
      if (event > @SWITCHES@) {
        z = infused(z, infusion_cells[next], theta, known);
        next += 1;
      } else if (event > 0) {
        after[event] = 1;
      }
    }
    return out;
  }
"""

CLOSED = """
  // States at one time by the closed form; a switch acts on later times only.
  vector states(real t, vector theta, vector known) {
    array[@SWITCHES@] real tau = switch_times(theta, known);
    array[@SWITCHES@] int after;
    for (f in 1 : @SWITCHES@)
      after[f] = tau[f] < t;
    return states_at(t, theta, known, after);
  }
"""

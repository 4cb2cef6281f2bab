// The five-state benchmark problem on the log scale z = log y.
functions {
  vector rates(real t, vector z, vector p, vector susceptibility, real capacity) {
    vector[5] y = exp(z);
    real antigen = sum(y[3:5]);
    real growth = p[6] * (1 - antigen / capacity);
    real killing = p[7] * y[1] / (p[8] + y[1]);
    vector[5] dz;
    dz[1] = p[1] * antigen / (p[2] + antigen) - p[3] - p[4];
    dz[2] = p[4] * y[1] / y[2] - p[5];
    dz[3:5] = growth - killing * susceptibility;
    return dz;
  }
  real reading_sum(array[] vector log_p, int first, int last, data vector initial, data array[] real times,
                   data matrix weights, data vector susceptibility, data real capacity,
                   data real floor_value,
                   data real rtol, data real atol, data int max_steps) {
    real total = 0;
    for (n in 1:size(log_p)) {
      array[size(times)] vector[5] z = ode_rk45_tol(rates, log(initial), 0, times, rtol, atol, max_steps,
                                                    exp(log_p[n]), susceptibility, capacity);
      for (i in 1:size(times))
        total += dot_product(weights[i], log(exp(z[i]) + floor_value));
    }
    return total;
  }
}
data {
  int<lower=1> subjects;
  int<lower=1> n_times;
  array[n_times] real times;
  vector[5] initial;
  vector[3] susceptibility;
  real capacity;
  real floor_value;
  matrix[n_times, 5] weights;
  real rtol;
  real atol;
  int max_steps;
  int<lower=0, upper=1> threaded;
}
parameters {
  array[subjects] vector[8] log_p;
}
model {
  if (threaded)
    target += reduce_sum(reading_sum, log_p, 1, initial, times, weights, susceptibility, capacity,
                         floor_value, rtol, atol, max_steps);
  else
    target += reading_sum(log_p, 1, subjects, initial, times, weights, susceptibility, capacity,
                          floor_value, rtol, atol, max_steps);
}
generated quantities {
  array[subjects, n_times] vector[5] reading;
  for (n in 1:subjects) {
    array[n_times] vector[5] z = ode_rk45_tol(rates, log(initial), 0, times, rtol, atol, max_steps,
                                              exp(log_p[n]), susceptibility, capacity);
    for (i in 1:n_times)
      reading[n, i] = log(exp(z[i]) + floor_value);
  }
}

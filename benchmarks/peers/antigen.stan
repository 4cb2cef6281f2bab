// Hierarchical antigen-driven ODE on the log scale: otherwise as stein.stan.
functions {
  // z = log of effector, memory and tumour cells.
  vector log_rates(real t, vector z, vector p) {
    vector[3] y = exp(z);
    vector[3] dz;
    dz[1] = p[1] * y[3] / (p[2] + y[3]) - p[3] - p[4];
    dz[2] = p[4] * y[1] / y[2] - p[5];
    dz[3] = p[6] * (1 - y[3] / p[11]) - p[7] * y[1] / (p[8] + y[1]);
    return dz;
  }
}
data {
  int<lower=1> n_subjects;
  int<lower=1> n_parameters;
  int<lower=1> n_varying;
  int<lower=1> n_analytes;
  array[n_varying] int<lower=1, upper=n_parameters> varying;
  int<lower=1> n_readings;
  array[n_readings] int<lower=1, upper=n_subjects> subject;
  array[n_readings] int<lower=1, upper=n_analytes> analyte;
  int<lower=1> n_grid;
  array[n_grid] real grid; // every subject's distinct times, 0 first
  array[n_subjects] int<lower=1> first; // where a subject's times begin and end in the grid
  array[n_subjects] int<lower=1> last;
  array[n_readings] int<lower=1, upper=n_grid> at; // the reading's place in the grid
  real log_memory_start;
  real tolerance;
  array[n_readings] real log_value;
  array[n_readings] int<lower=0, upper=1> censored;
  vector[n_parameters] mu_mean;
  vector[n_parameters] mu_sd;
  vector[n_varying] log_omega_mean;
  vector[n_varying] log_omega_sd;
  vector[n_analytes] log_sigma_mean;
  vector[n_analytes] log_sigma_sd;
}
parameters {
  vector[n_parameters] mu;
  vector[n_varying] log_omega;
  vector[n_analytes] log_sigma;
  array[n_subjects] vector[n_varying] eta;
}
model {
  vector[n_varying] omega = exp(log_omega);
  vector[n_analytes] sigma = exp(log_sigma);
  array[n_subjects] vector[n_parameters] phi = rep_array(mu, n_subjects);
  array[n_grid] vector[3] z;
  mu ~ normal(mu_mean, mu_sd);
  log_omega ~ normal(log_omega_mean, log_omega_sd);
  log_sigma ~ normal(log_sigma_mean, log_sigma_sd);
  for (i in 1:n_subjects) {
    eta[i] ~ std_normal();
    phi[i][varying] += omega .* eta[i];
    z[first[i]] = [phi[i][9], log_memory_start, phi[i][10]]';
    z[first[i] + 1 : last[i]] = ode_rk45_tol(log_rates, z[first[i]], 0, grid[first[i] + 1 : last[i]],
                                             tolerance, tolerance, 100000, exp(phi[i]));
  }
  for (r in 1:n_readings) {
    real log_f = analyte[r] == 1 ? log_sum_exp(z[at[r]][1], z[at[r]][2]) : z[at[r]][3];
    if (censored[r])
      target += normal_lcdf(log_value[r] | log_f, sigma[analyte[r]]);
    else
      target += normal_lpdf(log_value[r] | log_f, sigma[analyte[r]]);
  }
}

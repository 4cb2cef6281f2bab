// Hierarchical Stein 2019 closed form: non-centred subjects, log-normal readings, left censoring.
functions {
  real log_level(real t, vector phi) {
    real t_max = exp(phi[2]);
    real past = t - t_max;
    if (past < 0)
      return phi[3] + phi[1] * past / t_max;
    return phi[3] + log_sum_exp(log_inv_logit(-phi[5]) - exp(phi[4]) * past,
                                log_inv_logit(phi[5]) - exp(phi[6]) * past);
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
  array[n_readings] real time;
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
  mu ~ normal(mu_mean, mu_sd);
  log_omega ~ normal(log_omega_mean, log_omega_sd);
  log_sigma ~ normal(log_sigma_mean, log_sigma_sd);
  for (i in 1:n_subjects) {
    eta[i] ~ std_normal();
    phi[i][varying] += omega .* eta[i];
  }
  for (r in 1:n_readings) {
    real log_f = log_level(time[r], phi[subject[r]]);
    if (censored[r])
      target += normal_lcdf(log_value[r] | log_f, sigma[analyte[r]]);
    else
      target += normal_lpdf(log_value[r] | log_f, sigma[analyte[r]]);
  }
}

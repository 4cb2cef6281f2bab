"""The blocks of a Stan program but for its functions: what is known, what is sampled, and how."""

from collections.abc import Iterable
from typing import Any

from cellkinetics.exporting.stan_classes import (
    copies_of,
    data_lines,
    density_lines,
    generated_lines,
    parameter_lines,
    prior_lines,
    shift_lines,
)
from cellkinetics.exporting.stan_code import comment
from cellkinetics.joint import Joint


def data_block(joint: Joint) -> str:
    """What the program asks of its data; ``stan_data`` gives it."""
    obs, population = joint.observations, joint.population
    p, c = len(population.typical), len(joint.kernel.constants)
    e, v = len(joint.estimated), len(population.omega)
    lines = [
        "int<lower=1> n_subjects;",
        "int<lower=1> n_rows;",
        f"vector[{e}] mu_mean;{named(joint.estimated)}",
        f"vector<lower=0>[{e}] mu_sd;",
        f"vector[{p}] fixed;  // typical values that are not estimated, transformed scale",
        f"array[{e}] int<lower=1, upper={p}> estimated;",
        f"array[n_subjects] vector[{c}] known;{comment(', '.join(joint.kernel.constants))}",
    ]
    if v:
        lines += [
            f"vector<lower=0>[{v}] omega_median;{named(population.omega)}",
            f"vector<lower=0>[{v}] omega_log_sd;",
        ]
    if len(population.correlated) > 1:
        lines.append("real<lower=0> lkj;")
    if population.effects:
        n = len(population.effects)
        lines += [
            f"vector[{n}] effect_mean;{named(population.effects)}",
            f"vector<lower=0>[{n}] effect_sd;",
            f"array[{n}] int<lower=1, upper={p}> effect_on;",
            f"matrix[n_subjects, {n}] covariates;",
        ]
    if population.classes:
        lines += data_lines(joint, population.classes)
    n = len(obs.errors)
    lines += [
        f"vector<lower=0>[{n}] error_median;{named(obs.errors)}",
        f"vector<lower=0>[{n}] error_log_sd;",
    ]
    if obs.calibrations:
        n = len(obs.calibrations)
        lines += [
            f"vector<lower=0>[{n}] calibration_median;{named(obs.calibrations)}",
            f"vector<lower=0>[{n}] calibration_log_sd;",
            f"array[n_rows] int<lower=0, upper={n}> row_calibration;",
        ]
        if _varying(joint):
            lines += [
                "real<lower=0> omega_calibration_sd;",
                f"array[n_rows] int<lower=0, upper={_varying(joint)}> row_varying;",
            ]
    lines += [
        "array[n_rows] int<lower=1, upper=n_subjects> row_subject;",
        f"array[n_rows] int<lower=1, upper={len(joint.model.observables)}> row_observable;",
        "array[n_rows] int<lower=0, upper=1> row_is_log;  // is the observable predicted as a log?",
        "vector[n_rows] row_offset;  // log of the known factor from observable to assay",
        "array[n_rows] int<lower=0, upper=2> row_family;  // lognormal, Student-t of log, combined",
        "array[n_rows] int<lower=0, upper=3> row_kind;  // read, below high, above low, between",
        "vector[n_rows] row_value;  // on the scale of the error: log y, or y if combined",
        "vector[n_rows] row_low;",
        "vector[n_rows] row_high;",
        "array[n_rows] int<lower=0, upper=1> row_conditional;  // kept as above floor: M2, M4",
        "vector[n_rows] row_floor;",
        "vector<lower=0>[n_rows] row_nu;",
        f"array[n_rows] int<lower=0, upper={len(obs.errors)}> row_a;",
        f"array[n_rows] int<lower=0, upper={len(obs.errors)}> row_b;",
    ]
    if joint.kernel.closed:
        lines.append("array[n_rows] real row_time;  // days since the first infusion")
    else:
        lines += [
            "int<lower=1> n_grid;",
            "array[n_grid] real grid;  // each subject's distinct times, days",
            "array[n_subjects + 1] int<lower=1> grid_start;",
            "array[n_rows] int<lower=1, upper=n_grid> row_place;",
            "int<lower=0> n_infusions;",
            "array[n_subjects + 1] int<lower=1> infusion_start;",
            "array[n_infusions] real infusion_time;",
            "array[n_infusions] real infusion_cells;",
            "real<lower=0> rtol;",
            "real<lower=0> atol;",
            "int<lower=1> max_steps;",
        ]
    return indented(lines)


def named(items: Iterable[Any]) -> str:
    """A comment that names the entries of a vector."""
    return comment(", ".join(q.name for q in items))


def _varying(joint: Joint) -> int:
    """How many calibration factors differ between subjects."""
    return sum(q.per_subject for q in joint.observations.calibrations)


def parameters_block(joint: Joint) -> str:
    """The random variables, named and shaped as in our ``pm.Model``."""
    obs, population = joint.observations, joint.population
    n, m = len(joint.noncentred), len(joint.centred)
    lines = [f"vector[{len(joint.estimated)}] mu;  // typical values, transformed scale"]
    if n + m:
        lines.append(f"vector<lower=0>[{n + m}] omega;  // between-subject SDs")
    if n:
        own = ", ".join(joint.noncentred)
        lines.append(f"matrix[n_subjects, {n}] eta;  // standardised deviations: {own}")
    if m:
        own = ", ".join(joint.centred)
        lines.append(f"matrix[n_subjects, {m}] phi_centred;  // individual parameters: {own}")
    if len(population.correlated) > 1:
        lines.append(f"cholesky_factor_corr[{len(population.correlated)}] correlation_root;")
    lines.append(f"vector<lower=0>[{len(obs.errors)}] error;")
    if population.effects:
        lines.append(f"vector[{len(population.effects)}] effect;")
    if obs.calibrations:
        lines.append(f"vector[{len(obs.calibrations)}] log_calibration;")
    if _varying(joint):
        lines.append(f"vector<lower=0>[{_varying(joint)}] omega_calibration;")
        lines.append(f"matrix[n_subjects, {_varying(joint)}] eta_calibration;")
    if population.classes:
        lines += parameter_lines(population.classes)
    return indented(lines)


def transformed_block(joint: Joint) -> str:
    """Individual parameters, and what each reading should be."""
    population = joint.population
    n, m, p = len(joint.noncentred), len(joint.centred), len(population.typical)
    k = len(population.correlated)
    each = ["centre[i] = typical;"]
    if population.effects:
        each += [
            f"for (e in 1 : {len(population.effects)})",
            "  centre[i][effect_on[e]] += covariates[i, e] * effect[e];",
        ]
    each.append("phi[i] = centre[i];")
    if n:
        each.append("{")
        each.append(f"  vector[{n}] deviation = eta[i]';")
        if k > 1:
            each.append(f"  deviation[1 : {k}] = correlation_root * deviation[1 : {k}];")
        each.append(f"  phi[i][1 : {n}] += omega[1 : {n}] .* deviation;")
        each.append("}")
    if m:
        each.append(f"phi[i][{n + 1} : {n + m}] = phi_centred[i]';")
    states = len(joint.model.states)
    if joint.kernel.closed:
        predict = [
            "int i = row_subject[r];",
            f"vector[{p}] theta = natural(phi[i]);",
            "// What was read before the infusion is taken at its start.",
            f"vector[{states}] z = states(fmax(row_time[r], 0.0), theta, known[i]);",
            "real f = observed(row_observable[r], z, theta, known[i]);",
        ]
        solve: list[str] = []
    else:
        solve = [
            f"array[n_grid] vector[{states}] z;",
            "for (i in 1 : n_subjects) {",
            "  int first = grid_start[i];",
            "  int last = grid_start[i + 1] - 1;",
            "  int dose = infusion_start[i];",
            "  int doses = infusion_start[i + 1] - 1;",
            "  z[first : last] = solve(grid[first : last], infusion_time[dose : doses],",
            "                          infusion_cells[dose : doses], natural(phi[i]), known[i],",
            "                          rtol, atol, max_steps);",
            "}",
        ]
        predict = [
            "int i = row_subject[r];",
            "real f = observed(row_observable[r], z[row_place[r]], natural(phi[i]), known[i]);",
        ]
    predict.append("real factor = row_offset[r];")
    if joint.observations.calibrations:
        predict += [
            "if (row_calibration[r] > 0)",
            "  factor += log_calibration[row_calibration[r]];",
        ]
    if _varying(joint):
        predict += [
            "if (row_varying[r] > 0)",
            "  factor += omega_calibration[row_varying[r]] * eta_calibration[i, row_varying[r]];",
        ]
    predict.append("pred[r] = row_is_log[r] ? f + factor : f * exp(factor);")
    path = [*solve, "for (r in 1 : n_rows) {", *(f"  {line}" for line in predict), "}"]
    known = [
        f"vector[{p}] typical = fixed;",
        "typical[estimated] = mu;",
        "for (i in 1 : n_subjects) {",
        *(f"  {line}" for line in each),
        "}",
    ]
    lines = [
        f"array[n_subjects] vector[{p}] centre;  // typical values of each subject",
        f"array[n_subjects] vector[{p}] phi;{named(population.typical)}",
    ]
    told = "what each row's assay should read: a log where row_is_log"
    classes = population.classes
    if classes is None:
        lines += [f"vector[n_rows] pred;  // {told}", *_within(known), *_within(path)]
        return indented(lines)
    own = [line.replace("phi[i]", "own[i]").replace("pred[r]", "pred[k][r]") for line in path]
    lines += [
        f"array[{len(classes.names)}] vector[{p}] class_shift;  // typical values less the first's",
        f"array[{copies_of(joint)}] vector[n_rows] pred;  // {told}, by class where that matters",
        f"array[n_subjects] vector[{len(classes.names)}] class_density;",
        f"class_shift = rep_array(rep_vector(0.0, {p}), {len(classes.names)});",
        *_within([*known, *shift_lines(classes)]),
        f"for (k in 1 : {copies_of(joint)}) {{",
        f"  array[n_subjects] vector[{p}] own = phi;",
        "  for (i in 1 : n_subjects)",
        "    own[i] += class_alike .* class_shift[k];",
        *(f"  {line}" for line in own),
        "}",
        *density_lines(joint, classes, _CALL),
    ]
    return indented(lines)


def _within(lines: list[str]) -> list[str]:
    return ["{", *(f"  {line}" for line in lines), "}"]


def model_block(joint: Joint) -> str:
    """Priors and likelihood."""
    obs, population = joint.observations, joint.population
    n, m = len(joint.noncentred), len(joint.centred)
    lines = ["mu ~ normal(mu_mean, mu_sd);"]
    if n + m:
        lines.append("omega ~ lognormal(log(omega_median), omega_log_sd);")
    if n:
        lines.append("to_vector(eta) ~ std_normal();")
    if m and population.classes is None:
        lines += [
            "for (i in 1 : n_subjects)",
            f"  phi_centred[i]' ~ normal(centre[i][{n + 1} : {n + m}], omega[{n + 1} : {n + m}]);",
        ]
    if len(population.correlated) > 1:
        lines.append("correlation_root ~ lkj_corr_cholesky(lkj);")
    lines.append("error ~ lognormal(log(error_median), error_log_sd);")
    if population.effects:
        lines.append("effect ~ normal(effect_mean, effect_sd);")
    if obs.calibrations:
        lines.append("log_calibration ~ normal(log(calibration_median), calibration_log_sd);")
    if _varying(joint):
        lines.append("omega_calibration ~ normal(0, omega_calibration_sd);")
        lines.append("to_vector(eta_calibration) ~ std_normal();")
    if population.classes:
        lines += prior_lines(population.classes)
    else:
        lines += ["for (r in 1 : n_rows)", f"  target += {_CALL};"]
    return indented(lines)


_CALL = (
    "reading_of_row(row_family[r], row_kind[r], row_value[r], row_low[r], row_high[r],\n"
    "                             row_conditional[r], row_floor[r], row_nu[r], pred[r],\n"
    "                             row_is_log[r], row_a[r], row_b[r], error)"
)


def generated_block(joint: Joint) -> str:
    """Individual parameters on the natural scale, and the log likelihood of each row.

    With classes: the probabilities of each subject to belong to them. Individual parameters are
    then those of the first class, where subjects of a class do not differ.
    """
    classes = joint.population.classes
    declared = [
        f"array[n_subjects] vector[{len(joint.population.names)}] theta;"
        f"  // natural scale: {', '.join(joint.population.names)}"
    ]
    if classes:
        first, *others = generated_lines(classes)
        return indented([*declared, first, *_THETA, *others])
    return indented(
        [
            *declared,
            "vector[n_rows] log_lik;  // of the reading y, not of log y",
            *_THETA,
            "for (r in 1 : n_rows) {",
            f"  log_lik[r] = {_CALL};",
            "  if (row_kind[r] == 0 && row_family[r] < 2)",
            "    log_lik[r] -= row_value[r];",
            "}",
        ]
    )


_THETA = ["for (i in 1 : n_subjects)", "  theta[i] = natural(phi[i]);"]


def indented(lines: list[str]) -> str:
    """Lines of a block."""
    return "\n".join(f"  {line}" for line in lines)

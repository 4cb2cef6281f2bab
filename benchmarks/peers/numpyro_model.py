"""The two posteriors as NumPyro models."""

from collections.abc import Callable
from functools import partial
from typing import Any

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from jax.scipy.special import log_ndtr
from numpyro.distributions import Normal

from posterior import MEMORY_START, ODE_TOLERANCE, Posterior


def model(posterior: Posterior, log_predictions: Callable[[jax.Array], jax.Array]) -> None:
    """Joint density: normal priors, non-centred subjects, log-normal readings, left censoring."""
    draws = {
        name: numpyro.sample(name, Normal(mean, sd).to_event())
        for name, (mean, sd) in posterior.prior().items()
    }
    deviations = jnp.exp(draws["log_omega"]) * draws["eta"]
    typical = jnp.broadcast_to(draws["mu"], (len(posterior.subjects), draws["mu"].size))
    phi = typical.at[:, np.array(posterior.varying)].add(deviations)
    log_f = log_predictions(phi)
    sd = jnp.exp(draws["log_sigma"])[posterior.analyte]
    z = (posterior.log_value - log_f) / sd
    # NumPyro first runs the model at random prior draws, where a solve may fail: no complaint then.
    seen = Normal(log_f, sd, validate_args=False).log_prob(posterior.log_value)
    numpyro.factor("readings", jnp.sum(jnp.where(posterior.censored, log_ndtr(z), seen)))


def stein(posterior: Posterior) -> Callable[[jax.Array], jax.Array]:
    """Log of Stein's closed form at every reading, as a function of phi (subject, parameter)."""

    def predictions(phi: jax.Array) -> jax.Array:
        log_fold, log_t_max, log_c_max, log_alpha, logit_fb, log_beta = phi[posterior.subject].T
        after = posterior.time - jnp.exp(log_t_max)
        rising = log_c_max + log_fold * after / jnp.exp(log_t_max)
        falling = log_c_max + jnp.logaddexp(
            jax.nn.log_sigmoid(-logit_fb) - jnp.exp(log_alpha) * after,
            jax.nn.log_sigmoid(logit_fb) - jnp.exp(log_beta) * after,
        )
        return jnp.where(after < 0, rising, falling)

    return predictions


def antigen_log_rates(t: Any, z: jax.Array, phi: jax.Array) -> jax.Array:
    """dz/dt of the log of effector, memory and tumour cells."""
    rho, half_antigen, alpha, k, beta, g, kill, half_effector = jnp.exp(phi[:8])
    effector, memory, tumour = jnp.exp(z)
    return jnp.stack(
        [
            rho * tumour / (half_antigen + tumour) - alpha - k,
            k * effector / memory - beta,
            g * (1 - tumour / jnp.exp(phi[10])) - kill * effector / (half_effector + effector),
        ]
    )


def antigen_start(phi: jax.Array) -> jax.Array:
    """Log states at time 0."""
    return jnp.stack([phi[8], jnp.asarray(np.log(MEMORY_START)), phi[9]])


def solve(rates: Any, start: Any, times: jax.Array, phi: jax.Array, adjoint: Any) -> Any:
    """Solution of one subject at its own times, at the benchmark's tolerance."""
    return dfx.diffeqsolve(
        dfx.ODETerm(rates),
        dfx.Tsit5(),
        t0=0.0,
        t1=times[-1],
        dt0=0.1,
        y0=start,
        args=phi,
        saveat=dfx.SaveAt(ts=times),
        stepsize_controller=dfx.PIDController(rtol=ODE_TOLERANCE, atol=ODE_TOLERANCE),
        adjoint=adjoint,
        max_steps=4096,
        throw=False,
    ).ys


def log_states_user(times: jax.Array, phi: jax.Array) -> jax.Array:
    """Log states (subject, time, state): vmap, differentiated in reverse by diffrax's default."""
    adjoint = dfx.RecursiveCheckpointAdjoint()
    return jax.vmap(lambda t, p: solve(antigen_log_rates, antigen_start(p), t, p, adjoint))(
        times, phi
    )


def log_states_best(times: jax.Array, phi: jax.Array) -> jax.Array:
    """As `log_states_user`, by variational equations in the error norm, subject after subject."""

    def rates(t: Any, state: Any, p: jax.Array) -> Any:
        z, s = state

        def along(column: jax.Array, direction: jax.Array) -> Any:
            return jax.jvp(partial(antigen_log_rates, t), (z, p), (column, direction))

        return jax.vmap(along, in_axes=(1, 0), out_axes=(None, 1))(s, jnp.eye(p.size))

    def subject(both: Any) -> Any:
        t, p = both
        start = (antigen_start(p), jax.jacfwd(antigen_start)(p))
        return solve(rates, start, t, p, dfx.ForwardMode())

    z, s = jax.lax.map(subject, jax.lax.stop_gradient((times, phi)))
    # Value z, derivative s: reverse mode sees a linear function and needs no second solve.
    return z + jnp.einsum("ntij,nj->nti", s, phi - jax.lax.stop_gradient(phi))


def antigen(
    posterior: Posterior, log_states: Callable[..., jax.Array]
) -> Callable[[jax.Array], jax.Array]:
    """Log predictions at every reading by solving the ODE; ragged times padded with the last."""
    sizes = np.diff(posterior.starts)
    padded = np.minimum(np.arange(sizes.max()), sizes[:, None] - 1) + posterior.starts[:-1, None]
    times = jnp.asarray(posterior.grid[padded])
    column = posterior.at - posterior.starts[posterior.subject]

    def predictions(phi: jax.Array) -> jax.Array:
        z = log_states(times, phi)[posterior.subject, column]
        return jnp.where(posterior.analyte == 0, jnp.logaddexp(z[:, 0], z[:, 1]), z[:, 2])

    return predictions

"""Study, model, population and observation joined: what a posterior is made of, without PyMC."""

from dataclasses import dataclass, replace

import numpy as np

from cellkinetics.declare import Model
from cellkinetics.joint.centring import centred_parameters
from cellkinetics.kernel.compiled import Kernel, build_kernel
from cellkinetics.kernel.layout import Dosing, Floats, Rows
from cellkinetics.observation import (
    Observations,
    covariate_table,
    dosing_of,
    kernel_constants,
    observe_study,
)
from cellkinetics.population import Omega, Population, Typical, make_population
from cellkinetics.spec import FitSpec
from cellkinetics.study.study import Study


@dataclass(frozen=True)
class Joint:
    """What a posterior is made of, before any random variable: data, kernel, priors.

    The kernel's parameters are ordered non-centred (correlated ones first), then centred, then
    without between-subject variability, so that the graph only has to join three blocks.
    """

    study: Study
    model: Model
    spec: FitSpec
    population: Population
    observations: Observations
    kernel: Kernel
    dosing: Dosing
    constants: Floats
    noncentred: tuple[str, ...]
    centred: tuple[str, ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subjects with at least one row, in the order of the study."""
        return self.observations.subjects

    def omega(self, name: str) -> Omega:
        """Prior of the between-subject SD of a parameter."""
        return next(q for q in self.population.omega if q.name == name)

    def unit(self, declared: str) -> str:
        """Unit in which a quantity of the model comes out in this fit.

        An assay that is the only one of its observable and cannot be converted is taken as it is:
        whatever the model declares in the observable's unit is then in the assay's.
        """
        units = {q.name: q.unit for q in self.model.observables}
        for analyte in self.observations.analytes:
            if analyte.defines_unit and units[analyte.observable] == declared:
                return analyte.unit
        return declared

    @property
    def alike_in_a_class(self) -> tuple[int, ...]:
        """Positions of parameters that differ between classes of patients but not within one."""
        classes = self.population.classes
        names = classes.names_own if classes else ()
        return tuple(
            self.population.names.index(name) for name in names if name not in self.centred
        )

    @property
    def estimated(self) -> tuple[Typical, ...]:
        """Typical values that are estimated, in the kernel's order."""
        return tuple(q for q in self.population.typical if q.sd > 0)


def join(study: Study, model: Model, spec: FitSpec) -> Joint:
    """Put a fit together: rows, priors, kernel.

    Parameters
    ----------
    study : Study
    model : Model
    spec : FitSpec

    Returns
    -------
    Joint

    Raises
    ------
    SpecError, StudyError, ModelError
    """
    observations = observe_study(study, model, spec)
    covariates = covariate_table(study, observations.subjects)
    population = make_population(model, spec, covariates)
    kernel = build_kernel(model, population.names, form=spec.kernel.form)
    dosing = dosing_of(study, model, observations.subjects)
    constants = kernel_constants(
        study, model, observations.subjects, kernel.constants, population.constants
    )
    draft = Joint(
        study=study,
        model=model,
        spec=spec,
        population=population,
        observations=observations,
        kernel=kernel,
        dosing=dosing,
        constants=constants,
        noncentred=(),
        centred=(),
    )
    typical = np.tile([q.loc for q in population.typical], (len(observations.subjects), 1))
    centred = centred_parameters(population, observations, *predict(draft, typical))
    free = [q.name for q in population.omega if q.name not in centred]
    noncentred = [*population.correlated, *(n for n in free if n not in population.correlated)]
    rest = [q.name for q in population.typical if q.name not in {*noncentred, *centred}]
    order = [*noncentred, *centred, *rest]
    ordered = replace(
        population,
        typical=tuple(sorted(population.typical, key=lambda q: order.index(q.name))),
        omega=tuple(sorted(population.omega, key=lambda q: order.index(q.name))),
    )
    kernel = build_kernel(model, tuple(order), form=spec.kernel.form)
    return replace(
        draft,
        population=ordered,
        kernel=kernel,
        noncentred=tuple(noncentred),
        centred=tuple(centred),
    )


def predict(joint: Joint, phi: Floats, *, rows: Rows | None = None) -> tuple[Floats, Floats]:
    """Predictions and their Jacobian at given individual parameters.

    Parameters
    ----------
    joint : Joint
    phi : float array (subject, parameter)      transformed, in the kernel's order
    rows : Rows, optional                       default: those of the likelihood

    Returns
    -------
    pred (row,), jac (row, parameter)           pred without link offset and calibration
    """
    out = joint.kernel(
        phi,
        joint.constants,
        joint.dosing,
        joint.observations.rows if rows is None else rows,
        rtol=joint.spec.kernel.rtol,
        max_steps=joint.spec.kernel.max_steps,
    )
    return out.pred, out.jac

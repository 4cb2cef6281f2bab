"""Every registered outcome measure of a trial, from a study's tables alone.

The function is called :func:`compute_endpoints`, because ``cellkinetics.endpoints`` is this
package.
"""

from cellkinetics.endpoints.options import EndpointsError, Options
from cellkinetics.endpoints.run import Endpoints, compute_endpoints
from cellkinetics.endpoints.write import write_endpoints

__all__ = ["Endpoints", "EndpointsError", "Options", "compute_endpoints", "write_endpoints"]

"""From a declared model to compiled code: predictions and their exact Jacobian."""

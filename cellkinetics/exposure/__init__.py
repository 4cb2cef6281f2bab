"""How much, how long: metrics of a concentration curve, from samples or from a posterior."""

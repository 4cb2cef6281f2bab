"""Log densities and gradients of a Stan program; run by the interpreter that has pystan.

Reads one request (JSON) from standard input: program, data, and points on the constrained scale,
each a dict by parameter name, with more points (moved) beside each of them. Answers with the names
of what the program writes and, for each point, log density (with the Jacobian of the transforms if
asked), gradient, unconstrained coordinates of the points beside it, and what the program writes.
"""

import asyncio
import json
import os
import subprocess
import sys

# Unoptimised: compiling is what takes the time here.
OPTIONS = ["-O0", "-std=c++17"]


def build(program: str) -> str:
    """Compile; httpstan gives Stan's compiler one second, which a busy machine may not have."""
    import httpstan.models

    run = subprocess.run
    subprocess.run = lambda *args, **more: run(*args, **{**more, "timeout": 300})
    try:
        return asyncio.run(httpstan.models.build_services_extension_module(program, OPTIONS))
    finally:
        subprocess.run = run


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # httpstan prints
    import httpstan.cache
    import httpstan.models

    request = json.load(sys.stdin)
    name = httpstan.models.calculate_model_name(request["program"])
    try:
        module = httpstan.models.import_services_extension_module(name)
    except KeyError:
        messages = build(request["program"])
        httpstan.cache.dump_services_extension_module_compiler_output(messages, name)
        httpstan.cache.dump_stanc_warnings("", name)
        module = httpstan.models.import_services_extension_module(name)
    data, found = request["data"], []
    for point, moved in zip(request["points"], request["moved"], strict=True):
        at = module.transform_inits(data, point)
        found.append(
            {
                "log_density": module.log_prob(data, at, request["jacobian"]),
                "gradient": module.log_prob_grad(data, at, request["jacobian"]),
                "moved": [module.transform_inits(data, p) for p in moved],
                "written": module.write_array(data, at, True, True),
            }
        )
    names = module.constrained_param_names(data)
    print(json.dumps({"names": names, "points": found}), file=answers)


if __name__ == "__main__":
    main()

"""Log densities and gradients of a Stan program; run by the interpreter that has pystan.

Reads one request (JSON) from standard input: program, data, and points on the constrained scale,
each a dict by parameter name. Answers with the names of what the program writes and, for each
point, its unconstrained coordinates, log density (with the Jacobian of the transforms if asked),
gradient, and what the program writes there.
"""

import asyncio
import json
import os
import sys


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
        # Unoptimised: compiling is what takes the time here.
        build = httpstan.models.build_services_extension_module
        messages = asyncio.run(build(request["program"], ["-O0", "-std=c++17"]))
        httpstan.cache.dump_services_extension_module_compiler_output(messages, name)
        httpstan.cache.dump_stanc_warnings("", name)
        module = httpstan.models.import_services_extension_module(name)
    data, found = request["data"], []
    for point in request["points"]:
        at = module.transform_inits(data, point)
        found.append(
            {
                "at": at,
                "log_density": module.log_prob(data, at, request["jacobian"]),
                "gradient": module.log_prob_grad(data, at, request["jacobian"]),
                "written": module.write_array(data, at, True, True),
            }
        )
    names = module.constrained_param_names(data)
    print(json.dumps({"names": names, "points": found}), file=answers)


if __name__ == "__main__":
    main()

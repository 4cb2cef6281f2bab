"""The peers, one module each; a module's ``prepare`` returns what its worker answers."""

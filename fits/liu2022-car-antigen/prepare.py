"""Turn the digitised CAR-T curves of Liu et al. 2022 into study tables."""

from cellkinetics.fits import liu2022

if __name__ == "__main__":
    liu2022.main(__doc__, "liu2022", ["car_t"])

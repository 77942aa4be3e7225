"""Draws noise from a library by others, a number a line.

    draws.py opendp|diffprivlib laplace|gaussian WIDTH COUNT

WIDTH is the scale of the discrete Laplace distribution, or the standard deviation of the Gaussian before it is made
discrete. OpenDP takes its randomness from the system; diffprivlib is given a seed.
"""

import importlib.util
import sys
import types


def opendp(kind, width, count):
    import opendp.prelude as dp

    dp.enable_features("contrib")
    numbers = dp.vector_domain(dp.atom_domain(T="i64"))
    if kind == "laplace":
        mechanism = dp.m.make_laplace(numbers, dp.l1_distance(T="i64"), scale=width)
    else:
        mechanism = dp.m.make_gaussian(numbers, dp.l2_distance(T="i64"), scale=width)
    return mechanism([0] * count)


def diffprivlib(kind, width, count):
    import numpy

    # Its package begins by loading models of scikit-learn, and not of every version. Its mechanisms need one function
    # of that: a seed becomes a generator.
    stand_in("sklearn")
    stand_in("sklearn.utils", check_random_state=lambda seed: seed if hasattr(seed, "random") else numpy.random.RandomState(seed))
    stand_in("diffprivlib", __path__=importlib.util.find_spec("diffprivlib").submodule_search_locations)
    from diffprivlib.mechanisms import GaussianDiscrete, Geometric

    if kind == "laplace":
        mechanism = Geometric(epsilon=1 / width, random_state=1)
    else:
        mechanism = GaussianDiscrete(epsilon=1, delta=1e-6, random_state=1)
        # What it would find from epsilon and delta.
        mechanism._scale = width
    return [mechanism.randomise(0) for _ in range(count)]


def stand_in(name, **members):
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module


library, kind, width, count = sys.argv[1:]
draw = {"opendp": opendp, "diffprivlib": diffprivlib}[library]
print("\n".join(str(int(number)) for number in draw(kind, float(width), int(count))))

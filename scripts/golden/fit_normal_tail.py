#!/usr/bin/env python3
"""Fits the polynomial of src/compute/cpu/activation-inl.h and prints its coefficients; the last bit of some depends on numpy's LAPACK.

    PYTHON scripts/golden/fit_normal_tail.py

R(a) = exp(a^2/2) * Phi(-a), the normal distribution's tail without its exponential, is smooth for a >= 0 and is fitted as a
polynomial of t = 1 / (1 + 0.25 a) with the smallest largest relative error (iteratively reweighted least squares).
"""
import mpmath
import numpy as np

mpmath.mp.dps = 40
SLOPE, LARGEST, DEGREE, NODES = 0.25, 14.5, 9, 400


def tail(a):
    a = mpmath.mpf(a)
    return float(mpmath.exp(a * a / 2) * mpmath.erfc(a / mpmath.sqrt(2)) / 2)


smallest = 1 / (1 + SLOPE * LARGEST)
t = (1 + smallest) / 2 + (1 - smallest) / 2 * np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
wanted = np.array([tail((1 / x - 1) / SLOPE) for x in t])
basis = np.polynomial.chebyshev.chebvander(2 * t - 1, DEGREE)
weights = np.ones(NODES)
for _ in range(80):
    root = np.sqrt(weights) / wanted
    found = np.linalg.lstsq(basis * root[:, None], wanted * root, rcond=None)[0]
    error = np.abs(basis @ found / wanted - 1)
    weights *= error
    weights /= weights.sum()
powers = np.polynomial.chebyshev.Chebyshev(found, domain=[0, 1]).convert(kind=np.polynomial.Polynomial).coef
print("largest relative error %.2e" % error.max())

# What float32 arithmetic makes of it (Horner without fma: an upper bound).
x = t.astype(np.float32)
value = np.full(NODES, np.float32(powers[-1]))
for c in powers[-2::-1]:
    value = (value * x + np.float32(c)).astype(np.float32)
print("in float32 %.2e" % np.abs(value / wanted - 1).max())
for i, c in enumerate(powers):
    print("t^%d: %sf" % (i, repr(float(np.float32(c)))))

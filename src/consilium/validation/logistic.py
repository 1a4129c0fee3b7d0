"""Logistic: regression on one or two columns by Newton's method, which is all that measuring calibration needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consilium.validation.predictions import probability
from consilium.validation.repeated import Repeated

Array = NDArray[np.float64]

STEPS = 100
TOLERANCE = 1e-10


def logistic(
    X: Array, y: Array, *, offset: Array | None = None, penalised: bool = False, whose: Repeated | None = None
) -> tuple[Array, Array]:
    """Coefficients of `logit P(y) = offset + X b`, and their covariance.

    Parameters
    ----------
    X : array of shape (n, k)
        Columns, a column of ones among them where an intercept is wanted; not collinear.
    y : array of shape (n,)
        0.0 or 1.0.
    offset : array of shape (n,), optional
        Added with coefficient 1.
    penalised : bool
        Maximise the likelihood times Jeffreys' prior (Firth 1993, doi:10.1093/biomet/80.1.27), which has a finite maximum even
        where a column separates the outcomes and the likelihood has none.

    whose : Repeated, optional
        The patients, where one has several rows: the covariance is then the sandwich over patients (Liang and Zeger 1986).

    Returns
    -------
    coefficients, covariance : arrays of shape (k,) and (k, k)
    """
    shift = np.zeros(y.size) if offset is None else offset
    b = np.zeros(X.shape[1])
    reached, score, information = _at(X, y, shift, b, penalised)
    for _ in range(STEPS):
        step = np.linalg.solve(information, score)
        # The likelihood is concave, so that some part of a Newton step always climbs; only rounding can deny it.
        for _ in range(STEPS):
            there = _at(X, y, shift, b + step, penalised)
            if there[0] >= reached:
                break
            step = step / 2
        else:
            break
        b = b + step
        reached, score, information = there
        if np.max(np.abs(step)) < TOLERANCE:
            break
    covariance = np.linalg.inv(information).astype(np.float64)
    if whose is not None:
        covariance = covariance @ whose.scatter(X * (y - probability(shift + X @ b))[:, None]) @ covariance
    return b, covariance


def _at(X: Array, y: Array, offset: Array, b: Array, penalised: bool) -> tuple[float, Array, Array]:
    z = offset + X @ b
    mu = probability(z)
    weight = mu * (1 - mu)
    information = X.T @ (X * weight[:, None])
    likelihood = float(np.sum(y * z - np.logaddexp(0.0, z)))
    residual = y - mu
    if penalised:
        sign, logdet = np.linalg.slogdet(information)
        if sign <= 0:
            return -np.inf, X.T @ residual, information
        leverage = weight * np.einsum("ij,jk,ik->i", X, np.linalg.inv(information), X)
        residual = residual + leverage * (0.5 - mu)
        likelihood += 0.5 * float(logdet)
    elif not np.all(np.isfinite(information)) or np.linalg.det(information) <= 0:
        return -np.inf, X.T @ residual, information
    return likelihood, X.T @ residual, information

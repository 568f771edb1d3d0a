"""Activation functions, of arrays of any shape."""

import math

import numpy as np


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    """1 / (1 + e^-x), written so that no power overflows"""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def softmax(x, axis=-1):
    """e^x / sum(e^x), written so that no power overflows"""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x, axis=-1):
    x = x - x.max(axis=axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(x):
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def celu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def leaky_relu(x, negative_slope=0.2):
    return np.where(x > 0, x, negative_slope * x)


def relu6(x):
    return np.clip(x, 0, 6)


def gelu(x):
    """x times the share of a normal distribution that is below x"""
    return 0.5 * x * (1 + erf(x / 1.4142135623730951))


def gelu_by_tanh(x):
    """Nearly the same as gelu: tanh stands for erf"""
    return 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))


def erf(x):
    """The error function"""
    return np.vectorize(math.erf, otypes=[float])(x).astype(x.dtype)


def silu(x):
    return x * sigmoid(x)


def hard_sigmoid(x):
    return np.clip(x / 6 + 0.5, 0, 1)


def hard_silu(x):
    return x * hard_sigmoid(x)


def hard_tanh(x):
    return np.clip(x, -1, 1)


def softplus(x):
    """log(1 + e^x), written so that no power overflows"""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def log_sigmoid(x):
    return -softplus(-x)


def softsign(x):
    return x / (1 + np.abs(x))


def mish(x):
    return x * np.tanh(softplus(x))


def tanh_shrink(x):
    return x - np.tanh(x)


def hard_shrink(x, threshold=0.5):
    return np.where(np.abs(x) > threshold, x, 0)


def soft_shrink(x, threshold=0.5):
    return np.where(np.abs(x) > threshold, x - threshold * np.sign(x), 0)


def squareplus(x, b=4):
    return 0.5 * (x + np.sqrt(x * x + b))


def sparse_plus(x):
    return np.where(x <= -1, 0, np.where(x < 1, 0.25 * (x + 1) ** 2, x))


def sparse_sigmoid(x):
    return np.clip(0.5 * (x + 1), 0, 1)


def sparsemax(x, axis=-1):
    """The nearest point to x whose elements are positive and sum to 1"""
    z = np.flip(np.sort(x, axis=axis), axis)
    n = np.arange(1, x.shape[axis] + 1).reshape((-1,) + (1,) * (x.ndim - 1 - axis % x.ndim))
    total = np.cumsum(z, axis=axis)
    count = np.sum(1 + n * z > total, axis=axis, keepdims=True)
    return np.maximum(x - (np.take_along_axis(total, count - 1, axis) - 1) / count, 0)


def glu(x, axis=-1):
    """The first half times the sigmoid of the second"""
    a, b = np.split(x, 2, axis=axis)
    return a * sigmoid(b)


def threshold(x, threshold, default_value):
    return np.where(x > threshold, x, default_value)

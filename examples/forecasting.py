"""Forecast the air passengers of the months to come with an LSTM, beside forecasts that need no network.

The monthly passengers of international airlines in thousands, 1949 to 1960 (Box and Jenkins, "Time series analysis", 1970), come with
this program. Each month of the last two years is forecast from the 24 months before it; the two years before say when the training
stops. Beside it stand the naive forecast (the month before) and seasonal ones (the same month a year ago, and that times the growth
of the month before).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers

PLOT = "forecasting.png"
PASSENGERS = """
112 118 132 129 121 135 148 148 136 119 104 118 115 126 141 135 125 149 170 170 158 133 114 140
145 150 178 163 172 178 199 199 184 162 146 166 171 180 193 181 183 218 230 242 209 191 172 194
196 196 236 235 229 243 264 272 237 211 180 201 204 188 235 227 234 264 302 293 259 229 203 229
242 233 267 269 270 315 364 347 312 274 237 278 284 277 317 313 318 374 413 405 355 306 271 306
315 301 356 348 355 422 465 467 404 347 305 336 340 318 362 348 363 435 491 505 404 359 310 337
360 342 406 396 420 472 548 559 463 407 362 405 417 391 419 461 472 535 622 606 508 461 390 432
"""
PAST, TEST = 24, 24  # months


def samples(logs: Any) -> tuple[Any, Any]:
    """Growth of a month over the same month a year before, from the growths of the past.  -> x: (n, PAST - 12, 1)  y: (n, 1)

    The growth, a difference of logarithms, has neither trend nor season, which 100 samples are too few to learn.
    """
    growth = (logs[12:] - logs[:-12]).astype("float32")
    x = np.lib.stride_tricks.sliding_window_view(growth, PAST - 12)[:-1]
    return x[..., None], growth[PAST - 12 :, None]


def network() -> Any:
    return keras.Sequential([keras.Input((PAST - 12, 1)), layers.LSTM(16), layers.Dense(1)])


def error(forecast: Any, true: Any) -> float:
    """Mean absolute error in percent of what came."""
    return float(100 * np.mean(np.abs(forecast - true) / true))


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    passengers = np.array(PASSENGERS.split(), float)
    logs = np.log(passengers)
    x, y = samples(logs)
    mean, spread = y[: -2 * TEST].mean(), y[: -2 * TEST].std()
    x, y = (x - mean) / spread, (y - mean) / spread
    train, validation = slice(None, -2 * TEST), slice(-2 * TEST, -TEST)
    growths = []
    for _ in range(2 if smoke else 10):  # networks that begin differently err differently: their mean errs less
        model = network()
        model.compile(keras.optimizers.Adam(5e-3), "mse")
        stop = keras.callbacks.EarlyStopping(patience=20, restore_best_weights=True)
        known = (x[validation], y[validation])
        model.fit(x[train], y[train], 16, 20 if smoke else 200, validation_data=known, callbacks=[stop], verbose=0)
        growths.append(model.predict(x[-TEST:], verbose=0)[:, 0] * spread + mean)

    true, last_year = passengers[-TEST:], passengers[-TEST - 12 : -12]
    month_before, year_before_that = passengers[-TEST - 1 : -1], passengers[-TEST - 13 : -13]
    forecasts = {
        "the month before": month_before,
        "the same month a year ago": last_year,
        "a year ago, times the growth of the month before": last_year * month_before / year_before_that,
        "LSTM": last_year * np.exp(np.mean(growths, axis=0)),
    }
    for name, forecast in forecasts.items():
        print(f"{name}: wrong by {error(forecast, true):.2f} % on average")
    plot(passengers, forecasts)
    value = error(forecasts["LSTM"], true)
    print(f"figure: forecasting {value:.4f}")
    return value


def plot(passengers: Any, forecasts: dict[str, Any]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    months = 1949 + np.arange(len(passengers)) / 12
    axes.plot(months[-48:], passengers[-48:], "k.-", label="passengers")
    for name in ("the same month a year ago", "LSTM"):
        axes.plot(months[-TEST:], forecasts[name], "--", label=name)
    axes.set(
        xlabel="year", ylabel="thousands in a month", title="Passengers of airlines, each month forecast from the past"
    )
    axes.legend()
    figure.savefig(PLOT, dpi=100)


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])

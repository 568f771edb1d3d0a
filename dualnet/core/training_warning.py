"""The category of what ``fit`` warns about."""

from __future__ import annotations


class TrainingWarning(UserWarning):
    """A likely mistake in a model, its loss or its data, found when training begins, or a loss that is no longer finite.

    To be silent about one of them: ``warnings.filterwarnings("ignore", "pixels", dualnet.TrainingWarning)``; about all:
    ``dualnet.config.disable_training_warnings()``.

    Args:
        check: the name of the check that found it.
        problem: what was found.
        remedy: what to do.
    """

    def __init__(self, check: str, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}")
        self.check, self.problem, self.remedy = check, problem, remedy

    def __reduce__(self) -> tuple[type[TrainingWarning], tuple[str, str, str]]:
        return type(self), (self.check, self.problem, self.remedy)

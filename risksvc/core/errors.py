"""What the project raises; everybody takes it from `risksvc.core.types`."""


class RiskError(Exception):
    """Something that a caller can act on; its text says what, where, and what to do."""


class MalformedInputError(RiskError):
    """A field that can't be read: `field` names it, the text says what is allowed."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem

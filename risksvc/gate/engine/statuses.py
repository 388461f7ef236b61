"""What whatever went wrong in a call is told as: errors become statuses, never answers.

Rule 1: malformed input is INVALID_ARGUMENT with field and what is allowed. Rule 2: anything unexpected is INTERNAL,
logged with its trace, counted, and says nothing of the inside. Rule 3: work whose deadline has passed is dropped before
anything is decided.
"""

import logging

from grpc import StatusCode

from risksvc.core.types import MalformedInputError
from risksvc.gate.engine.methods import StatusError, Tallies
from risksvc.gate.owner import GateClosedError

CLOSED = "the gate met an internal error and is closed; see `risksvc status`"
INTERNAL = "an internal error; nothing was approved. See the gate's log"
LATE = "the deadline had passed before the gate looked at it"
_log = logging.getLogger(__name__)


def status_of(error: Exception, tallies: Tallies) -> StatusError:
    """The status that fits; counts it. Always made anew.

    One that was raised leads by its trace to the frames that hold the call: a ring, and gRPC counts a call that is
    still held against the streams of its connection.
    """
    if isinstance(error, StatusError):
        tallies.malformed += error.code is StatusCode.INVALID_ARGUMENT
        return StatusError(error.code, str(error))
    if isinstance(error, MalformedInputError):
        tallies.malformed += 1
        return StatusError(StatusCode.INVALID_ARGUMENT, str(error))
    tallies.internal_errors += 1
    if isinstance(error, GateClosedError):
        return StatusError(StatusCode.INTERNAL, CLOSED)
    _log.error("an internal error in a call", exc_info=error)
    return StatusError(StatusCode.INTERNAL, INTERNAL)


def too_late(tallies: Tallies) -> StatusError:
    """For a call whose caller no longer waits; counts it."""
    tallies.expired += 1
    return StatusError(StatusCode.DEADLINE_EXCEEDED, LATE)

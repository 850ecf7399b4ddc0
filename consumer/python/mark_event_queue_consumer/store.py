"""The port to a team's store."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from .rule import ConsumerState


class Effect(Enum):
    """What a message does to what a store holds of an aggregate."""

    BEGIN = "begin"
    """It begins the aggregate, perhaps anew: what is there goes, and the message's event has its effect."""
    APPLY = "apply"
    """The message's event has its effect, on top of what is there."""
    ERASE = "erase"
    """The aggregate was erased: what is there goes. The body is no event."""
    NOTHING = "nothing"
    """Something before the message is missing: nothing changes but the state."""


class WriteOutcome(Enum):
    """How a conditional write ended."""

    DONE = "done"
    """Effect and state are stored."""
    OVERTAKEN = "overtaken"
    """Another invocation wrote this group's state meanwhile: nothing was stored. The kit reads it and decides again."""


@dataclass(frozen=True)
class StateWrite:
    """One write of a store."""

    group: str
    """The aggregate: the `MessageGroupId`."""
    record: dict[str, Any]
    """The message from which the effect follows, as Lambda's payload has it."""
    effect: Effect
    before: ConsumerState | None
    """The state that must still be there; None: there must be none."""
    after: ConsumerState
    """The state to keep."""


class Store(Protocol):
    """Where a consumer keeps what follows from events, and with it the state of each aggregate.

    State and effect lie in one item, one row, or behind one transaction. What either method raises is about this message:
    it and all later ones of its group are returned, and come again.
    """

    def load(self, group: str) -> ConsumerState | None:
        """The state that the last write of this group left, by a consistent read."""

    def write(self, write: StateWrite) -> WriteOutcome:
        """Writes the effect and the state `after` together, or neither, and only if the state is still `before`."""

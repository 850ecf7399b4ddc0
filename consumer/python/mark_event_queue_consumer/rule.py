"""The consumer's rule: what a message means for a consumer that has received others of its aggregate.

It says the same as `decide` of the crate `shared`, whose comments give the reasons; `consumer/vectors.json` compares them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_TOKEN = re.compile(r"[0-9a-f]{16}")
_REPLAY = re.compile(r"[0-9A-Za-z-]{1,40}")


class UnreadableAttribute(ValueError):
    """An attribute that a message of the pipeline has, or has otherwise."""


class InvalidState(ValueError):
    """Text that is not the state of a consumer, or one of a later release."""


class Start(Enum):
    """With which message an aggregate begins of which a consumer has no state."""

    ANYWHERE = "anywhere"
    """With whatever comes first: the client joined without history."""
    FROM_THE_BEGINNING = "from the beginning"
    """With the first of its incarnation: the client joined with history, or rebuilds its store from a backfill."""


class Verdict(Enum):
    """What to do with a message."""

    TAKE = "take"
    """Apply its effect, and keep the state in the same write."""
    BEGIN = "begin"
    """The same; what the store still holds of the aggregate is of another incarnation, and goes in that write."""
    HAD = "had"
    """It had its effect already, or is of no concern any more."""
    FORGET = "forget"
    """The aggregate was erased: delete all that the store holds of it, but for the state."""
    ASK = "ask"
    """Something is missing: ask for the replay that the state says, then keep the state, without the effect."""
    WAIT = "wait"
    """Something is missing that was asked for already: no effect, and the state stays."""
    REFUSE = "refuse"
    """The message can't be what it says: return it with its group, until an operator has looked."""


@dataclass(frozen=True)
class Settings:
    """What a consumer knows beforehand."""

    first_version: int = 1
    """The version of an aggregate's first event, as `[source] first_version` has it."""
    start: Start = Start.ANYWHERE


@dataclass(frozen=True)
class AskedReplay:
    """A replay that a consumer asked for, because something was missing."""

    first: int
    """The first version that it should send."""
    incarnation: str | None = None
    """The incarnation of the message that showed the gap."""
    shown_by: str | None = None
    """The replay that this message was of, if it was of one."""
    is_sent: bool = True
    """Whether the request was sent. If not, the next message asks again."""


@dataclass(frozen=True)
class ConsumerState:
    """What a consumer keeps of one aggregate, in the same write as the effect of the messages that it takes."""

    version: int
    """The version of the last message that was taken; one below the first version where none was."""
    incarnation: str | None = None
    """The incarnation that it was of, if it named one."""
    asked: AskedReplay | None = None
    """The replay that was asked for, while something is missing."""

    def to_text(self) -> str:
        """The text in which a store keeps the state: the same state has the same text."""
        members: dict[str, Any] = {"version": self.version, "incarnation": self.incarnation}
        if self.asked:
            asked = {"from": self.asked.first, "incarnation": self.asked.incarnation, "shown_by": self.asked.shown_by}
            asked["unsent"] = None if self.asked.is_sent else True
            members["asked"] = _without_none(asked)
        return json.dumps(_without_none(members), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> ConsumerState:
        """The state of which `text` is the text. Raises InvalidState."""
        try:
            members = json.loads(text)
            asked = members.pop("asked", None)
            if asked is not None:
                first = _stored_number(asked.pop("from"))
                shown_by = _stored(_REPLAY, asked.pop("shown_by", None))
                asked_of = _stored(_TOKEN, asked.pop("incarnation", None))
                unsent = asked.pop("unsent", False)
                if not isinstance(unsent, bool):
                    raise TypeError("`unsent` is true or false")
                _expect_no_more(asked)
                asked = AskedReplay(first, asked_of, shown_by, not unsent)
            version = _stored_number(members.pop("version"))
            incarnation = _stored(_TOKEN, members.pop("incarnation", None))
            _expect_no_more(members)
            return cls(version, incarnation, asked)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InvalidState("not the state of a consumer, or one of a later release") from error


@dataclass(frozen=True)
class ReceivedMessage:
    """What the rule reads of a message: its attributes."""

    version: int
    previous_version: int | None = None
    """None where the message does not say: then no gap is seen."""
    incarnation: str | None = None
    """None where the message does not say: then it is taken for the one that the consumer has."""
    is_erasure: bool = False
    replay: str | None = None

    @classmethod
    def from_attributes(cls, attribute: Callable[[str], str | None]) -> ReceivedMessage:
        """The message whose attributes of the types String and Number are `attribute`. Raises UnreadableAttribute."""
        version = _number("version", attribute)
        if version is None:
            raise UnreadableAttribute("the attribute `version` is missing: no message of the pipeline")
        return cls(
            version,
            _number("previousVersion", attribute),
            _text("incarnation", _TOKEN, attribute),
            attribute("erased") is not None,
            _text("replay", _REPLAY, attribute),
        )


def decide(
    state: ConsumerState | None, message: ReceivedMessage, settings: Settings
) -> tuple[Verdict, ConsumerState | None]:
    """What `message` means for a consumer with this `state` of its aggregate, and the state from then on."""
    first = settings.first_version
    none_yet = first - 1
    previous = message.previous_version
    if message.version < first or (previous is not None and previous >= message.version):
        return Verdict.REFUSE, state

    def follows(version: int) -> bool:
        # Never guessed upwards: a predecessor that is too low is safe, one that is too high is a false alarm.
        return previous is None or previous <= version

    if state is None:
        if message.is_erasure:
            return Verdict.FORGET, _taken(message, None)
        if settings.start is Start.ANYWHERE or follows(none_yet):
            return Verdict.BEGIN, _taken(message, None)
        return _missing(None, ConsumerState(none_yet), message, first)

    mine = max(state.version, none_yet)
    is_same = None in (state.incarnation, message.incarnation) or state.incarnation == message.incarnation
    if message.is_erasure:
        is_newer = state.incarnation is None and message.version > mine
        is_of_mine = state.incarnation is not None and is_same
        # What is missing is of an incarnation after the state's own.
        is_awaited = state.asked is not None and state.asked.incarnation == message.incarnation
        # Nothing of that incarnation was sent: what is there is of one before it.
        is_of_a_later_one = not is_same and follows(none_yet)
        if is_newer or is_of_mine or is_of_a_later_one or is_awaited:
            return Verdict.FORGET, _taken(message, state if is_same else None)
        return Verdict.HAD, state
    if not is_same:
        if follows(none_yet):
            return Verdict.BEGIN, _taken(message, None)
        return _missing(state, state, message, first)
    if message.version <= mine:
        return Verdict.HAD, state
    if follows(mine):
        return Verdict.BEGIN if mine == none_yet else Verdict.TAKE, _taken(message, state)
    return _missing(state, state, message, mine + 1)


def _taken(message: ReceivedMessage, state: ConsumerState | None) -> ConsumerState:
    """The state of a consumer that takes the message, and had `state` of the same incarnation."""
    if state is None:
        return ConsumerState(message.version, message.incarnation)
    return ConsumerState(max(state.version, message.version), message.incarnation or state.incarnation)


def _missing(
    before: ConsumerState | None, kept: ConsumerState, message: ReceivedMessage, first: int
) -> tuple[Verdict, ConsumerState | None]:
    """Asks for a replay from `first` on, unless this was done; again whenever a replay comes that has the gap, too."""
    asked = AskedReplay(first, message.incarnation, message.replay)
    was_asked = before.asked if before else None
    is_known = asked.shown_by is None or (was_asked is not None and asked.shown_by == was_asked.shown_by)
    if was_asked and is_known and replace(was_asked, shown_by=asked.shown_by) == asked:
        return Verdict.WAIT, before
    return Verdict.ASK, replace(kept, asked=asked)


def _number(name: str, attribute: Callable[[str], str | None]) -> int | None:
    text = _text(name, _NUMBER, attribute)
    if text is None:
        return None
    if not _SMALLEST <= int(text) <= _LARGEST:
        raise _unreadable(name)
    return int(text)


def _text(name: str, form: re.Pattern[str], attribute: Callable[[str], str | None]) -> str | None:
    text = attribute(name)
    if text is not None and not form.fullmatch(text):
        raise _unreadable(name)
    return text


def _unreadable(name: str) -> UnreadableAttribute:
    return UnreadableAttribute(f"the attribute `{name}` can't be read: no message of the pipeline, or of a later release")


def _stored_number(value: object) -> int:
    # A bool is an int in Python.
    if type(value) is not int or not _SMALLEST <= value <= _LARGEST:
        raise ValueError(value)
    return value


def _stored(form: re.Pattern[str], value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError(value)
    return value


def _expect_no_more(members: dict[str, Any]) -> None:
    # A state that is written back without members that this release does not know would be another one.
    if members:
        raise ValueError(members)


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}

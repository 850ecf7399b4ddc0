"""A batch of messages: each is decided on, its effect is written, and what failed goes back."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .replay_command import replay_command
from .request_queue import RequestQueue
from .rule import AskedReplay, ConsumerState, ReceivedMessage, Settings, Verdict, decide
from .store import Effect, StateWrite, Store, WriteOutcome

_log = logging.getLogger("mark_event_queue_consumer")

_NAMESPACE = "MarkEventQueue/Consumer"
# How often a message is decided on while other invocations write its group's state.
_ATTEMPTS = 3
_EFFECTS = {
    Verdict.TAKE: Effect.APPLY,
    Verdict.BEGIN: Effect.BEGIN,
    Verdict.FORGET: Effect.ERASE,
    Verdict.ASK: Effect.NOTHING,
}


@dataclass
class Counts:
    """How many messages of a batch had their effect, and how many did not, and why."""

    taken: int = 0
    """Had their effect."""
    duplicates: int = 0
    """Were had before."""
    forgotten: int = 0
    """Were notices on which an aggregate was forgotten."""
    gaps: int = 0
    """Showed that a replay is needed, which was asked for, or could not be. Contained in `missing`."""
    missing: int = 0
    """Were acknowledged without effect, since something before them is missing."""
    returned: int = 0
    """Were returned, and come again."""

    def _add(self, verdict: Verdict) -> None:
        self.taken += verdict in (Verdict.TAKE, Verdict.BEGIN)
        self.duplicates += verdict is Verdict.HAD
        self.forgotten += verdict is Verdict.FORGET
        self.missing += verdict in (Verdict.ASK, Verdict.WAIT)


@dataclass
class BatchOutcome:
    """What became of a batch."""

    client: str
    """The client whose queue it is."""
    response: dict[str, list[dict[str, str]]]
    """What the function returns to Lambda."""
    counts: Counts

    def metrics(self, now: float | None = None) -> str:
        """The counts as a line of CloudWatch's embedded metric format, for standard output."""
        counts = {name.capitalize(): count for name, count in asdict(self.counts).items()}
        metrics = [{"Name": name, "Unit": "Count"} for name in counts]
        directive = {"Namespace": _NAMESPACE, "Dimensions": [["Client"]], "Metrics": metrics}
        timestamp = int((time.time() if now is None else now) * 1000)
        head = {"Timestamp": timestamp, "CloudWatchMetrics": [directive]}
        return json.dumps({"_aws": head, "Client": self.client, **counts})


@dataclass
class _Batch:
    """What is known while a batch is consumed."""

    states: dict[str, ConsumerState | None] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    unasked: set[tuple[str, int]] = field(default_factory=set)
    failure: str | None = None
    counts: Counts = field(default_factory=Counts)


class Consumer:
    """A consumer of the queue of `client`, as `client-queues.toml` names it.

    With `requests` it asks the pipeline itself for what it misses; without, or if that fails, an operator is asked.
    """

    def __init__(
        self, client: str, store: Store, settings: Settings = Settings(), requests: RequestQueue | None = None
    ) -> None:
        self._client = client
        self._store = store
        self._settings = settings
        self._requests = requests

    def consume(self, event: dict[str, Any]) -> BatchOutcome:
        """Takes the messages of one invocation, in their order.

        A message that fails is in the response, with all later ones of its group; other groups go on.
        """
        batch = _Batch()
        failures = []
        for record in event["Records"]:
            group = record.get("attributes", {}).get("MessageGroupId", "")
            if group not in batch.failed:
                try:
                    self._take(batch, group, record)
                    continue
                except Exception:  # Whatever it is, it is about this message.
                    _log.exception("client %s: %s returned, with its group %s", self._client, record.get("messageId"), group)
                    batch.failed.add(group)
            batch.counts.returned += 1
            # Without an id, Lambda returns the whole batch: nothing is lost.
            failures.append({"itemIdentifier": record.get("messageId") or ""})
        _log.info("client %s: batch consumed: %s", self._client, batch.counts)
        return BatchOutcome(self._client, {"batchItemFailures": failures}, batch.counts)

    def _take(self, batch: _Batch, group: str, record: dict[str, Any]) -> None:
        if not group:
            raise ValueError("no `MessageGroupId`: the queue is not FIFO")
        attributes = record.get("messageAttributes") or {}
        message = ReceivedMessage.from_attributes(lambda name: attributes.get(name, {}).get("stringValue"))
        for _ in range(_ATTEMPTS):
            before = batch.states.pop(group) if group in batch.states else self._store.load(group)
            verdict, after = decide(before, message, self._settings)
            if verdict is Verdict.REFUSE:
                raise ValueError(self._refusal(message))
            if verdict is Verdict.ASK:
                asked = replace(after.asked, is_sent=self._ask(batch, group, message, after.asked))
                after = replace(after, asked=asked)
            if verdict is Verdict.WAIT and group not in batch.shown:
                batch.shown.add(group)
                self._warn(group, message, before.asked, "it was asked for before")
            effect = _EFFECTS.get(verdict)
            if effect is None or after is None or (verdict is Verdict.ASK and after == before):
                written = WriteOutcome.DONE
            else:
                written = self._store.write(StateWrite(group, record, effect, before, after))
            if written is WriteOutcome.DONE:
                batch.counts._add(verdict)
                batch.states[group] = after
                return
        raise RuntimeError(f"another invocation wrote this group's state, {_ATTEMPTS} times")

    def _ask(self, batch: _Batch, group: str, message: ReceivedMessage, asked: AskedReplay) -> bool:
        """Asks for a replay, once in a batch if that fails: then the log says how an operator does the same."""
        if (group, asked.first) in batch.unasked:
            return False
        batch.counts.gaps += 1
        batch.shown.add(group)
        # After one failure nothing more is asked for in the batch, which must leave time for its messages.
        why = batch.failure or self._request(group, asked)
        if why is not None:
            batch.failure = why
            batch.unasked.add((group, asked.first))
            self._warn(group, message, asked, why)
            return False
        _log.warning(
            "client %s: something before version %d of %s is missing; a replay from version %d was asked for",
            self._client,
            message.version,
            group,
            asked.first,
        )
        return True

    def _request(self, group: str, asked: AskedReplay) -> str | None:
        """Sends a request. None: it was sent; else why not."""
        if self._requests is None:
            return "the kit was given no queue of requests"
        try:
            self._requests.ask(self._client, group, asked)
        except Exception as error:  # Whatever it is, the operator can do the same.
            return f"{type(error).__name__}: {error}"
        return None

    def _warn(self, group: str, message: ReceivedMessage, asked: AskedReplay, why: str) -> None:
        """Logs that something is missing, and how an operator brings it."""
        _log.warning(
            "client %s: something before version %d of %s is missing, and nothing of its group has an effect until a "
            "replay brings it (%s): %s",
            self._client,
            message.version,
            group,
            why,
            replay_command(self._client, group, asked.first),
        )

    def _refusal(self, message: ReceivedMessage) -> str:
        first = self._settings.first_version
        if message.version < first:
            return f"version {message.version} is below the first, {first}; is `first_version` the source's?"
        return f"version {message.version} is not above its predecessor: no message of the pipeline"

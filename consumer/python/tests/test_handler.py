"""Batches against a store in memory."""

import json
import logging
import unittest
from pathlib import Path

from mark_event_queue_consumer import (
    AskedReplay,
    Consumer,
    ConsumerState,
    Counts,
    Effect,
    RequestQueue,
    Settings,
    Start,
    StateWrite,
    WriteOutcome,
)

VECTORS = Path(__file__).parents[2] / "vectors.json"
LOGGER = "mark_event_queue_consumer"
INCARNATIONS = {"A": "a" * 16, "B": "b" * 16}


def text(members):
    return json.dumps(members, sort_keys=True, separators=(",", ":"))


class Versions:
    """A store of versions: what it holds of a group is the list of those that had an effect."""

    def __init__(self, broken=(), rivals=()):
        self.rows, self.loads = {}, []
        self.broken, self.rivals = broken, list(rivals)

    def load(self, group):
        self.loads.append(group)
        return ConsumerState.from_text(self.rows[group][0]) if group in self.rows else None

    def write(self, write: StateWrite):
        if write.group in self.broken:
            raise RuntimeError("refused")
        if self.rivals:
            self.rows[write.group] = (self.rivals.pop(0).to_text(), [])
        state, versions = self.rows.get(write.group, (None, []))
        if state != (write.before and write.before.to_text()):
            return WriteOutcome.OVERTAKEN
        if write.effect in (Effect.BEGIN, Effect.ERASE):
            versions = []
        if write.effect in (Effect.BEGIN, Effect.APPLY):
            versions = [*versions, write.record["body"]]
        self.rows[write.group] = (write.after.to_text(), versions)
        return WriteOutcome.DONE

    def versions(self):
        return {group: versions for group, (_, versions) in self.rows.items()}


class Sqs:
    """SQS, which takes every message, or raises."""

    def __init__(self, error=None):
        self.sent, self.error, self.tried = [], error, 0

    def send_message(self, **request):
        self.tried += 1
        if self.error:
            raise self.error
        self.sent.append(request)


def event(text):
    """`M1 5>6 A` is version 6 after 5 of incarnation A in group M1, perhaps with `erased`, or a replay."""

    def record(number, line):
        group, versions, *rest = line.split()
        attributes = {}
        if ">" in versions:
            attributes["previousVersion"], attributes["version"] = versions.split(">")
            attributes["incarnation"] = INCARNATIONS[rest[0]]
            for mark in rest[1:]:
                attributes.update({"erased": "true"} if mark == "erased" else {"replay": mark})
        return {
            "messageId": str(number),
            "body": versions.split(">")[-1],
            "attributes": {} if group == "-" else {"MessageGroupId": group},
            "messageAttributes": {name: {"stringValue": value} for name, value in attributes.items()},
        }

    return {"Records": [record(number, line) for number, line in enumerate(text.split(","))]}


class HandlerTest(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.ERROR)
        self.addCleanup(logging.disable, logging.NOTSET)

    def check(self, store, batches, back, stored):
        consumer = Consumer("Billing", store)
        for batch in batches:
            consumed = consumer.consume(event(batch))
        self.assertEqual([failure["itemIdentifier"] for failure in consumed.response["batchItemFailures"]], back)
        self.assertEqual(store.versions(), stored)

    def test_a_failed_group_goes_back_and_others_go_on(self):
        batch = "M1 0>1 A, M2 0>1 A, M1 1>2 A, M2 1>2 A"
        self.check(Versions(broken=["M1"]), [batch], ["0", "2"], {"M2": ["1", "2"]})

    def test_what_can_not_be_read_goes_back_with_its_group(self):
        for wrong in ["M1 nothing", "M1 0>0 A", "M1 6>6 A", "M1 five>6 A"]:
            with self.subTest(wrong):
                self.check(Versions(), [f"{wrong}, M2 0>1 A, M1 0>1 A"], ["0", "2"], {"M2": ["1"]})
        self.check(Versions(), ["- 0>1 A, - 1>2 A"], ["0", "1"], {})

    def test_what_was_had_before_is_not_written(self):
        batches = ["M1 0>1 A, M1 0>1 A, M1 1>3 A", "M1 1>3 A, M1 0>1 A r1, M1 3>4 A"]
        self.check(Versions(), batches, [], {"M1": ["1", "3", "4"]})

    def test_behind_a_gap_nothing_has_an_effect_until_the_replay_comes(self):
        before = "M1 0>1 A, M1 2>3 A, M1 3>4 A, M2 0>1 A"
        self.check(Versions(), [before], [], {"M1": ["1"], "M2": ["1"]})
        after = "M1 1>2 A r1, M1 2>3 A r1, M1 3>4 A r1, M1 4>5 A"
        self.check(Versions(), [before, after], [], {"M1": ["1", "2", "3", "4", "5"], "M2": ["1"]})

    def test_an_aggregate_is_erased_and_begins_anew(self):
        self.check(Versions(), ["M1 0>1 A, M1 1>2 A, M1 2>3 A erased"], [], {"M1": []})
        self.check(Versions(), ["M1 0>1 A, M1 1>2 A", "M1 0>1 B, M1 0>1 B"], [], {"M1": ["1"]})

    def test_each_stream_of_the_vectors_in_batches_of_any_size(self):
        for stream in json.loads(VECTORS.read_text())["streams"]:
            settings = Settings(stream["first_version"], Start(stream["start"]))
            records = [
                {
                    "messageId": str(number),
                    "body": step["message"]["version"],
                    "attributes": {"MessageGroupId": "M1"},
                    "messageAttributes": {name: {"stringValue": value} for name, value in step["message"].items()},
                }
                for number, step in enumerate(stream["steps"])
            ]
            for size in (1, 3, 10):
                with self.subTest(stream=stream, size=size):
                    store = Versions()
                    consumer = Consumer("Billing", store, settings, RequestQueue(Sqs(), "https://queue"))
                    for first in range(0, len(records), size):
                        consumed = consumer.consume({"Records": records[first : first + size]})
                        self.assertEqual(consumed.response["batchItemFailures"], [])
                        steps = stream["steps"][: first + size]
                        states = [text(step["after"]) for step in steps if "after" in step]
                        self.assertEqual(store.rows["M1"][0], states[-1])
                    self.assertEqual(store.versions(), {"M1": [str(version) for version in stream["kept"]]})

    def test_a_state_that_a_rival_wrote_is_read_again(self):
        rivals = [ConsumerState(version, INCARNATIONS["A"]) for version in (1, 2, 3)]
        self.check(Versions(rivals=rivals[:1]), ["M1 0>1 A, M1 1>2 A"], [], {"M1": ["2"]})
        self.check(Versions(rivals=rivals[:2]), ["M1 2>3 A"], [], {"M1": ["3"]})
        self.check(Versions(rivals=rivals), ["M1 3>4 A, M1 4>5 A"], ["0", "1"], {"M1": []})

    def test_a_groups_state_is_read_once_for_a_batch(self):
        store = Versions()
        Consumer("Billing", store).consume(event("M1 0>1 A, M2 0>1 A, M1 0>1 A, M1 1>2 A, M2 3>4 A, M2 4>5 A"))
        self.assertEqual(store.loads, ["M1", "M2"])

    def test_a_rebuilding_consumer_takes_an_aggregate_from_its_beginning(self):
        consumer = Consumer("Billing", Versions(), Settings(start=Start.FROM_THE_BEGINNING))
        consumed = consumer.consume(event("M1 4>5 A, M1 0>1 A r1, M1 1>5 A r1"))
        self.assertEqual(consumed.counts, Counts(taken=2, gaps=1, missing=1))

    def test_a_gap_is_in_the_log_with_the_command_that_closes_it(self):
        logging.disable(logging.NOTSET)
        consumer = Consumer("Billing", Versions())
        with self.assertLogs(LOGGER, logging.WARNING) as log:
            consumer.consume(event("AFC%20F5 0>1 A, AFC%20F5 2>3 A, AFC%20F5 3>4 A"))
            consumer.consume(event("AFC%20F5 4>5 A, AFC%20F5 5>6 A"))
            consumer.consume(event("AFC%20F5 1>2 A r1, AFC%20F5 2>3 A r1, AFC%20F5 6>7 A, AFC%20F5 7>8 A"))
            consumer.consume(event("AFC%20F5 8>9 A, AFC%20F5 3>4 A r2, AFC%20F5 5>6 A r2"))
        commands = [record.getMessage().split(": ")[-1] for record in log.records]
        command = "fanoutctl replay Billing --group 'AFC F5' --from "
        self.assertEqual(commands, [command + first for first in ("2", "2", "4", "4", "5")])

    def test_what_is_missing_is_asked_for_once_and_an_operator_is_not(self):
        logging.disable(logging.NOTSET)
        sqs = Sqs()
        consumer = Consumer("Billing", Versions(), requests=RequestQueue(sqs, "https://queue"))
        with self.assertLogs(LOGGER, logging.WARNING) as log:
            consumer.consume(event("AFC%20F5 0>1 A, AFC%20F5 2>3 A, AFC%20F5 3>4 A"))
            consumer.consume(event("AFC%20F5 4>5 A"))
            consumer.consume(event("AFC%20F5 2>3 A r1"))
        first, again = sqs.sent
        expected = {
            "QueueUrl": "https://queue",
            "MessageBody": '{"group":"AFC%20F5","from":2}',
            "MessageGroupId": "Billing",
            # The same as in Rust.
            "MessageDeduplicationId": "e5799a9e4f760a453f35b12cbc3dd046ba374e42c235433c62b8e17695617cea",
        }
        self.assertEqual(first, expected)
        self.assertEqual(again["MessageBody"], first["MessageBody"])
        self.assertNotEqual(again["MessageDeduplicationId"], first["MessageDeduplicationId"])
        ends = [record.getMessage().split("; ")[-1].split("(")[-1] for record in log.records]
        asked = "a replay from version 2 was asked for"
        before = "it was asked for before): fanoutctl replay Billing --group 'AFC F5' --from 2"
        self.assertEqual(ends, [asked, before, asked])

    def test_an_operator_is_asked_if_the_pipeline_can_not_be(self):
        logging.disable(logging.NOTSET)
        store = Versions()
        for requests, why in [
            (None, "the kit was given no queue of requests"),
            (RequestQueue(Sqs(PermissionError("no")), "https://queue"), "PermissionError: no"),
        ]:
            store = Versions()
            consumer = Consumer("Billing", store, requests=requests)
            with self.assertLogs(LOGGER, logging.WARNING) as log:
                consumed = consumer.consume(event("M1 0>1 A, M1 2>3 A"))
            message = log.records[0].getMessage()
            self.assertTrue(message.endswith(f"({why}): fanoutctl replay Billing --group M1 --from 2"), message)
            self.assertEqual(consumed.response, {"batchItemFailures": []})
            # The next batch asks again.
            self.assertFalse(store.load("M1").asked.is_sent)
            self.assertEqual(consumer.consume(event("M1 3>4 A, M1 4>5 A")).counts, Counts(gaps=1, missing=2))

    def test_after_one_request_that_failed_a_batch_asks_for_nothing_more(self):
        sqs = Sqs(PermissionError("no"))
        consumer = Consumer("Billing", Versions(), requests=RequestQueue(sqs, "https://queue"))
        batch = "M1 0>1 A, M1 2>3 A, M2 0>1 A, M2 2>3 A, M1 3>4 A, M2 3>4 A"
        self.assertEqual(consumer.consume(event(batch)).counts, Counts(taken=2, gaps=2, missing=4))
        self.assertEqual(sqs.tried, 1)

    def test_a_notice_that_changes_no_state_erases(self):
        self.check(Versions(), ["M1 0>1 A, M1 1>2 A, M1 2>3 A, M1 2>3 A erased"], [], {"M1": []})

    def test_what_could_not_be_asked_for_is_asked_for_by_the_next_batch(self):
        sqs, store = Sqs(PermissionError("no")), Versions()
        consumer = Consumer("Billing", store, requests=RequestQueue(sqs, "https://queue"))
        consumer.consume(event("M1 0>1 A, M1 2>3 A, M1 3>4 A"))
        self.assertEqual(len(sqs.sent), 0)
        sqs.error = None
        consumer.consume(event("M1 4>5 A, M1 5>6 A"))
        self.assertEqual((len(sqs.sent), store.load("M1").asked), (1, AskedReplay(2, INCARNATIONS["A"])))

    def test_counts_are_metrics(self):
        batch = "M1 0>1 A, M1 0>1 A, M1 2>3 A, M1 3>4 A, M2 0>1 A, M2 1>2 A erased, M3 0>1 A, M3 1>2 A"
        consumed = Consumer("Billing", Versions(broken=["M3"])).consume(event(batch))
        self.assertEqual(consumed.counts, Counts(2, 1, 1, 1, 2, 2))
        metrics = json.loads(consumed.metrics(1_700_000_000.0))
        directive = metrics["_aws"]["CloudWatchMetrics"][0]
        self.assertEqual(metrics["_aws"]["Timestamp"], 1_700_000_000_000)
        self.assertEqual((directive["Namespace"], metrics["Client"]), ("MarkEventQueue/Consumer", "Billing"))
        named = {metric["Name"]: metrics[metric["Name"]] for metric in directive["Metrics"]}
        expected = {"Taken": 2, "Duplicates": 1, "Forgotten": 1, "Gaps": 1, "Missing": 2, "Returned": 2}
        self.assertEqual(named, expected)


if __name__ == "__main__":
    unittest.main()

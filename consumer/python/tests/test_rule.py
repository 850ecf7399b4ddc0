"""The rule says what the vectors say."""

import json
import unittest
from pathlib import Path

from mark_event_queue_consumer import (
    ConsumerState,
    InvalidState,
    ReceivedMessage,
    Settings,
    Start,
    UnreadableAttribute,
    Verdict,
    decide,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors.json").read_text())
STREAMS = VECTORS["streams"]


def text(members):
    return json.dumps(members, sort_keys=True, separators=(",", ":"))


class RuleTest(unittest.TestCase):
    def test_each_case_of_the_vectors(self):
        cases = VECTORS["cases"]
        self.assertGreater(len(cases), 500)
        for case in cases:
            with self.subTest(case):
                before = case["state"]
                state = None if before is None else ConsumerState.from_text(text(before))
                settings = Settings(case["first_version"], Start(case["start"]))
                try:
                    message = ReceivedMessage.from_attributes(case["message"].get)
                except UnreadableAttribute:
                    self.assertEqual(case["verdict"], "unreadable")
                    continue
                verdict, after = decide(state, message, settings)
                self.assertEqual(verdict.value, case["verdict"])
                expected = case.get("after", before)
                self.assertEqual(after and after.to_text(), expected and text(expected))

    def test_each_stream_of_the_vectors(self):
        for stream in STREAMS:
            settings = Settings(stream["first_version"], Start(stream["start"]))
            state, kept = None, []
            for number, step in enumerate(stream["steps"]):
                with self.subTest(start=stream["start"], number=number, step=step):
                    message = ReceivedMessage.from_attributes(step["message"].get)
                    verdict, after = decide(state and ConsumerState.from_text(state), message, settings)
                    self.assertEqual(verdict.value, step["verdict"])
                    expected = text(step["after"]) if "after" in step else state
                    state = after and after.to_text()
                    self.assertEqual(state, expected)
                if verdict in (Verdict.BEGIN, Verdict.FORGET):
                    kept = []
                if verdict in (Verdict.BEGIN, Verdict.TAKE):
                    kept = [*kept, message.version]
            self.assertEqual(kept, stream["kept"])

    def test_a_state_that_is_none_is_not_guessed_at(self):
        for wrong in [
            "",
            "5",
            "{}",
            '{"version":"5"}',
            '{"version":true}',
            '{"version":5.0}',
            '{"version":9223372036854775808}',
            '{"version":5,"incarnation":"A"}',
            '{"version":5,"later":1}',
            '{"version":5,"asked":{}}',
            '{"version":5,"asked":{"from":6,"later":1}}',
            '{"version":5,"asked":{"from":6,"shown_by":""}}',
        ]:
            with self.subTest(wrong), self.assertRaises(InvalidState):
                ConsumerState.from_text(wrong)


if __name__ == "__main__":
    unittest.main()

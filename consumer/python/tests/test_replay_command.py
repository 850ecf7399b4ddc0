"""The command names the key as the operator's tool takes it."""

import unittest

from mark_event_queue_consumer import replay_command


class ReplayCommandTest(unittest.TestCase):
    def test_the_command_names_the_key_as_the_tool_takes_it(self):
        for group, first, words in [
            ("AFC%20F5", 6, "'AFC F5' --from 6"),
            ("M1", 0, "M1 --from 0"),
            ("M1", -1, "M1 --from 0"),
            ("%7En7", 1, "'~n7' --from 1"),
            ("~n-7.5", 1, "-7.5 --from 1"),
            ("~bAP8-", 1, "AP8+ --from 1"),
            ("~b__4", 1, "//4= --from 1"),
            ("~h00~long", 1, "KEY --from 1"),
            ("M%2", 1, "KEY --from 1"),
            ("M%zz", 1, "KEY --from 1"),
            ("%FF", 1, "KEY --from 1"),
        ]:
            self.assertEqual(replay_command("Billing", group, first), f"fanoutctl replay Billing --group {words}")


if __name__ == "__main__":
    unittest.main()

"""Tries the kit without Lambda: receives, hands each batch to it, and deletes what it took, in order.

Ends when nothing has come for five seconds, with a line for each group: what the consumer has of it.
"""

import json
import os

import boto3
from mark_event_queue_consumer import Consumer, Effect, WriteOutcome

queue = {"QueueUrl": os.environ["QUEUE_URL"]}
sqs = boto3.client("sqs")


class Memory:
    """A store that is gone with this process: the kit's states, and the versions that have an effect."""

    def __init__(self):
        self.states, self.events = {}, {}

    def load(self, group):
        return self.states.get(group)

    def write(self, write):
        events = self.events.setdefault(write.group, [])
        if write.effect in (Effect.BEGIN, Effect.ERASE):
            events.clear()
        if write.effect in (Effect.BEGIN, Effect.APPLY):
            events.append(write.after.version)
        self.states[write.group] = write.after
        return WriteOutcome.DONE


def record(message):
    """The message as Lambda hands it to a function."""
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {name: {"stringValue": value["StringValue"]} for name, value in attributes.items()},
    }


store = Memory()
consumer = Consumer(os.environ["CLIENT"], store)
while True:
    answer = sqs.receive_message(
        **queue,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=5,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["MessageGroupId"],
    )
    messages = answer.get("Messages", [])
    if not messages:
        break
    response = consumer.consume({"Records": [record(message) for message in messages]}).response
    returned = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
    for message in messages:
        # What is returned is not deleted, nor is what is behind it in its group: it comes again, in order.
        if message["MessageId"] not in returned:
            sqs.delete_message(**queue, ReceiptHandle=message["ReceiptHandle"])

for group, state in store.states.items():
    has = {"group": group, "version": state.version, "incarnation": state.incarnation}
    has["missing_from"] = state.asked.first if state.asked else None
    print(json.dumps(has | {"events": store.events[group]}, separators=(",", ":")))

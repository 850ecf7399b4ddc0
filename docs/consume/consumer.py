"""A consumer of events: keeps the newest status and price of every mark in a table."""

import json
import os
from decimal import Decimal

import boto3
from mark_event_queue_consumer import Consumer, ConsumerState, Effect, RequestQueue, WriteOutcome

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


class Marks:
    """A table with an item for each mark: its status, its price, and the kit's state."""

    def load(self, group):
        item = table.get_item(Key={"group": group}, ConsistentRead=True).get("Item", {})
        return ConsumerState.from_text(item["consumerState"]) if "consumerState" in item else None

    def write(self, write):
        """One write: the effect and the state are stored together, or not at all."""
        request = {"Key": {"group": write.group}, "ConditionExpression": "attribute_not_exists(consumerState)"}
        update, values = "SET consumerState = :after", {":after": write.after.to_text()}
        if write.before:
            request["ConditionExpression"] = "consumerState = :before"
            values[":before"] = write.before.to_text()
        if write.effect in (Effect.BEGIN, Effect.APPLY):
            # An event's numbers have up to 38 digits; a float keeps 15.
            mark = json.loads(write.record["body"], parse_float=Decimal)["RegistrationNumber"]
            update += ", #status = :status, price = :price"
            values |= {":status": mark["status"], ":price": mark["price"]}
        if write.effect is Effect.ERASE:
            update += " REMOVE #status, price"
        if write.effect is not Effect.NOTHING:
            request["ExpressionAttributeNames"] = {"#status": "status"}
        try:
            table.update_item(UpdateExpression=update, ExpressionAttributeValues=values, **request)
        except table.meta.client.exceptions.ConditionalCheckFailedException:
            return WriteOutcome.OVERTAKEN
        return WriteOutcome.DONE


# Without a URL, an operator is asked for what is missing.
url = os.environ.get("REQUESTS_QUEUE_URL")
requests = RequestQueue(boto3.client("sqs"), url) if url else None
consumer = Consumer(os.environ["CLIENT"], Marks(), requests=requests)


def handler(event, context):
    consumed = consumer.consume(event)
    print(consumed.metrics())
    return consumed.response

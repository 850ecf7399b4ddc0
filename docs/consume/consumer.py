"""A consumer of events: keeps the newest status and price of every mark in a table."""

import json
import os
from decimal import Decimal

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
# The version of an aggregate's first event: 0 where the source counts from 0.
FIRST_VERSION = 1
# Returns the first message that failed of each group, and all later ones of that group.
processor = SqsFifoPartialProcessor(skip_group_on_error=True, logger=Logger(service="consumer"))
# Otherwise a batch in which everything fails is an error of the function, and Lambda slows all groups down.
processor.raise_on_entire_batch_failure = False


def project(record):
    """One write: the version and what follows from it are stored together, or not at all."""
    version = Decimal(record.message_attributes["version"].string_value)
    # An event's numbers have up to 38 digits; a float keeps 15.
    mark = json.loads(record.body, parse_float=Decimal)["RegistrationNumber"]
    values = {":version": version, ":status": mark["status"], ":price": mark["price"]}
    update = "SET version = :version, #status = :status, price = :price"
    condition = "attribute_not_exists(version) OR version < :version"
    # The first version begins an aggregate; with another event id, one that was erased and created anew.
    if version == FIRST_VERSION:
        values[":firstEvent"] = record.message_attributes["eventId"].string_value
        update += ", firstEvent = :firstEvent"
        condition = "attribute_not_exists(firstEvent) OR firstEvent <> :firstEvent"
    try:
        table.update_item(
            Key={"group": record.attributes.message_group_id},
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=values,
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        pass  # This event, or a newer one, was seen before.


def handler(event, context):
    return process_partial_response(event, project, processor, context)

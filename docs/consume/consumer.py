"""A consumer of events: keeps the newest status and price of every mark in a table."""

import json
import os
from decimal import Decimal

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
# Returns the first message that failed of each group, and all later ones of that group.
processor = SqsFifoPartialProcessor(skip_group_on_error=True, logger=Logger(service="consumer"))
# Otherwise a batch in which everything fails is an error of the function, and Lambda slows all groups down.
processor.raise_on_entire_batch_failure = False


def project(record):
    """One write: the version and what follows from it are stored together, or not at all."""
    version = Decimal(record.message_attributes["version"].string_value)
    # An event's numbers have up to 38 digits; a float keeps 15.
    mark = json.loads(record.body, parse_float=Decimal)["RegistrationNumber"]
    item = {
        "group": record.attributes.message_group_id,
        "version": version,
        "status": mark["status"],
        "price": mark["price"],
    }
    try:
        table.put_item(
            Item=item,
            ConditionExpression="attribute_not_exists(version) OR version < :version",
            ExpressionAttributeValues={":version": version},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        pass  # This version or a newer one was seen before.


def handler(event, context):
    return process_partial_response(event, project, processor, context)

#!/usr/bin/env python3
"""Reads template.yml and api/template.yml as CloudFormation's control plane does, offline. `.ci/checks/control-plane.sh`
runs it.

For each set of parameters: `AWS::LanguageExtensions` writes the loops out and puts in the parameters' values, which are
strings; the SAM translator makes plain resources of the result; cfn-lint checks those against CloudFormation's resource
schemas. A linter that reads template.yml itself leaves the references in place, and misses what can't be a string.

CloudFormation turns a string into the number that a resource's schema asks for; the SAM translator does not. So each set
is read twice: with strings, as on AWS, and with numbers and strict types, which checks what the template itself writes.
"""

import argparse
import json
import logging
import os
import re
import sys
from pathlib import Path

from cfnlint import ManualArgs
from cfnlint import api as cfnlint
from samcli.lib.cfn_language_extensions.api import create_default_intrinsic_resolver
from samcli.lib.cfn_language_extensions.models import ResolutionMode, TemplateProcessingContext
from samcli.lib.cfn_language_extensions.pipeline import ProcessingPipeline
from samcli.lib.cfn_language_extensions.processors import ForEachProcessor, TemplateParsingProcessor
from samcli.yamlhelper import yaml_parse
from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform

REGION, ACCOUNT, STACK = "eu-west-2", "123456789012", "mark-event-queue"
STREAM = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Events/stream/2026-01-01T00:00:00.000"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NotificationARNs": [],
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/1",
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}
NO_VALUE = {"Ref": "AWS::NoValue"}
VARIABLE = re.compile(r"\$\{([^}!]+)\}")


def queue_arns(names, prefix="sixteen-letters-"):
    """Returns the ARNs of the queues of these clients."""
    return ",".join(f"arn:aws:sqs:{REGION}:{ACCOUNT}:{prefix}MarkFanOutClient{name}.fifo" for name in names)


# The longest and the least usual that each parameter takes. The numbers are those of neither default nor code.
EVERY_OPTION = {
    "EventStreamArn": STREAM,
    "ExternalQueueArns": f"arn:aws:sqs:{REGION}:210987654321:orders.fifo,arn:aws:sqs:{REGION}:{ACCOUNT}:orders.fifo",
    "RequestRoleArns": f"arn:aws:iam::{ACCOUNT}:role/billing-consumer,arn:aws:iam::210987654321:role/teams/tolls-consumer",
    "RequestAccounts": f"{ACCOUNT},210987654321",
    "PushHttpClients": "Billing",
    "PushHttpQueueArns": queue_arns(["Billing"]),
    "PushSecretArns": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:webhooks/billing-AbCdEf",
    "PushParameterArns": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/webhooks/billing",
    "PushAwsClients": "Insurance",
    "PushAwsQueueArns": queue_arns(["Insurance"]),
    "PushFunctionArns": f"arn:aws:lambda:{REGION}:210987654321:function:orders:live,arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders",
    "PushTopicArns": f"arn:aws:sns:{REGION}:210987654321:orders.fifo,arn:aws:sns:{REGION}:{ACCOUNT}:orders.fifo",
    "PushBusArns": f"arn:aws:events:{REGION}:210987654321:event-bus/orders,arn:aws:events:{REGION}:{ACCOUNT}:event-bus/orders",
    "PushStreamArns": f"arn:aws:kinesis:{REGION}:210987654321:stream/orders,arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders",
    "PushBucketObjects": "arn:aws:s3:::orders-210987654321/*,arn:aws:s3:::orders-123456789012/marks/*",
    "PushBuckets": "arn:aws:s3:::orders-210987654321,arn:aws:s3:::orders-123456789012",
    "QueuePrefix": "sixteen-letters-",
    "KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-1234abcd12ab34cd56ef1234567890ab",
    "AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:operators",
    "MappingAlarms": "on",
    "LogRetentionDays": "7",
    "Architecture": "arm64",
    "FunctionTimeout": "20",
    "VisibilityTimeout": "120",
    "FanOutMaximumConcurrency": "10",
    "PushHttpMaximumConcurrency": "3",
    "PushAwsMaximumConcurrency": "1000",
    "StreamBatchSize": "100",
    "ParallelizationFactor": "2",
    "ConverterMemory": "320",
    "FanOutMemory": "1769",
    "CatchUpMemory": "10240",
    "PushMemory": "640",
}
# The most clients of a stack, each with the longest name. Thirty of them can be pushed to.
NAMES = [f"{n:0>3}"[::-1].join(("C", "x" * 36)) for n in range(100)]
SETS = {
    "defaults": {},
    "every option": EVERY_OPTION,
    "no own client": {"Clients": "0"},
    "1 client": {"Clients": "Billing"},
    "3 clients": {"Clients": "Billing,Insurance,Enforcement"},
    "a webhook": {"PushHttpClients": "Billing", "PushHttpQueueArns": queue_arns(["Billing"], "")},
    "a target in AWS": {"PushAwsClients": "Billing", "PushAwsQueueArns": queue_arns(["Billing"], "")},
    "100 clients": {
        **EVERY_OPTION,
        "Clients": ",".join(NAMES),
        "PushHttpClients": ",".join(NAMES[:15]),
        "PushHttpQueueArns": queue_arns(NAMES[:15]),
        "PushAwsClients": ",".join(NAMES[15:30]),
        "PushAwsQueueArns": queue_arns(NAMES[15:30]),
    },
}

API_EVERY_OPTION = {
    "JwtIssuer": "https://issuer.example.com/",
    "JwtAudience": "marks,orders",
    "DocsPage": "enabled",
    "ThrottlingRate": "7",
    "ThrottlingBurst": "11",
    "OtherEvents": "fifo-queue",
    "Architecture": "arm64",
    "Memory": "320",
    "LogRetentionDays": "7",
    "AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:operators",
}
API_SETS = {
    "defaults": {},
    "every option": API_EVERY_OPTION,
    "a route for producers": {"OtherEvents": "http"},
    "a standard queue": {"OtherEvents": "standard-queue"},
}
# Each template with its sets, and the parameters that have no value in the one with every option.
TEMPLATES = {
    "template.yml": (SETS, {"Clients"}),
    "api/template.yml": (API_SETS, set()),
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", type=Path, metavar="DIRECTORY", help="where to write the results, as JSON")
    arguments = arguments.parse_args()
    # The translator asks for a region, and calls nothing.
    os.environ["AWS_DEFAULT_REGION"] = REGION
    logging.disable(logging.CRITICAL)

    problems = []
    for template, (sets, without) in TEMPLATES.items():
        source = Path(template).read_text()
        declared = yaml_parse(source)["Parameters"]
        stale = sets["every option"].keys() ^ (declared.keys() - without)
        problems += [f"{template}: `{name}`: a parameter, or in `every option`, not both" for name in sorted(stale)]
        directory = arguments.write and arguments.write / Path(template).parent
        for name, chosen in sets.items():
            found = []
            for numbers in (False, True):
                found += read(source, declared, chosen, numbers, directory and directory / f"{name}.json")
            print(f"control plane: {template}, {name}: {len(found)} problems")
            problems += [f"{template}, {name}: {problem}" for problem in found]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def read(source, declared, chosen, numbers, path):
    """Returns what AWS would refuse in the template with these parameters."""
    values = {name: value(parameter, chosen.get(name), numbers) for name, parameter in declared.items()}
    template = yaml_parse(source)
    for resource in template["Resources"].values():
        # Where `fanoutctl deploy` puts it.
        if isinstance(resource, dict) and "CodeUri" in resource.get("Properties", {}):
            resource["Properties"]["CodeUri"] = {"Bucket": "packages", "Key": "function.zip"}
    literal = put_in(written_out(template, values), values)
    try:
        plain = transform(literal, {**PSEUDO, **values}, ManagedPolicies())
    except InvalidDocumentException as error:
        return [cause.message for cause in error.causes]
    plain.pop("Transform", None)
    plain = decided(plain, {name: holds(condition, plain["Conditions"]) for name, condition in plain["Conditions"].items()})
    # What is left has no condition that does not hold.
    del plain["Conditions"]
    for item in [*plain["Resources"].values(), *plain["Outputs"].values()]:
        item.pop("Condition", None)
    if path and not numbers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(plain, indent=1))
    # W2001: parameters are not referred to, once their values are put in. W8003: conditions are known.
    # W6001: an output says which stream it is, imported or not.
    arguments = ManualArgs(
        ignore_checks=["W2001", "W6001", "W8003", "I"],
        configure_rules={"E3012": {"strict": "true" if numbers else "false"}},
        regions=[REGION],
    )
    found = cfnlint.lint(json.dumps(plain), config=arguments)
    return [f"{match.rule.id} {'/'.join(map(str, match.path or []))}: {match.message}" for match in found]


def value(parameter, chosen, number):
    """Returns a parameter's value as it is put in: text, or a list of texts."""
    text = str(parameter["Default"] if chosen is None else chosen)
    if parameter["Type"] == "CommaDelimitedList":
        return text.split(",")
    return int(text) if number and parameter["Type"] == "Number" else text


def written_out(template, values):
    """Returns the template with its loops written out."""
    context = TemplateProcessingContext(
        fragment=template, parameter_values=values, resolution_mode=ResolutionMode.PARTIAL
    )
    loops = ForEachProcessor(intrinsic_resolver=create_default_intrinsic_resolver(context))
    return ProcessingPipeline([TemplateParsingProcessor(), loops]).process_template(context)


def put_in(node, values):
    """Returns the node with the values of parameters in place of references to them.

    Of `Fn::Sub`, text is left where all of it is known.
    """
    if isinstance(node, list):
        return [put_in(item, values) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: put_in(item, values) for key, item in node.items()}
    match node:
        case {"Ref": str(name)} if name in values:
            return values[name]
        case {"Fn::Sub": str(text)}:
            text = VARIABLE.sub(lambda name: str(values.get(name[1], name[0])), text)
            return {"Fn::Sub": text} if "${" in text else text
    return node


def holds(condition, conditions):
    """Returns whether a condition holds, in a template whose parameters' values are put in."""
    match condition:
        case {"Condition": name}:
            return holds(conditions[name], conditions)
        case {"Fn::Equals": [one, other]}:
            return holds(one, conditions) == holds(other, conditions)
        case {"Fn::Not": [one]}:
            return not holds(one, conditions)
        case {"Fn::And": all_of}:
            return all(holds(one, conditions) for one in all_of)
        case {"Fn::Or": any_of}:
            return any(holds(one, conditions) for one in any_of)
        case {"Fn::Select": [place, items]}:
            return items[int(place)]
        case {"Ref": str(name)} if name in PSEUDO:
            return PSEUDO[name]
        case str() | int():
            return condition
    raise NotImplementedError(f"a condition of a kind that this script does not know: {condition}")


def decided(node, conditions):
    """Returns the node as CloudFormation makes it: one branch of each `Fn::If`, and only what has no false condition."""
    if isinstance(node, list):
        return [item for item in (decided(item, conditions) for item in node) if item != NO_VALUE]
    match node:
        case {"Fn::If": [str(name), then, otherwise]}:
            return decided(then if conditions[name] else otherwise, conditions)
        case dict():
            items = {key: decided(item, conditions) for key, item in node.items() if not is_absent(item, conditions)}
            return {key: item for key, item in items.items() if item != NO_VALUE}
    return node


def is_absent(item, conditions):
    """Returns whether an item is a resource or an output whose condition is false."""
    match item:
        case {"Condition": str(name)}:
            return conditions.get(name) is False
    return False


class ManagedPolicies:
    """The names of AWS's managed policies, which the template doesn't use."""

    def load(self):
        return {}


if __name__ == "__main__":
    sys.exit(main())

"""Runs MiniStack. Ends it, and every function that it started, when the starter is gone, however the starter died.

The starter holds the other end of standard input and never writes to it, so the end of file means that it is gone.
"""

import functools
import os
import runpy
import signal
import threading


def end_with_starter():
    os.read(0, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def provision_as_cloudformation_does():
    """Mends two things of MiniStack's CloudFormation, which `fanoutctl check` would find: a number that a parameter gives a
    mapping stays text, and a table's backups stay off.
    """
    import ministack.app  # noqa: F401  (before its parts, which import each other)
    from ministack.services import dynamodb
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS as handlers

    def numbers(value):
        if isinstance(value, dict):
            return {name: numbers(member) for name, member in value.items()}
        return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value

    def with_numbers(provision):
        @functools.wraps(provision)
        def provisioned(*arguments, **named):
            typed = [numbers(argument) if isinstance(argument, dict) else argument for argument in arguments]
            return provision(*typed, **named)

        return provisioned

    def with_backups(provision):
        @functools.wraps(provision)
        def provisioned(*arguments, **named):
            provisioned = provision(*arguments, **named)
            # The last properties are the new ones.
            properties = [argument for argument in arguments if isinstance(argument, dict)][-1]
            specification = properties.get("PointInTimeRecoverySpecification", {})
            dynamodb._pitr_settings[provisioned[0]] = specification.get("PointInTimeRecoveryEnabled", False)
            return provisioned

        return provisioned

    for kind, mended in [("AWS::Lambda::EventSourceMapping", with_numbers), ("AWS::DynamoDB::Table", with_backups)]:
        for change in ("create", "update"):
            handlers[kind][change] = mended(handlers[kind][change])


threading.Thread(target=end_with_starter, daemon=True).start()
provision_as_cloudformation_does()
runpy.run_module("ministack", run_name="__main__")

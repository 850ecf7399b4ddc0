"""Runs MiniStack, and ends it and every function it started when its starter is gone, however that died.

The starter holds the other end of standard input and never writes to it: its end of file is the starter's end.
"""

import os
import runpy
import signal
import threading


def end_with_starter():
    os.read(0, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


threading.Thread(target=end_with_starter, daemon=True).start()
runpy.run_module("ministack", run_name="__main__")

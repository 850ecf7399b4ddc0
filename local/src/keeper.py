"""Runs MiniStack. Ends it, and every function that it started, when the starter is gone, however the starter died.

The starter holds the other end of standard input and never writes to it, so the end of file means that it is gone.
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

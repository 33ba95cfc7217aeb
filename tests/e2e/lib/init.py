# SPDX-License-Identifier: MIT
"""init.py SECONDS: process 1 of a side. Collects orphans, and ends itself, and so the side, when the time is over."""
import os
import signal
import sys
import time

end = time.monotonic() + float(sys.argv[1])
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
while (left := end - time.monotonic()) > 0:
    signal.sigtimedwait({signal.SIGCHLD}, left)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass

# SPDX-License-Identifier: MIT
"""subreaper.py COMMAND…: runs it, and says whether a child is left then that is waited for."""
import ctypes
import os
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
subprocess.run(sys.argv[1:], check=True)
try:
    print("a child:", os.waitpid(-1, 0))
except ChildProcessError:
    print("none")

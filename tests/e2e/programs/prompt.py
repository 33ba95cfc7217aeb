# SPDX-License-Identifier: MIT
"""prompt.py COMMAND…: runs it on a terminal of its own until it asks for a command, says exit, prints what was seen."""
import os
import pty
import re
import select
import signal
import sys
import time

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
end = time.monotonic() + 20
while time.monotonic() < end:
    # what is typed before a shell has set up its terminal is thrown away: said again until it is heard
    if not select.select([terminal], [], [], 0.2)[0]:
        if re.search(rb"(mine>|\(sockshim\) [$#]) ", seen):
            os.write(terminal, b"exit\r")
        continue
    try:
        data = os.read(terminal, 4096)
    except OSError:  # it has ended
        break
    seen += data
else:
    os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
print(seen.decode(errors="replace"))

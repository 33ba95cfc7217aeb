# SPDX-License-Identifier: MIT
"""listen.py ADDRESS|unbound PORTFILE ENDFILE: listens there until ENDFILE exists; PORTFILE gets the port, or "refused"."""
import os
import socket
import sys
import time

address, port_file, end_file = sys.argv[1:]
with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
    try:
        if address != "unbound":
            s.bind((address, 0))
        s.listen()
        port = s.getsockname()[1]
    except PermissionError:
        port = "refused"
    with open(port_file + ".new", "w") as f:
        print(port, file=f)
    os.rename(port_file + ".new", port_file)
    end = time.monotonic() + 20
    while not os.path.exists(end_file) and time.monotonic() < end:
        time.sleep(0.01)

# SPDX-License-Identifier: MIT
"""exitmap.py COMMAND…: reads the command's output as exitmap does, and prints "port N" for each source port that its
regular expression finds, or "port N gone" if there is no such connection at that time; then the exit status."""
import re
import subprocess
import sys


def is_live(port):
    for line in open("/proc/net/tcp").readlines()[1:]:
        fields = line.split()
        if int(fields[1].split(":")[1], 16) == port and fields[3] == "01":  # established
            return True
    return False


process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
for line in iter(process.stdout.readline, b""):
    # src/command.py of exitmap
    found = re.search("Connection on fd [0-9]+ originating from [^:]+:([0-9]{1,5})", line.strip().decode())
    if found:
        print("port", found.group(1), "live" if is_live(int(found.group(1))) else "gone", flush=True)
sys.exit(process.wait())

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""irssi.py PORT TEXT COMMAND...: `COMMAND irssi` on a terminal, which connects to tcp.far.test:PORT.
It quits by itself when it has logged in; when TEXT is on its screen, it is told to. The exit status is
irssi's; without TEXT (and TEXT is not empty) it is 99, and the screen goes to stdout.
"""
import fcntl
import os
import pty
import struct
import sys
import tempfile
import termios

port, text, command = sys.argv[1], sys.argv[2].encode(), sys.argv[3:]
with tempfile.TemporaryDirectory() as home:
    with open(home + '/config', 'w', encoding='ascii') as f:
        f.write('''servers = ( { address = "tcp.far.test"; port = "%s"; chatnet = "far"; autoconnect = "yes"; } );
chatnets = { far = { type = "IRC"; nick = "me"; autosendcmd = "/quit well"; }; };
''' % port)
    pid, fd = pty.fork()
    if not pid:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 200, 0, 0))
        os.environ['TERM'] = 'xterm'
        os.execvp(command[0], command + ['irssi', '--home=' + home])
    screen, told = b'', False
    while True:
        try:
            screen += os.read(fd, 4096)
        except OSError:  # the terminal's last process is gone
            break
        if text and text in screen and not told:
            told = True
            os.write(fd, b'/quit\n')
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if status == 0 and told != bool(text):
    status = 99
if status:
    sys.stdout.buffer.write(screen)
sys.exit(status)

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""fetch_glib.py COUNT HOST PORT: so many pages at once with GLib's main loop and GSocketClient."""
import sys

from gi.repository import Gio, GLib

loop = GLib.MainLoop()
left = int(sys.argv[1])
failed = False


def end(error=None):
    global left, failed
    left -= 1
    if error:
        failed = True
        print(error.message, file=sys.stderr)
    if not left:
        loop.quit()


def connected(client, result, _data):
    try:
        connection = client.connect_to_host_finish(result)
        connection.get_output_stream().write(b"GET / HTTP/1.0\r\n\r\n")
    except GLib.Error as e:
        end(e)
        return
    read(connection)


def read(connection):
    connection.get_input_stream().read_bytes_async(4096, GLib.PRIORITY_DEFAULT, None, have_read, connection)


def have_read(stream, result, connection):
    data = stream.read_bytes_finish(result).get_data()
    if not data:
        end()
        return
    print(data.decode(), end="")
    read(connection)


for _ in range(left):
    Gio.SocketClient().connect_to_host_async(sys.argv[2], int(sys.argv[3]), None, connected, None)
loop.run()
sys.exit(failed)

# SPDX-License-Identifier: MIT
"""mark.py INTERFACE NONCE: sends the frame that asks the capture for its account."""
import socket
import sys

frame = bytes.fromhex("020000000001") * 2 + b"\x88\xb5" + sys.argv[2].encode().ljust(64, b"\0")
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as s:
    s.bind((sys.argv[1], 0))
    s.send(frame)

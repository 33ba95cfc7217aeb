# SPDX-License-Identifier: MIT
"""sniff.py INTERFACE DIR: counts the packets on INTERFACE by flow.

A marker frame (ethertype 88b5, a name) makes it write the flows since the last one to DIR/name and start again.
A line is: COUNT DIRECTION PROTOCOL SOURCE DESTINATION FLAGS; "out" is what the program's side sent. Ports follow the
address after a dot. "lost N" stands there when the kernel dropped N packets.
"""
import collections
import ipaddress
import os
import socket
import struct
import sys

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_RCVBUFFORCE = 33
MARK = 0x88B5
NAMES = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp6", 2: "igmp"}


def ports(proto, data):
    """(source port, destination port, flags) of a transport header, as text."""
    if proto not in (6, 17) or len(data) < 4:
        return "", "", data[:2].hex() or "-"
    src, dst = struct.unpack_from("!HH", data)
    flags = "-"
    if proto == 6 and len(data) > 13 and data[13] & 0x12 == 0x02:
        flags = "SYN"
    return f".{src}", f".{dst}", flags


def describe(frame):
    """PROTOCOL SOURCE DESTINATION FLAGS"""
    (kind,) = struct.unpack_from("!H", frame, 12)
    data = frame[14:]
    if kind == 0x0800 and len(data) >= 20:
        proto, rest = data[9], data[(data[0] & 15) * 4 :]
        src, dst = ipaddress.ip_address(data[12:16]), ipaddress.ip_address(data[16:20])
    elif kind == 0x86DD and len(data) >= 40:
        proto, rest = data[6], data[40:]
        if proto == 0 and len(rest) > 8:  # hop by hop: MLD
            proto, rest = rest[0], rest[(rest[1] + 1) * 8 :]
        src, dst = ipaddress.ip_address(data[8:24]), ipaddress.ip_address(data[24:40])
    else:
        return f"ether-{kind:04x} {frame[6:12].hex()} {frame[:6].hex()} {data[:32].hex() or '-'}"
    sport, dport, flags = ports(proto, rest)
    return f"{NAMES.get(proto, proto)} {src}{sport} {dst}{dport} {flags}"


def main():
    directory = sys.argv[2]
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
    s.bind((sys.argv[1], ETH_P_ALL))
    flows = collections.Counter()
    buf = bytearray(256)
    view = memoryview(buf)
    open(os.path.join(directory, "ready"), "w").close()
    while True:
        size, address = s.recvfrom_into(buf)
        frame = bytes(view[: min(size, 256)])
        out = address[2] != socket.PACKET_OUTGOING
        if not (out and int.from_bytes(frame[12:14], "big") == MARK):
            flows[("out" if out else "in") + " " + describe(frame)] += 1
            continue
        name = frame[14:].rstrip(b"\0").decode()
        lost = struct.unpack("II", s.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
        path = os.path.join(directory, name)
        with open(path + ".new", "w") as f:
            if lost:
                print("lost", lost, file=f)
            for flow, count in flows.items():
                print(count, flow, file=f)
        os.rename(path + ".new", path)
        flows.clear()


main()

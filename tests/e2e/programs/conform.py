#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""conform.py BUILD FIRST COUNT [PROXY]: runs `conform` bare and wrapped, and compares what it says.

In a network namespace of its own. The bare connection is slow because a TUN device turns packets
round (10.200.0.2 is the listener on 10.200.0.1) and holds each SYN; the wrapped one because the
proxy does. Prints the sequences that differ; exit 1 if any do.
"""
import concurrent.futures
import fcntl
import heapq
import os
import select
import struct
import subprocess
import sys
import threading
import time

DELAY, WORKERS = 40, 8
HERE, THERE = '10.200.0.1', '10.200.0.2'
PROXY = sys.argv[4] if len(sys.argv) > 4 else '127.0.0.1:1080'


def tun():
    fd = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH', b'tun0', 0x1001))  # TUNSETIFF: TUN, no header
    for command in ('link set lo up', 'addr add %s/24 dev tun0' % HERE, 'link set tun0 up'):
        subprocess.run(['ip'] + command.split(), check=True)
    return fd


def turn_round(fd):
    """Swaps the addresses of every packet; a SYN is held for DELAY ms."""
    held = []
    while True:
        wait = max(0, held[0][0] - time.monotonic()) if held else None
        if select.select([fd], [], [], wait)[0]:
            p = os.read(fd, 65536)
            if p[0] >> 4 != 4 or p[9] != 6:
                continue
            p = p[:12] + p[16:20] + p[12:16] + p[20:]
            if p[(p[0] & 15) * 4 + 13] & 0x12 == 0x02:
                heapq.heappush(held, (time.monotonic() + DELAY / 1000, p))
            else:
                os.write(fd, p)
        while held and held[0][0] <= time.monotonic():
            os.write(fd, heapq.heappop(held)[1])


def sequences(out):
    return out.split('seed ')[1:]


def main():
    build, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    conform = build + '/tests/e2e/conform'
    if not os.environ.get('CONFORM_NAMESPACE'):
        os.environ['CONFORM_NAMESPACE'] = '1'
        os.execvp('unshare', ['unshare', '-n', sys.executable] + sys.argv)
    threading.Thread(target=turn_round, args=(tun(),), daemon=True).start()
    helpers = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in (
        [conform, 'serve', HERE],
        [build + '/sockshimctl', 'proxy', '--listen', PROXY, '--delay', str(DELAY),
         '--map', THERE + '=' + HERE])]
    time.sleep(0.5)
    try:
        return compare(build, conform, first, count)
    finally:
        for h in helpers:
            h.kill()


def run(build, conform, begin, count):
    """What `conform` says of these seeds, bare and wrapped."""
    arguments = [conform, THERE, str(DELAY), str(begin), str(count)]
    shim = [build + '/sockshim', '-q', '-p', 'socks5://' + PROXY, '--']
    both = [subprocess.Popen(words + arguments, stdout=subprocess.PIPE, text=True)
            for words in ([], shim)]
    outs = [None, None]

    def collect(which):
        outs[which] = sequences(both[which].communicate()[0])

    threads = [threading.Thread(target=collect, args=(which,)) for which in (0, 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return outs


def alike(bare, wrapped):
    """CONFORM_STAYS: where another socket stands for the program's, a connect(2) after a failure that the
    program has seen begins anew at once; the kernel says ECONNABORTED once."""
    if 'CONFORM_STAYS' in os.environ and 'ECONNABORTED' in bare:
        at = bare[:bare.index('ECONNABORTED')].rindex('\n')
        return bare[:at] == wrapped[:at]
    return bare == wrapped


def show(bare, wrapped):
    lines = wrapped.split('\n')
    print('seed ' + bare.split('\n')[0])
    for i, line in enumerate(bare.split('\n')[1:], 1):
        other = lines[i] if i < len(lines) else '(nothing)'
        print('  %-52s%s' % (line, '' if line == other else '| ' + other))


def compare(build, conform, first, count):
    share = (count + WORKERS - 1) // WORKERS
    begins = range(first, first + count, share)
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        outs = list(pool.map(lambda b: run(build, conform, b, min(share, first + count - b)),
                             begins))
    suspects, total, differ = [], 0, 0
    for bare, wrapped in outs:
        if len(bare) != len(wrapped):
            print('%d sequences bare, %d wrapped' % (len(bare), len(wrapped)))
            differ += 1
        total += len(bare)
        suspects += [(a, b) for a, b in zip(bare, wrapped) if not alike(a, b)]
    for a, b in suspects:  # a difference of the machine's load does not come again
        for _ in range(3):
            again = run(build, conform, int(a.split()[0]), 1)
            if alike(again[0][0], again[1][0]):
                break
        else:
            differ += 1
            show(a, b)
    print('%d sequences, %d differ (seeds from %d; %d looked at again)'
          % (total, differ, first, len(suspects)))
    return 1 if differ or total != count else 0


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""conform.py BUILD FIRST COUNT [PROXY]: runs `conform` bare and wrapped, each in a network namespace of its
own, and compares what they say. Prints the sequences that differ; exit status 1 if any do. With AS=user
in the environment the sequences run as an ordinary user; CONFORM_OPTIONS are more options of sockshim."""
import itertools
import os
import subprocess
import sys

PROGRAMS = '/tests/e2e/'


def start(build, wrap, numbers):
    who = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    command = ['unshare', '-n', build + PROGRAMS + 'conform_far']
    command += who if os.environ.get('AS') == 'user' else []
    command += wrap + [build + PROGRAMS + 'conform'] + numbers
    env = {**os.environ, 'HOME': '/'}
    if not wrap and 'CONFORM_UNIX' in env: # or its far end would take the place of the other's proxy
        env['CONFORM_UNIX'] += '.bare'
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def sequences(out):
    text = []
    for line in out:
        if line.startswith('seed ') and text:
            yield text
            text = []
        text.append(line.rstrip('\n'))
    if text:
        yield text


def alike(bare, wrapped):
    """CONFORM_STAYS: where another socket stands for the program's, a connect(2) after a failure that the
    program has seen begins anew at once; the kernel says ECONNABORTED once."""
    if 'CONFORM_STAYS' in os.environ:
        for at, line in enumerate(bare):
            if 'ECONNABORTED' in line:
                return bare[:at] == wrapped[:at]
    return bare == wrapped


def show(bare, wrapped):
    for line, other in itertools.zip_longest(bare, wrapped, fillvalue='(nothing)'):
        print('  %-60s%s' % (line, '' if line == other else '| ' + other))


def main():
    build, numbers = sys.argv[1], sys.argv[2:4]
    proxy = sys.argv[4] if len(sys.argv) > 4 else '10.200.0.2:1080'
    if proxy.startswith('unix:'):
        os.environ['CONFORM_UNIX'] = proxy[len('unix:'):]
    shim = [build + '/sockshim', '-q', *os.environ.get('CONFORM_OPTIONS', '').split(), '-p', 'socks5://' + proxy, '--']
    both = [start(build, wrap, numbers) for wrap in ([], shim)]
    total = differ = 0
    for bare, wrapped in itertools.zip_longest(*[sequences(p.stdout) for p in both], fillvalue=[]):
        total += 1
        if not alike(bare, wrapped):
            differ += 1
            if differ <= 5:
                show(bare, wrapped)
    ends = [p.wait() for p in both]
    print('%d sequences from %s, %d differ' % (total, numbers[0], differ))
    return 1 if differ or total != int(numbers[1]) or ends != [0, 0] else 0


if __name__ == '__main__':
    sys.exit(main())

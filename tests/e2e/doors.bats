#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Side doors: sockets that others answer or hand over, and what makes the kernel itself send.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
}

setup()
{
	proxy_use embedded
	capture_start
}

teardown_file()
{
	net_down
}

@test "sockets of services that look names up are refused, others are not" {
	run in_prog --root "$PYTHON" "$T/e2e/programs/unix_doors.py" "$T/build/sockshim" -q -p "$PROXY"
	expect_status 0
	expect_output "/run/nscd/socket ENOENT
/run/systemd/resolve/io.systemd.Resolve ENOENT
/run/avahi-daemon/socket ENOENT
/run/other/socket connected
@sockshim-e2e-other connected
/run//nscd/./socket ENOENT
2 came"
	run in_prog --root "$PYTHON" "$T/e2e/programs/unix_doors.py" "$T/build/sockshim" -q -p "$PROXY" \
		-o 'UnixSockets=!/run/nscd/*,/run/*'
	expect_output "/run/nscd/socket connected
/run/systemd/resolve/io.systemd.Resolve ENOENT
/run/avahi-daemon/socket ENOENT
/run/other/socket ENOENT
@sockshim-e2e-other connected
/run//nscd/./socket connected
2 came"
	assert_no_packets
}

# handed WRAP…: what a program gets of sockets that are handed to it
handed()
{
	run --separate-stderr in_prog "$PYTHON" "$T/e2e/programs/handed.py" "$WEB_IP4" "$@"
	expect_status 0
}

@test "sockets of others: past the proxy they are dead, on loopback they live, and nobody else's are harmed" {
	check()
	{
		handed "$T/build/sockshim" -p "$PROXY"
		expect_output "inherited connection: dead (Broken pipe)
inherited datagrams: Destination address required
inetd: 6
accepted: 127.0.0.1 friend
message: two 2 descriptors, more files: 2
received connection: dead (Broken pipe)
heard: hello and over the pipe
stranger: closed
our own ends: page page"
		expect_match "$stderr" "refused: descriptor [0-9]+, connected to $WEB_IP4:80: .*Inherited allow"
	}
	both check
}

@test "sockets of others, without the launcher" {
	handed env LD_PRELOAD="$T/build/libsockshim.so" SOCKSHIM_PROXY="$PROXY" SOCKSHIM_LOG=silent
	expect_match "$output" 'inherited connection: dead .*received connection: dead .*our own ends: page page'
}

@test "Inherited allow keeps them" {
	handed "$T/build/sockshim" -p "$PROXY" -o Inherited=allow -o Inbound=any
	expect_match "$output" 'inherited connection: page.*datagrams: sent.*accepted: 192.0.2.2 stranger'
}

# in_session COMMAND…: what it starts is in the session
in_session()
{
	run shim -q "$@"
	expect_status 0
}

@test "whatever environment it is given, a program stays in the session" {
	local calls=$T/build/tests/calls/calls

	check()
	{
		in_session env -i "$calls" session
		in_session env -u LD_PRELOAD -u SOCKSHIM_SESSION bash -c "exec -c $calls session"
		in_session env LD_PRELOAD=libdl.so.2 "$calls" session
		in_session env 'LD_PRELOAD=libdl.so.2 libm.so.6' sh -c "$calls session"
		in_session "$PYTHON" -c "import subprocess; subprocess.run(['$calls', 'session'], env={}, check=True)"
		in_session "$PYTHON" -c "import os; os.posix_spawn('/bin/sh', ['sh', '-c', 'exit 3'], {}); \
import sys; sys.exit(os.waitstatus_to_exitcode(os.wait()[1]) != 3)"
		in_session perl -e "%ENV = (); system('$calls session') and die"
		in_session "$T/build/sockshim" -q -p "$PROXY" "$calls" session
	}
	both check
	assert_no_packets
}

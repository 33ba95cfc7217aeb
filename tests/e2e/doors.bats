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

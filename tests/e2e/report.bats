#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Report: what a controller hears, when, and what becomes of a program whose controller is absent, dead, slow, full or
# talks nonsense. Each case of programs/report.py is controller and proxy in one, on the program's side.

load lib/common

setup_file()
{
	net_up
	install -m 644 "$REPO/man/sockshim-report.7" "$T/tmp/"
}

setup()
{
	capture_start
}

# holds CASE: as root and as an ordinary user; nothing goes over the cable.
holds()
{
	check()
	{
		LIMIT=110 run in_prog "$PYTHON" "$T/e2e/programs/report.py" "$1"
		expect_output ok
	}
	both check "$1"
	assert_no_packets
}

@test "every field is right: process, socket, proxy, host, user, tag" {
	holds fields
}

@test "names that are not UTF-8 come back as they were" {
	holds bytes
}

@test "a proxy on IPv6, names and addresses that are looked up, when the process began" {
	holds kinds
}

@test "the report is there when the proxy has the first byte" {
	holds order
}

@test "no controller, a dead one, one with a full queue: optional goes on, required refuses with one line" {
	holds unreachable
}

@test "a controller that stops reading: optional drops and says how much, required refuses" {
	holds full
}

@test "absent, dead, full, mute, nonsense, for ever, slow, hangs up; in each mode; blocking, non-blocking, static" {
	holds controllers
}

@test "required waits for a controller that is started anew" {
	holds anew
}

@test "a controller that hangs up between two connections: a new one to it, or none goes on" {
	holds hang_up
}

@test "who sends a report is proven by SO_PASSCRED" {
	holds proven
}

@test "answers: go, deny, user; the proxy hears nothing before" {
	holds answers
}

@test "ReportMode optional waits for a silent controller once" {
	holds no_answer
}

@test "a non-blocking connection waits for its answer in progress: asyncio, poll, select, epoll" {
	holds nonblock
}

@test "a non-blocking connection without an answer ends after ReportTimeout, or goes on" {
	holds nonblock_slow
}

@test "forks, children of children, threads and spawned programs: each process a connection, each stream a report" {
	holds processes
}

@test "a vfork child and a signal handler report, too; errno stays" {
	holds vfork
}

@test "closefrom, dup2 over our number, no descriptor to spare: no report goes astray" {
	holds descriptors
}

@test "an inherited pipe or socket of many processes; a file" {
	holds inherited
}

@test "tcp: on loopback, with answers" {
	holds tcp
}

@test "the guard: static programs are reported by the supervisor, asked about, denied" {
	holds guard
}

@test "attempts are reported by library and supervisor" {
	holds attempts
}

@test "closed sockets: the supervisor says so" {
	holds close
}

@test "the controller of the manual" {
	holds manual
}

@test "without Report no system call comes between connect and the first byte" {
	proxy_up embedded
	calls()
	{
		in_prog strace -f -o "$T/tmp/calls" -s 0 "$T/build/sockshim" -o Guard=off -p "$PROXY" "$@" \
			"$T/build/tests/e2e/report_vfork" || return 1
		grep -A 1 "connect(.*htons($PROXY_PORT)" "$T/tmp/calls" | awk '!/connect\(/ && !/^--/ { print $2 }' |
			sed 's/(.*//' | sort | uniq -c
	}
	run calls
	expect_match "$output" '^ *3 (sendto|setsockopt)$'
	run grep -cE 'AF_UNIX|getsockname|prlimit64.*NOFILE' "$T/tmp/calls"
	expect_output 0
	run calls -o Report=file:/dev/null # the same look does see them
	run grep -cE 'getsockname' "$T/tmp/calls"
	expect_output 3
}

@test "wrong settings: file, line, key and reason, before anything runs" {
	local pair

	for pair in 'x|is none of' 'unix:x|absolute path' 'tcp:192.0.2.1:80|loopback' 'tcp:127.0.0.1|is not tcp' 'fd:x|is not fd'; do
		run in_prog "$T/build/sockshim" -o "Report=${pair%|*}" echo ran
		expect_status 2
		expect_match "$output" "command line: Report: .*${pair#*|}"
	done
	run in_prog "$T/build/sockshim" -o Report=file:/tmp/x -o ReportAck=yes echo ran
	expect_match "$output" 'ReportAck: yes needs Report unix: or tcp:'
	run in_prog "$T/build/sockshim" -o ReportMode=required echo ran
	expect_match "$output" 'ReportMode: required without Report'
	run in_prog "$T/build/sockshim" --tag "$(printf %065d 0)" echo ran
	expect_match "$output" 'Tag: is longer than 64 bytes'
}

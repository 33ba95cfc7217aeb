#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What goes through a stream: either end may speak first, close its writing side, send much, or say nothing.

load lib/common

setup_file()
{
	local kind

	net_up
	for kind in embedded microsocks danted sshd; do
		proxy_up "$kind"
	done
}

# The answer comes only after the server has seen our end: SHUT_WR went through.
half_close()
{
	run in_prog bash -c "printf 'five\n' | $T/build/sockshim -p $PROXY nc -N tcp.far.test 7002"
	expect_status 0
	expect_output 'got 5 bytes'
}

@test "half-close by nc -N through the embedded server" {
	both half_close
	clean
}

@test "half-close by nc -N through danted" {
	proxy_use danted
	both half_close
	clean
}

@test "half-close by nc -N through ssh -D" {
	proxy_use sshd
	both half_close
	clean
}

@test "half-close is held back with HalfClose hold: the answer comes, and the server sees no end before us" {
	check()
	{
		run in_prog bash -c "printf 'line\n' |
			$T/build/sockshim -p $PROXY -o HalfClose=hold nc -N -w 2 tcp.far.test 7004"
		expect_output line
		run in_prog bash -c "printf 'five\n' |
			$T/build/sockshim -p $PROXY -o HalfClose=hold nc -N -w 2 tcp.far.test 7002"
		expect_output ''
	}
	both check
	clean
}

@test "HalfClose hold keeps the page of nc -N from a server that takes the half-close for the end (microsocks)" {
	proxy_use microsocks
	check()
	{
		run in_prog bash -c "printf 'GET / HTTP/1.0\r\n\r\n' |
			$T/build/sockshim -p $PROXY -o HalfClose=hold nc -N web.far.test 80 | tail -1"
		expect_output "$WEB_BODY"
	}
	both check
	clean
}

@test "the server speaks first" {
	check()
	{
		run in_prog bash -c "echo hi | $T/build/sockshim -p $PROXY nc tcp.far.test 7001"
		expect_output "$(printf '220 server speaks first\nyou said: hi')"
	}
	for kind in embedded microsocks danted sshd; do
		proxy_use "$kind"
		capture_start
		both check
		clean
	done
}

@test "100 MiB arrive whole" {
	local kind sum

	sum=$(in_far curl -sS "http://$WEB_IP4/big.sha256")
	for kind in embedded microsocks danted sshd; do
		proxy_use "$kind"
		run in_prog bash -c "$T/build/sockshim -p $PROXY curl -sS http://web.far.test/big | sha256sum"
		expect_output "$sum  -"
	done
}

@test "100 MiB arrive whole, as ordinary user" {
	local sum

	sum=$(in_far curl -sS "http://$WEB_IP4/big.sha256")
	run in_prog --user bash -c "$T/build/sockshim -p $PROXY wget -q -O - http://web.far.test/big | sha256sum"
	expect_output "$sum  -"
	clean
}

@test "100 threads connect at once" {
	check()
	{
		run shim "$T/build/tests/e2e/sockets" threads
		expect_status 0
	}
	both check
	clean
	[ "$(requests | wc -l)" -eq 200 ]
}

@test "100 threads of python look up and connect at once" {
	check()
	{
		run shim "$PYTHON" -c '
import concurrent.futures as f, urllib.request as r
get = lambda i: r.urlopen(f"http://web.far.test/?{i}", timeout=20).read()
with f.ThreadPoolExecutor(100) as pool:
    print(len(list(pool.map(get, range(100)))), "pages")'
		expect_output '100 pages'
	}
	both check
	clean
}

@test "a server that never answers: the program's own time limit holds" {
	check()
	{
		run shim curl -sS --max-time 1 http://tcp.far.test:7003/
		expect_status 28
	}
	both check
	clean
}

@test "a reset by the server reaches the program" {
	check()
	{
		run shim curl -sS --max-time 20 http://tcp.far.test:7005/
		[ "$status" -eq 56 ] || [ "$status" -eq 52 ] || fail 'neither reset nor empty'
	}
	both check
	clean
}

#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Names of programs that ask a server by themselves, past the library: answered on this machine, known to the proxy only.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	mkdir "$T/tmp/bin"
	export GOCACHE="$B/go" GOTOOLCHAIN=local GOFLAGS=-buildvcs=false
	CGO_ENABLED=0 go build -o "$T/tmp/bin/go_static" "$E2E/programs/fetch.go"
	CGO_ENABLED=1 go build -o "$T/tmp/bin/go_cgo" "$E2E/programs/fetch.go"
	rustc -O -C target-feature=+crt-static -o "$T/tmp/bin/rust_static" "$E2E/programs/fetch.rs"
}

lookup()
{
	LIMIT=10 run shim -q "$@"
}

@test "a static Go program fetches a page by a name that only the proxy knows" {
	check()
	{
		run shim env GODEBUG=netdns=go "$T/tmp/bin/go_static" http://web.far.test/
		expect_output "$WEB_BODY"
		run shim "$T/tmp/bin/go_static" http://web.far.test/
		expect_output "$WEB_BODY"
		run shim -q "$T/tmp/bin/go_static" "http://$WEB_IP4/"
		expect_output "$WEB_BODY"
	}
	both check
	clean
}

@test "the same over a proxy on a Unix socket" {
	mkdir -m 777 "$T/unix"
	far_start unix-proxy "$T/build/sockshimctl" proxy --listen "unix:$T/unix/socks" --map "web.far.test=$WEB_IP4"
	wait_for 10 test -S "$T/unix/socks"
	chmod 777 "$T/unix/socks"
	PROXY=socks5://unix:$T/unix/socks
	check()
	{
		run shim "$T/tmp/bin/go_static" http://web.far.test/
		expect_output "$WEB_BODY"
		run shim "$T/tmp/bin/rust_static" web.far.test:80
		expect_output "$WEB_BODY"
		run shim --audit busybox wget -q -O - http://web.far.test/
		expect_status 4 # the kernel has no list of the sockets to the proxy: the one thing that is unjudged
		expect_match "$output" 'web\.far\.test:80 .* open, by the guard'
		[ "$(grep -c 'unjudged' <<<"$output")" -eq 1 ] || fail audit
	}
	both check
	quiet
}

@test "Go with cgo, without the guard: refused at the start, by the launcher and by a wrapped program" {
	check()
	{
		run --separate-stderr shim -o Guard=off "$T/tmp/bin/go_cgo" http://web.far.test/
		expect_status 126
		expect_match "$stderr" 'go_cgo is in Go'
		run --separate-stderr shim -o Guard=off sh -c "$T/tmp/bin/go_cgo http://web.far.test/"
		expect_status 126
		expect_match "$stderr" 'go_cgo: it is in Go'
	}
	both check
	assert_no_packets
}

@test "Go with cgo, by either resolver" {
	check()
	{
		run shim env GODEBUG=netdns="$1" "$T/tmp/bin/go_cgo" http://web.far.test/
		expect_output "$WEB_BODY"
	}
	both check go
	both check cgo
	clean
}

@test "a static Rust program, by address and by name" {
	run ldd "$T/tmp/bin/rust_static"
	expect_match "$output" 'static'
	check()
	{
		run shim "$T/tmp/bin/rust_static" "$WEB_IP4:80"
		expect_output "$WEB_BODY"
		run shim "$T/tmp/bin/rust_static" web.far.test:80
		expect_output "$WEB_BODY"
	}
	both check
	clean
}

@test "busybox-static by name" {
	check()
	{
		run shim busybox wget -q -O - http://web.far.test/
		expect_output "$WEB_BODY"
	}
	both check
	clean
}

@test "questions over UDP and TCP, to any server, are answered here" {
	check()
	{
		lookup "$T/build/tests/e2e/static_lookup" "$1" web.far.test "$2"
		expect_match "$output" '^198\.1[89]\.'
	}
	both check udp "$PROG_DNS"
	both check tcp "$PROG_DNS"
	both check udp 203.0.113.99
	both check tcp 203.0.113.99
	quiet
}

@test "a name server on loopback is not asked, even where loopback is open" {
	check()
	{
		lookup -o Localhost=direct "$T/build/tests/e2e/static_lookup" "$1" web.far.test 127.0.0.53
		expect_match "$output" '^198\.1[89]\.'
	}
	both check udp
	both check tcp
	assert_no_packets
}

@test "names that must not be asked for, localhost, and this machine's own" {
	lookup "$T/build/tests/e2e/static_lookup" udp localhost
	expect_output 127.0.0.1
	lookup "$T/build/tests/e2e/static_lookup" udp 'a b.test'
	expect_output 'rcode 3'
	lookup "$T/build/tests/e2e/static_lookup" udp "$(in_prog uname -n)"
	expect_output 'rcode 3'
	assert_no_packets
}

@test "a stranger on this machine gets no answer" {
	local port

	shim_start sh -c "$T/build/tests/e2e/static_lookup udp web.far.test; echo up; read x"
	port=$(in_prog ss -Hlun 'src 127.0.0.1' | awk '{ sub(/.*:/, "", $4); print $4; exit }')
	[ -n "$port" ] || fail 'no responder'
	run in_prog timeout 1 dig +tries=1 +time=1 -p "$port" @127.0.0.1 web.far.test
	[[ "$output" != *198.1* ]] || fail 'it was answered'
	echo go >&8
	shim_end
	expect_match "$output" '198\.1'
}

@test "a passive lookup of libc's sorts its addresses as without the guard" {
	check()
	{
		run in_prog "$T/build/tests/e2e/resolve" passive x
		bare=$output
		run shim "$T/build/tests/e2e/resolve" passive x
		expect_output "$bare"
	}
	both check
	assert_no_packets
}

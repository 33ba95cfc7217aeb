#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The main job: curl fetches a page by a name that only the proxy knows, and nothing else leaves the machine.
# Through a real Tor: tor.bats.

load lib/common

setup_file()
{
	local kind

	net_up
	for kind in embedded microsocks danted sshd; do
		proxy_up "$kind"
	done
}

setup()
{
	capture_start
}

# page URL HOST LOCAL: the page, without a word on stderr, from the far address LOCAL.
page()
{
	capture_start
	run --separate-stderr shim curl -sS --max-time 20 "$1"
	expect_status 0
	expect_output "$WEB_BODY"
	[ -z "$stderr" ] || fail 'a word on stderr'
	clean
	[ "$(requests)" = "$3 $2 GET /" ] || fail "the server was asked otherwise: $(requests)"
}

through()
{
	proxy_use "$1"
	both page http://web.far.test/ web.far.test "$WEB_IP4"
	both page http://web6.far.test/ web6.far.test "$WEB_IP6"
	both page "http://$WEB_IP4/" "$WEB_IP4" "$WEB_IP4"
	both page "http://[$WEB_IP6]/" "[$WEB_IP6]" "$WEB_IP6"
}

@test "curl by name and by address through the embedded server" {
	through embedded
}

@test "curl by name and by address through microsocks" {
	through microsocks
}

@test "curl by name and by address through danted" {
	through danted
}

@test "curl by name and by address through ssh -D" {
	through sshd
}

@test "curl by name with SOCKS4a" {
	proxy_use embedded
	PROXY=socks4a://$PROXY_IP:$PROXY_PORT
	both page http://web.far.test/ web.far.test "$WEB_IP4"
	both page "http://$WEB_IP4/" "$WEB_IP4" "$WEB_IP4"
}

@test "the pipelined handshake, with a server that can take it" {
	proxy_use embedded
	check()
	{
		run shim -o Pipeline=yes curl -sS --max-time 20 http://web.far.test/
		expect_status 0
		expect_output "$WEB_BODY"
	}
	both check
}

@test "Pipeline auto: socks5:// hears one message at a time, and so microsocks, which loses what comes early" {
	proxy_use microsocks
	run handshake
	expect_output $'05 3\n05 19'
	run handshake -o Pipeline=no
	expect_output $'05 3\n05 19'
}

@test "what curl itself says to the proxy passes" {
	proxy_use embedded
	check()
	{
		run shim curl -sS --max-time 20 --socks5-hostname "$PROXY_IP:$PROXY_PORT" http://web.far.test/
		expect_status 0
		expect_output "$WEB_BODY"
	}
	both check
	clean
}

@test "a POST of 10 MB comes back" {
	proxy_use microsocks
	head -c 10000000 /dev/urandom >"$T/tmp/post"
	chmod 644 "$T/tmp/post"
	check()
	{
		run in_prog bash -c "'$T/build/sockshim' -p '$PROXY' curl -sS --max-time 20 \
			--data-binary @$T/tmp/post http://web.far.test/echo | cmp - $T/tmp/post"
		expect_status 0
		expect_output ''
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

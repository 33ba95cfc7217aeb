#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A real Tor, a private network of them: names, onion services, half-close, isolation, errors. It is started once.

load lib/common

setup_file()
{
	net_up
	proxy_up tor
	ONION=$(sed -n 's/^onion=//p' "$T/far/tor/ready")
	export ONION
}

setup()
{
	proxy_use tor
	capture_start
}

teardown_file()
{
	proxy_down tor
	net_down
}

clean()
{
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	assert_no_dns_questions
}

# gives TEXT COMMAND…
gives()
{
	local text=$1

	shift
	check()
	{
		LIMIT=60 run --separate-stderr shim "$@"
		expect_status 0
		expect_output "$text"
		[ -z "$stderr" ] || fail 'a word on stderr'
	}
	both check "$@"
	clean
}

@test "curl by name and by address through Tor" {
	gives "$WEB_BODY" curl -sS --max-time 50 http://web.far.test/
	gives "$WEB_BODY" curl -sS --max-time 50 "http://$WEB_IP4/"
}

@test "wget, git, python and perl through Tor" {
	gives "$WEB_BODY" wget -q -O - http://web.far.test/
	gives "$WEB_BODY" "$PYTHON" -c 'import urllib.request as r
print(r.urlopen("http://web.far.test/", timeout=50).read().decode(), end="")'
	gives "$WEB_BODY" perl -MHTTP::Tiny -e 'print HTTP::Tiny->new->get("http://web.far.test/")->{content}'
}

@test "an onion service by its name" {
	gives "$WEB_BODY" wget -q -O - "http://$ONION/"
	gives "$WEB_BODY" "$PYTHON" -c 'import sys, urllib.request as r
print(r.urlopen(f"http://{sys.argv[1]}/", timeout=50).read().decode(), end="")' "$ONION"
	gives "$WEB_BODY" curl -sS --max-time 50 "http://$ONION/"
}

@test "SOCKS4a through Tor" {
	PROXY=socks4a://$PROXY_IP:$PROXY_PORT
	gives "$WEB_BODY" curl -sS --max-time 50 http://web.far.test/
}

# Tor closes a stream at SHUT_WR: without the hold the page is lost.
@test "half-close: nc -N and socat get their page with tor://" {
	check()
	{
		LIMIT=60 run in_prog bash -c "printf 'GET / HTTP/1.0\r\n\r\n' |
			$T/build/sockshim -p $PROXY nc -N web.far.test 80 | tail -1"
		expect_output "$WEB_BODY"
		LIMIT=60 run in_prog bash -c "printf 'GET / HTTP/1.0\r\n\r\n' |
			$T/build/sockshim -p $PROXY socat -t 30 - TCP:web.far.test:80 | tail -1"
		expect_output "$WEB_BODY"
	}
	both check
	clean
}

@test "half-close: so does nc -N with socks5:// and HalfClose hold" {
	PROXY=socks5://$PROXY_IP:$PROXY_PORT
	LIMIT=60 run in_prog bash -c "printf 'GET / HTTP/1.0\r\n\r\n' |
		$T/build/sockshim -p $PROXY -o HalfClose=hold nc -N web.far.test 80 | tail -1"
	expect_output "$WEB_BODY"
	clean
}

@test "the server speaks first, through Tor" {
	LIMIT=60 run in_prog bash -c "echo hi | $T/build/sockshim -p $PROXY nc tcp.far.test 7001"
	expect_output "$(printf '220 server speaks first\nyou said: hi')"
	clean
}

@test "10 streams at a time, isolated by connection" {
	LIMIT=90 run shim -o Isolate=connection "$PYTHON" -c '
import concurrent.futures as f, urllib.request as r
get = lambda i: r.urlopen(f"http://web.far.test/?{i}", timeout=80).read()
with f.ThreadPoolExecutor(10) as pool:
    print(len(list(pool.map(get, range(10)))), "pages")'
	expect_status 0
	expect_output '10 pages'
	clean
}

@test "Resolve remote and the reverse, by Tor's RESOLVE" {
	LIMIT=60 run shim -o Resolve=remote "$T/build/tests/e2e/resolve" getaddrinfo4 web.far.test
	expect_output "$WEB_IP4"
	LIMIT=60 run shim -o Resolve=remote wget -q -O - http://web.far.test/
	expect_output "$WEB_BODY"
	clean
}

@test "a name that does not exist, and a port that is closed: an error and one line" {
	LIMIT=90 run --separate-stderr shim -v curl -s --max-time 80 http://nobody.far.test/
	expect_status 7
	expect_match "$stderr" 'nobody\.far\.test'
	LIMIT=90 run --separate-stderr shim -v curl -s --max-time 80 http://tcp.far.test:7009/
	expect_status 7
	expect_match "$stderr" 'tcp\.far\.test'
	clean
}

@test "an onion address that cannot exist: an error and one line" {
	LIMIT=90 run --separate-stderr shim -v wget -q -t 1 -O - "http://$(printf 'a%.0s' {1..56}).onion/"
	expect_status 4
	expect_match "$stderr" '\.onion'
	clean
}

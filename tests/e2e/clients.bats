#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Programs that connect without waiting, each with an event loop of its own, through a proxy that takes its time and lets
# them wait for each other: a name that only the proxy knows, many at a time, and the program's own words when the proxy
# refuses or breaks. The far end says who came; past the proxy goes nothing.

load lib/common
load lib/clients

OPTIONS=()
# curl and aiohttp do not say why.
CONNECT='connect to host web.far.test|failed to connect to web.far.test'

setup_file()
{
	net_up
}

setup()
{
	proxy_use embedded
}

# slow OPTION…: the proxy, with these
slow()
{
	proxy_up embedded --delay 50 "$@"
}

# page COUNT COMMAND…: it fetches so many pages, and the cable is clean.
page()
{
	local count=$1

	shift
	capture_start
	run shim -q "${OPTIONS[@]}" "$@"
	expect_status 0
	[ "$(grep -c "$WEB_BODY" <<<"$output")" -eq "$count" ] || fail "not $count pages"
	clean
	[ "$(requests | grep -c "^$WEB_IP4 ")" -ge "$count" ] || fail "not asked $count times"
}

pages()
{
	both page "$@"
}

# refused TEXT COMMAND…: the program fails with its own words for that.
refused()
{
	local text=$1

	shift
	capture_start
	run shim -q "${OPTIONS[@]}" "$@"
	[ "$status" -ne 0 ] || fail 'it did not fail'
	shopt -s nocasematch
	expect_match "$output" "$text"
	shopt -u nocasematch
	clean
	[ -z "$(requests)" ] || fail "$(requests)"
}

# each FUNCTION [ARGUMENT…] -- COUNT HOST PORT: FUNCTION ARGUMENT… COMMAND… for every client
each()
{
	local what=() name options=("${OPTIONS[@]}") OPTIONS

	until [ "$1" = -- ]; do
		what+=("$1")
		shift
	done
	shift
	for name in "${CLIENTS[@]}"; do
		client_is "$name" "$@"
		OPTIONS=("${options[@]}")
		[ "$name" != evdns ] || OPTIONS+=(-o Dns=answer)
		"${what[@]}" "${CLIENT[@]}"
	done
}

@test "every loop: eight at once" {
	slow --hold 8
	each pages 8 -- 8 web.far.test 80
}

@test "every loop: nobody listens there" {
	slow
	each refused "connection ?refused|ECONNREFUSED|$CONNECT" -- 1 web.far.test 9
}

@test "every loop: answers byte by byte, and long ones" {
	slow --fault byte-by-byte
	each page 1 -- 1 web.far.test 80
	slow --fault long-reply --hold 2
	each page 2 -- 2 web.far.test 80
}

@test "every loop: the proxy closes, answers with something else, or not at all" {
	slow --fault close
	each refused "connection ?refused|ECONNREFUSED|$CONNECT" -- 1 web.far.test 80
	slow --fault garbage
	each refused "protocol error|EPROTO|Errno 71|$CONNECT" -- 1 web.far.test 80
	slow --fault hang
	OPTIONS=(-o HandshakeTimeout=0.2)
	each refused "timed out|ETIMEDOUT|Errno 110|$CONNECT" -- 1 web.far.test 80
}

@test "libevent's own resolver is refused by default" {
	client_is evdns 1 web.far.test 80
	slow
	capture_start
	check()
	{
		run shim -q "${CLIENT[@]}"
		expect_status 1
		expect_match "$output" 'Network is unreachable'
		expect_match "$output" 'failure in name resolution'
	}
	both check
	assert_no_packets
}

# nginx_gives PATH WORDS [OPTION…]: nginx, two workers under a master, in a session; who asks it for PATH, outside of it and
# eight times at once, gets eight answers with WORDS.
nginx_gives()
{
	local path=$1 words=$2

	shift 2
	check()
	{
		run in_prog bash -c '
			dir=$(mktemp -d) path=$1
			shift
			cp "$T/tmp/nginx.conf" "$dir" && chmod 755 "$dir" && cd "$dir" || exit 1
			"$BUILD/sockshim" -q "$@" nginx -p "$dir" -c nginx.conf -e stderr &
			until [ "$(curl -s http://127.0.0.1:8080/up)" = up ]; do
				kill -0 $! || exit 1
				sleep 0.02
			done
			curl -sS --parallel --parallel-immediate --parallel-max 8 "http://127.0.0.1:8080$path?[1-8]"
			kill $!
			wait $!
			echo "nginx ends with $?"' - "$path" -p "$PROXY" "$@"
		[ "$(grep -c "$words" <<<"$output")" -eq 8 ] || fail "not eight: $words"
		expect_match "$output" 'nginx ends with 0'
	}
	both check "$@"
}

@test "nginx before a server that only the proxy knows: named in its configuration, and looked up each time" {
	cat >"$T/tmp/nginx.conf" <<-END
		daemon off;
		worker_processes 2;
		pid nginx.pid;
		events { }
		http {
			access_log off;
			client_body_temp_path body;
			proxy_temp_path proxy;
			fastcgi_temp_path fastcgi;
			uwsgi_temp_path uwsgi;
			scgi_temp_path scgi;
			server {
				listen 127.0.0.1:8080;
				location = /up { return 200 up; }
				location = / { proxy_pass http://web.far.test/; }
				location = /closed { proxy_pass http://web.far.test:9/; }
				location = /asked {
					resolver $PROG_DNS;
					resolver_timeout 1s;
					set \$upstream dual.far.test;
					proxy_pass http://\$upstream/;
				}
			}
		}
	END
	slow --hold 8
	capture_start
	nginx_gives / "$WEB_BODY"
	nginx_gives /asked "$WEB_BODY" -o Dns=answer
	[ "$(requests | grep -c "^$WEB_IP4 web.far.test GET /")" -eq 16 ] || fail "$(requests)"
	[ "$(requests | grep -c "^[^ ]* dual.far.test GET /")" -eq 16 ] || fail "$(requests)"
	clean
	slow
	capture_start
	nginx_gives /closed '<title>502 Bad Gateway'
	expect_match "$output" 'connect\(\) failed \(111: Connection refused\) while connecting to upstream'
	clean
	capture_start
	nginx_gives /asked '<title>502 Bad Gateway'
	expect_match "$output" 'dual.far.test could not be resolved'
	assert_no_packets
}

@test "irssi: it logs in and quits; a port that is closed" {
	slow
	capture_start
	check()
	{
		run in_prog "$PYTHON" "$T/e2e/programs/irssi.py" "$1" "$2" "$T/build/sockshim" -q -p "$PROXY"
		expect_status 0
	}
	both check 6667 ''
	[ "$(requests | grep -c '^203.0.113.70 irc QUIT :well$')" -eq 2 ] || fail "$(requests)"
	both check 9 'Connection refused'
	clean
}

@test "aria2" {
	slow
	pages 2 bash -c 'aria2c -q --async-dns=false --allow-overwrite -j 4 -d "$HOME" -o one http://web.far.test/ &&
		aria2c -q --async-dns=false --allow-overwrite -d "$HOME" -o two "http://web.far.test/?2" && cat "$HOME/one" "$HOME/two"'
	refused 'Connection refused' aria2c --async-dns=false --max-tries=1 -d /tmp http://web.far.test:9/
}

@test "wget2, in threads" {
	slow
	pages 4 wget2 -q --no-http2 -O - 'http://web.far.test/?1' 'http://web.far.test/?2' 'http://web.far.test/?3' 'http://web.far.test/?4'
	capture_start
	run shim -q wget2 --tries=1 -O - http://web.far.test:9/ # its status says nothing of that
	expect_match "$output" 'Connection refused'
	clean
}

@test "lftp" {
	slow
	pages 1 lftp -c 'set dns:order "inet"; open http://web.far.test/; cat /'
	refused 'Connection refused' lftp -c 'set net:max-retries 1; open http://web.far.test:9/; cat /'
}

@test "socat" {
	slow
	pages 1 bash -c 'printf "GET / HTTP/1.0\r\n\r\n" | socat -t 10 - TCP:web.far.test:80'
	refused 'Connection refused' socat - TCP:web.far.test:9
}

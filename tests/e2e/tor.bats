#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A real Tor, a private network of them: names, onion services, half-close, isolation, errors. It is started once.

load lib/common
load lib/clients

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

@test "Pipeline auto: Tor gets greeting and request at once, and so password and request, also for Isolate" {
	check()
	{
		run handshake
		expect_output '05 22'
		run handshake -i
		expect_match "$output" $'^05 4\n01 [0-9]+$'
		run handshake -o Pipeline=no
		expect_output $'05 3\n05 19'
	}
	both check
	PROXY=tor://me:secret@$PROXY_IP:$PROXY_PORT
	run handshake
	expect_output $'05 4\n01 30'
	clean
}

@test "wget, git, python and perl through Tor" {
	gives "$WEB_BODY" wget -q -O - http://web.far.test/
	gives "$WEB_BODY" "$PYTHON" -c 'import urllib.request as r
print(r.urlopen("http://web.far.test/", timeout=50).read().decode(), end="")'
	gives "$WEB_BODY" perl -MHTTP::Tiny -e 'print HTTP::Tiny->new->get("http://web.far.test/")->{content}'
}

@test "every event loop through Tor: four pages at once, a port that is closed" {
	local name AS

	for name in "${CLIENTS[@]}"; do
		AS=$([ "$AS" = user ] && echo root || echo user) # turn about
		client_is "$name" 4 web.far.test 80
		LIMIT=90 run shim -q -o Dns=answer "${CLIENT[@]}"
		expect_status 0
		[ "$(grep -c "$WEB_BODY" <<<"$output")" -eq 4 ] || fail "$name: not four pages"
		client_is "$name" 1 tcp.far.test 7009
		LIMIT=90 run shim -q -o Dns=answer "${CLIENT[@]}"
		[ "$status" -ne 0 ] || fail "$name: a closed port"
	done
	[ "$(requests | grep -c "^$WEB_IP4 ")" -eq $((4 * ${#CLIENTS[@]})) ] || fail requests
	clean
}

@test "aria2, wget2, lftp and nginx through Tor" {
	gives "$WEB_BODY" wget2 -q --no-http2 -O - http://web.far.test/
	gives "$WEB_BODY" lftp -c 'set dns:order "inet"; open http://web.far.test/; cat /'
	gives "$WEB_BODY" bash -c 'aria2c -q --async-dns=false --allow-overwrite -d "$HOME" -o page http://web.far.test/ && cat "$HOME/page"'
	gives "$WEB_BODY" bash -c 'dir=$(mktemp -d) && chmod 755 "$dir" && cd "$dir" || exit 1
		echo "daemon off; pid nginx.pid; events { } http { access_log off;
			client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;
			server { listen unix:$dir/socket; location / { proxy_pass http://web.far.test/; } } }" >nginx.conf
		nginx -p "$dir" -c nginx.conf -e stderr 2>"$dir/said" &
		until [ -S "$dir/socket" ]; do kill -0 $! || exit 1; sleep 0.02; done
		curl -sS --unix-socket "$dir/socket" http://nginx/
		kill $!
		wait $!'
}

@test "irssi through Tor" {
	check()
	{
		LIMIT=60 run in_prog "$PYTHON" "$T/e2e/programs/irssi.py" 6667 '' "$T/build/sockshim" -q -p "$PROXY"
		expect_status 0
	}
	both check
	clean
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

@test "Optimistic and Pipeline through Tor: pages, onion services, a server that speaks first, half-close" {
	local options

	for options in -oOptimistic=yes '-oOptimistic=yes -oPipeline=yes' '-oOptimistic=yes -oPipeline=yes -oIsolate=connection'; do
		# shellcheck disable=SC2086 # words
		gives "$WEB_BODY" $options curl -sS --max-time 50 http://web.far.test/
		# shellcheck disable=SC2086
		gives "$WEB_BODY" $options wget -q -O - "http://$ONION/"
		LIMIT=60 run in_prog bash -c "printf 'GET / HTTP/1.0\r\n\r\n' |
			$T/build/sockshim -p $PROXY $options nc -N web.far.test 80 | tail -1"
		expect_output "$WEB_BODY"
		LIMIT=60 run in_prog bash -c "echo hi | $T/build/sockshim -p $PROXY $options nc tcp.far.test 7001"
		expect_output "$(printf '220 server speaks first\nyou said: hi')"
	done
	PROXY=socks4a://$PROXY_IP:$PROXY_PORT
	gives "$WEB_BODY" -o Optimistic=yes curl -sS --max-time 50 http://web.far.test/
	clean
}

@test "Optimistic through Tor: any reads, also of many streams at once; a refusal is the first read's error" {
	far_start optimistic-servers "$T/build/tests/e2e/optimistic" serve "$WEB_IP4"
	wait_for 10 far_listening 7202
	LIMIT=90 run shim -q -o Optimistic=yes -o Pipeline=yes "$T/build/tests/e2e/optimistic" read "$WEB_IP4" 1 60
	far_stop optimistic-servers
	expect_output '60 connections, 0 wrong'
	LIMIT=90 run shim -q -o Optimistic=yes "$T/build/tests/e2e/optimistic" refused "$WEB_IP4" 111 1 10
	expect_output '10 connections, 0 wrong'
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

@test "Tor's SocksPort on a Unix socket: by name, onion services, half-close, RESOLVE, errors, Optimistic" {
	PROXY=tor://unix:$T/far/tor/socks
	check()
	{
		LIMIT=60 run --separate-stderr shim curl -sS --max-time 50 "http://web.far.test/" "http://$ONION/"
		expect_output "$WEB_BODY"$'\n'"$WEB_BODY"
		[ -z "$stderr" ] || fail 'a word on stderr'
		LIMIT=60 run shim -o Optimistic=yes -o Pipeline=yes curl -sS --max-time 50 http://web.far.test/
		expect_output "$WEB_BODY"
		LIMIT=60 run in_prog bash -c "printf 'GET / HTTP/1.0\r\n\r\n' | $T/build/sockshim -p $PROXY nc -N web.far.test 80 | tail -1"
		expect_output "$WEB_BODY"
		LIMIT=60 run shim -o Resolve=remote "$T/build/tests/e2e/resolve" getaddrinfo4 web.far.test
		expect_output "$WEB_IP4"
		LIMIT=90 run --separate-stderr shim -v curl -s --max-time 80 http://nobody.far.test/
		expect_status 7
		expect_match "$stderr" 'nobody\.far\.test'
		LIMIT=60 run in_prog "$T/build/sockshimctl" resolve -p "$PROXY" -x "$WEB_IP4"
		expect_match "$output" '.'
	}
	chmod 755 "$T/far" "$T/far/tor"
	both check
	quiet
}

@test "Tor's SocksPort on a Unix socket: streams share a circuit as Isolate says" {
	local five="curl -sS http://$WEB_IP4/[1-5] -H Connection:close" unix="-p tor://unix:$T/far/tor/socks"

	# shellcheck disable=SC2086 # words
	LIMIT=90 run stem circuits 5 "$T/build/sockshim" $unix -o Isolate=connection $five
	expect_output '5 5'
	# shellcheck disable=SC2086
	LIMIT=90 run stem circuits 5 "$T/build/sockshim" $unix -o Isolate=destination $five
	expect_output '5 1'
}

# ---- sockshimctl, on Tor's own machine ----

# ctl ARGUMENT…
ctl()
{
	in_far "$T/build/sockshimctl" "$@"
}

# stem TASK…: far/controller.py
stem()
{
	in_far "$PYTHON" "$T/e2e/far/controller.py" "$@"
}

unattached()
{
	[ "$(stem getconf __LeaveStreamsUnattached)" = "$1" ]
}

@test "tor: TCP and Unix socket, SAFECOOKIE and the cookie itself" {
	local where method

	for where in 127.0.0.1:9051 9051 "unix:$T/far/tor/control" "$T/far/tor/control"; do
		for method in safecookie cookie; do
			run --separate-stderr ctl tor -C "$where" --auth "$method" getconf CookieAuthentication
			expect_status 0
			expect_output CookieAuthentication=1
		done
	done
	run --separate-stderr ctl tor getinfo version
	expect_match "$output" '^version=0\.'
	run ctl tor --auth null getinfo version
	expect_status 1
	expect_match "$output" '515 .*bad authentication'
}

@test "tor: settings keep their order, and stem reads them as they were written" {
	run ctl tor setconf 'ContactInfo=a "b" \ c' LongLivedPorts=21,22
	expect_status 0
	[ "$(stem getconf ContactInfo)" = 'a "b" \ c' ]
	run ctl tor resetconf ContactInfo LongLivedPorts
	expect_status 0
	[ "$(stem getconf ContactInfo)" = None ]
	run ctl tor setconf NoSuchKey=1
	expect_status 1
	expect_match "$output" '552 .*unrecognized entity'
	run ctl tor signal NEWNYM
	expect_status 0
}

@test "tor: circuits are built, listed and closed; names are looked up and mapped" {
	local first exit id

	exit=$(sed -n 's/^exits=\(.*\) .*/\1/p' "$T/far/tor/ready" | head -1)
	first=$(in_far cat "$T/far/tor/auth1/fingerprint" | cut -d' ' -f2)
	run ctl tor extendcircuit 0 "\$$first,\$$exit"
	expect_match "$output" '^EXTENDED [0-9]+$'
	id=${output#EXTENDED }
	wait_for 20 eval "ctl tor circuits | grep -qE '^$id +BUILT .*$exit'"
	run ctl tor closecircuit "$id"
	expect_status 0
	LIMIT=60 run ctl tor resolve web.far.test
	expect_output "web.far.test $WEB_IP4"
	run ctl tor mapaddress mapped.test=web.far.test
	expect_output mapped.test=web.far.test
	LIMIT=60 run ctl resolve -p "$PROXY" mapped.test
	expect_output "$WEB_IP4"
}

@test "resolve over Tor's SocksPort: both directions, and a name that does not exist" {
	LIMIT=60 run ctl resolve -p "$PROXY" web.far.test
	expect_output "$WEB_IP4"
	LIMIT=60 run ctl resolve -p "$PROXY" -x "$WEB_IP4"
	expect_match "$output" '.'
	LIMIT=90 run ctl resolve -p "$PROXY" nobody.far.test
	expect_status 1
	expect_match "$output" 'nobody\.far\.test: '
}

@test "check knows Tor by its answers" {
	LIMIT=60 run ctl check --no-self-test -p "$PROXY"
	expect_match "$output" 'proxy: Tor: yes'
	expect_match "$output" 'proxy: extensions: RESOLVE'
}

@test "tor via --each-exit: one right line per exit" {
	LIMIT=60 run --separate-stderr ctl tor via --each-exit -- curl -sS http://web.far.test/peer
	expect_status 0
	[ "${#lines[@]}" -eq 4 ] || fail 'not four lines'
	while read -r exit address; do
		grep -qE "^$exit exit[1-4] +ok +[0-9.]+ s  $address\$" <<<"$output" || fail "$exit"
	done < <(sed -n 's/^exits=//p' "$T/far/tor/ready")
	unattached 0
}

@test "tor via: 1, 10, 50 and 200 jobs at a time, each at its exit, and stem sees the same" {
	local exits

	exits=$(sed -n 's/^exits=\(.*\) .*/\1/p' "$T/far/tor/ready")
	LIMIT=60 run ctl tor via --json --exit "$(head -1 <<<"$exits")" -- curl -sS "http://$WEB_IP4/peer"
	[ "$(stem results "$T/far/tor/ready" <<<"$output")" = '1 1 1 1' ] || fail 1
	LIMIT=60 run ctl tor via --json --exit "$(head -2 <<<"$exits" | paste -sd,)" -r 5 -n 10 -- curl -sS "http://$WEB_IP4/peer"
	[ "$(stem results "$T/far/tor/ready" <<<"$output")" = '10 10 10 10' ] || fail 10
	LIMIT=60 run stem watch "$T/build/sockshimctl" tor via --json -e exit1,exit4 -r 25 -n 50 -- curl -sS "http://$WEB_IP4/peer"
	expect_output '50 50'
	LIMIT=120 run ctl tor via --json -E -r 50 -n 200 -- curl -sS "http://$WEB_IP4/peer"
	[ "$(stem results "$T/far/tor/ready" <<<"$output")" = '200 200 200 200' ] || fail 200
}

@test "tor via: grandchildren and several streams of one job stay together" {
	LIMIT=60 run ctl tor via --json -E -- sh -c 'for i in 1 2 3; do curl -sS http://web.far.test/peer & done; wait'
	[ "$(jobs_with 3)" -eq 4 ] || fail 'streams'
}

@test "tor via: where Tor's SocksPort is a Unix socket the user name tells streams apart" {
	LIMIT=60 run ctl tor via --json -E -r 5 -n 20 -p "tor://unix:$T/far/tor/socks" -- curl -sS "http://$WEB_IP4/peer"
	[ "$(stem results "$T/far/tor/ready" <<<"$output")" = '20 20 20 0' ] || fail unix
}

@test "tor via: a static program, through the guard; a program whose stderr is closed" {
	LIMIT=60 run ctl tor via --json -E -r 5 -n 20 -- busybox wget -q -O - "http://$WEB_IP4/peer"
	[ "$(stem results "$T/far/tor/ready" <<<"$output")" = '20 20 20 20' ] || fail static
	LIMIT=60 run ctl tor via --json -E -- sh -c "exec 2>&-; curl -sS http://$WEB_IP4/peer"
	[ "$(stem results "$T/far/tor/ready" <<<"$output")" = '4 4 4 4' ] || fail closed
}

# jobs_with N: how many jobs in $output had N streams that opened, and one address only
jobs_with()
{
	"$PYTHON" -c 'import json, sys
print(sum(j["opened"] == int(sys.argv[1]) and len(set(j["stdout"].split())) == 1 and not j["strayed"]
	and j["reported"] == j["streams"] for j in map(json.loads, sys.stdin)))' "$1" <<<"$output"
}

@test "tor via: a source port that a job gave up is a stranger's when a stranger has it" {
	mkfifo "$T/far/go-on"
	far_start via "$T/build/sockshimctl" tor via --json -e exit1 -- "$PYTHON" -c 'import os, socket, struct, sys
s = socket.create_connection((sys.argv[1], 80))
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
with open(sys.argv[2] + "/port.new", "w") as f:
    print(s.getsockname()[1], file=f)
s.close()
os.rename(sys.argv[2] + "/port.new", sys.argv[2] + "/port")
open(sys.argv[2] + "/go-on").read()' "$WEB_IP4" "$T/far"
	wait_for 20 test -e "$T/far/port"
	LIMIT=30 run in_far curl -sS --max-time 20 --local-port "$(<"$T/far/port")" --socks5 "$PROXY_IP:$PROXY_PORT" "http://$WEB_IP4/"
	expect_output "$WEB_BODY"
	echo >"$T/far/go-on"
	wait_for 20 grep -q '"streams"' "$T/far/via.log"
	far_stop via
	expect_match "$(<"$T/far/via.log")" '"streams":1,"reported":1,"attached":1,'
	wait_for 10 unattached 0
}

# attached MODE JOBS STREAMS COMMAND: far/attach.py; prints jobs right, refused, wrong; streams known, and nobody's
attached()
{
	LIMIT=90 run --separate-stderr in_far env READY="$T/far/tor/ready" PROXY="$PROXY" SOCKSHIM="$T/build/sockshim" \
		"$PYTHON" "$T/e2e/far/attach.py" "$@"
	unattached 0
}

@test "stem attaches by reports: 1, 10, 50 and 200 jobs, each at its exit" {
	local n

	for n in 1 10 50 200; do
		attached attach "$n" 1 "curl -sS http://$WEB_IP4/peer"
		expect_output "$n 0 0 $n 0"
	done
}

@test "stem attaches by reports: grandchildren, stderr closed, static C and static Go through the guard" {
	local curl="curl -sS http://$WEB_IP4/peer"

	attached attach 12 4 "$curl & (sh -c '$curl; $curl' & wait) & wait; $curl"
	expect_output '12 0 0 48 0'
	attached attach 8 1 "exec 2>&-; $curl"
	expect_output '8 0 0 8 0'
	attached attach 12 2 "busybox wget -q -O - http://$WEB_IP4/peer; env -i $curl"
	expect_output '12 0 0 24 0'
	mkdir "$T/far/go"
	GOCACHE="$B/go" GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0 \
		go build -o "$T/far/go/fetch" "$E2E/programs/fetch.go"
	attached attach 12 1 "$T/far/go/fetch http://$WEB_IP4/peer"
	expect_output '12 0 0 12 0'
}

@test "Tor attaches streams itself: each is known by its report" {
	attached free 100 4 "for i in 1 2 3; do curl -sS http://web.far.test/peer & done; busybox wget -q -O - http://$WEB_IP4/peer; wait"
	expect_output '100 0 0 400 0'
}

@test "the report socket is deleted, full, dead in the middle: refused, at no wrong exit; a new controller is found" {
	local mode

	for mode in deleted full stopped; do
		attached "$mode" 20 1 "curl -s http://$WEB_IP4/peer"
		expect_output '10 10 0 10 0'
	done
	attached again 20 1 "curl -s http://$WEB_IP4/peer"
	expect_output '20 0 0 20 0'
}

@test "tor via: failures are told, as text and as JUnit, and end soon" {
	LIMIT=60 run --separate-stderr ctl tor via -e exit1,exit2 -- curl -sS "http://$WEB_IP4:7009/"
	expect_status 1
	[ "$(grep -cE ' exit [0-9]+ .*curl: ' <<<"$output")" -eq 2 ] || fail 'lines'
	LIMIT=60 run --separate-stderr ctl tor via --junit -E -- sh -c '[ "$TOR_EXIT_NICKNAME" != exit3 ]'
	expect_status 1
	[ "$(stem junit <<<"$output")" = '4 1 exit3' ] || fail junit
	LIMIT=60 run --separate-stderr ctl tor via -t 1 -e exit1 -- sleep 500
	expect_match "$output" ' timeout '
	run ctl tor via -e nobody -- true
	expect_status 1
	unattached 0
}

@test "tor via: other clients are served meanwhile" {
	far_start via "$T/build/sockshimctl" tor via -E -- sleep 20
	wait_for 10 unattached 1
	LIMIT=20 run in_far curl -sS --max-time 15 --socks5-hostname "$PROXY_IP:$PROXY_PORT" http://web.far.test/
	expect_output "$WEB_BODY"
	run ctl tor via -e exit1 -- true
	expect_status 1
	expect_match "$output" 'another controller'
	far_stop via
	wait_for 10 unattached 0
}

@test "tor via: __LeaveStreamsUnattached is reset on every way out" {
	local signal

	for signal in INT TERM HUP QUIT KILL SEGV; do
		far_start via "$T/build/sockshimctl" tor via -E -- sleep 31
		wait_for 10 unattached 1
		in_far kill "-$signal" "$(<"$T/far/via.pid")"
		wait_for 10 unattached 0
		far_stop via
		wait_for 10 eval '! in_far pgrep -x -f "sleep 31"'
	done
}

@test "streams: with the control port, circuit and first relay of an open stream" {
	far_start held "$T/build/sockshim" -p "$PROXY" "$PYTHON" -c 'import socket, time
s = socket.create_connection(("203.0.113.70", 7003), 30)
time.sleep(40)'
	wait_for 20 eval "ctl streams -a -j | grep -q '\"ip\":\"203.0.113.70\",\"port\":7003'"
	run --separate-stderr ctl streams -a -j -C 9051
	expect_match "$output" '"circ_id":"[0-9]+","or_id":"[0-9A-F]{40}","ip":"203.0.113.70","port":7003'
	run --separate-stderr ctl streams -a --getinfo -C 9051
	expect_match "$output" 'CIRC_ID=[0-9]+ OR_ID=[0-9A-F]{40} IP=203.0.113.70 PORT=7003 .* READ=0 WRITE=0 '
	far_stop held
}

@test "streams --watch: by source port, where streams of one target are on several circuits" {
	local hold='import socket, time
s = socket.create_connection(("203.0.113.70", 7003), 30)
time.sleep(60)' i

	far_start watched "$T/build/sockshimctl" streams -a -j -w -C 9051
	far_start told "$T/build/sockshimctl" tor events STREAM
	far_start held "$T/build/sockshim" -p "$PROXY" -o Isolate=connection "$PYTHON" -c "$hold"
	wait_for 20 grep -q '"circ_id":"[0-9]*",.*"port":7003' "$T/far/watched.log"
	for i in 1 2 3; do
		far_start "held$i" "$T/build/sockshim" -p "$PROXY" -o Isolate=connection "$PYTHON" -c "$hold"
	done
	wait_for 20 eval "[ \$(grep -c 'SUCCEEDED .*203.0.113.70:7003' '$T/far/told.log') -ge 4 ]"
	run wait_for 20 in_far "$PYTHON" -c 'import json, re, sys
told, watched = (open(name).read() for name in sys.argv[1:])
port = dict(re.findall(r"STREAM (\d+) NEW \S+ 203\.0\.113\.70:7003 .*SOURCE_ADDR=\S+:(\d+)", told))
on = {int(port[i]): c for i, c in re.findall(r"STREAM (\d+) SUCCEEDED (\d+) 203\.0\.113\.70:7003", told)}
assert len(on) == 4 and len(set(on.values())) > 1, on
rows = [json.loads(line) for line in watched.splitlines(keepends=True) if line.endswith("\n")]
seen = {r["l_port"]: r["circ_id"] for r in rows if r["port"] == 7003}
assert seen == on, (seen, on)' "$T/far/told.log" "$T/far/watched.log"
	expect_status 0
	for i in watched told held held1 held2 held3; do
		far_stop "$i"
	done
}

@test "an audit compares with Tor's streams; with another Tor's they differ" {
	LIMIT=60 run --separate-stderr shim -q --audit=json --audit-file "$T/tmp/tor.json" --audit-tor "unix:$T/far/tor/control" \
		sh -c 'curl -sS http://web.far.test/ && curl -sS "http://$1/"' - "$WEB_IP4"
	expect_status 0
	expect_output "$WEB_BODY"$'\n'"$WEB_BODY"
	"$PYTHON" -c 'import json, sys
a = json.load(open(sys.argv[1]))
assert a["verdict"] == "clean" and a["views"]["tor"] and len(a["streams"]) == 2, a' "$T/tmp/tor.json"
	LIMIT=60 run --separate-stderr shim -q --audit=json --audit-file "$T/tmp/tor.json" --audit-tor "unix:$T/far/tor/onion/control" \
		curl -sS http://web.far.test/
	expect_status 3
	"$PYTHON" -c 'import json, sys
f = [x for x in json.load(open(sys.argv[1]))["findings"] if not x["tolerated"]]
assert [x["check"] for x in f] == ["tor"] and "Tor has not seen web.far.test:80 from port" in f[0]["words"], f' "$T/tmp/tor.json"
	run shim --audit-tor 127.0.0.1:1 true # nobody is there
	expect_status 126
}

@test "tor via's JUnit is what its readers take" {
	LIMIT=60 run --separate-stderr ctl tor via --junit --each-exit -- sh -c 'echo "<&\"$(printf "\\033\\377")" >&2; exit 3'
	echo "$output" >"$T/tmp/via.xml"
	xmllint --noout --schema "$E2E/formats/junit.xsd" "$T/tmp/via.xml"
	"$PYTHON" "$E2E/formats/check.py" junit "$T/tmp/via.xml"
	expect_match "$output" 'failures="4"'
}

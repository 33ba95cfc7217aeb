#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Programs that ask DNS servers with sockets of their own (c-ares, dig, node): refused at once by default, answered here
# with `Dns answer`. Nothing leaves in either case.

load lib/common

V4='198\.1[89]\.[0-9]+\.[0-9]+'
V6='fd73:6f63:6b73:7368:[0-9a-f:]+'

answering()
{
	run shim -q -o Dns=answer "$@"
}

# refused_at_once COMMAND…: fails within 2 s, with a word
refused_at_once()
{
	local start=$EPOCHREALTIME

	run shim -q "$@"
	[ "$status" -ne 0 ] || fail 'not refused'
	[ -n "$output" ] || fail 'no word'
	[ $(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) -lt 2000 ] || fail 'not at once'
}

@test "c-ares is refused at once by default" {
	check()
	{
		local tcp

		for tcp in '' tcp; do
			refused_at_once "$T/build/tests/e2e/cares" host web.far.test 1 $tcp
			expect_match "$output" 'Could not contact|Timeout'
			refused_at_once "$T/build/tests/e2e/cares" info web.far.test 1 $tcp
			expect_match "$output" 'Could not contact|Timeout'
			refused_at_once "$T/build/tests/e2e/cares" query web.far.test 15 $tcp
			expect_match "$output" 'Could not contact|Timeout'
		done
	}
	both check
	quiet
}

@test "Dns answer: c-ares gets virtual addresses, over UDP and TCP" {
	check()
	{
		local tcp

		for tcp in '' tcp; do
			answering "$T/build/tests/e2e/cares" host web.far.test 1 $tcp
			expect_match "$output" "^$V4\$"
			answering "$T/build/tests/e2e/cares" host web.far.test 28 $tcp
			expect_match "$output" "^$V6\$"
			answering "$T/build/tests/e2e/cares" info web.far.test 1 $tcp
			expect_match "$output" "$V4"
			expect_match "$output" "$V6"
			answering "$T/build/tests/e2e/cares" query web.far.test 1 $tcp
			expect_match "$output" ' 1 records'
			answering "$T/build/tests/e2e/cares" query web.far.test 15 $tcp
			expect_match "$output" 'no data'
			answering bash -c '"$BUILD/tests/e2e/cares" addr $("$BUILD/tests/e2e/cares" host web.far.test) 1 $1' - $tcp
			expect_output web.far.test
		done
	}
	both check
	quiet
}

@test "Dns answer: the answer comes from the server that was asked, in every way to ask" {
	check()
	{
		local way server

		for way in unconnected connected sendmsg bound tcp; do
			for server in 8.8.8.8 127.0.0.53 2001:4860:4860::8888; do
				[ "$way:$server" != bound:2001:4860:4860::8888 ] || continue
				answering "$PYTHON" "$T/e2e/programs/ask.py" "$way" "$server" web.far.test
				expect_match "$output" "^$V4 $server 53\$"
			done
		done
		for way in garbage tcp-nonblocking; do
			answering "$PYTHON" "$T/e2e/programs/ask.py" "$way" 8.8.8.8 web.far.test 28
			expect_match "$output" "^$V6 8.8.8.8 53\$"
		done
		answering "$PYTHON" "$T/e2e/programs/ask.py" two-servers 8.8.8.8 web.far.test
		expect_match "${lines[0]}" "^$V4 192.0.2.250 53\$"
		expect_match "${lines[1]}" "^$V4 8.8.8.8 53\$"
		for way in epoll tcp-pieces; do
			answering "$PYTHON" "$T/e2e/programs/ask.py" $way 8.8.8.8 web.far.test
			[ "${#lines[@]}" -eq 2 ] || fail "$way"
			expect_match "${lines[0]}" "^$V4 8.8.8.8 53\$"
			[ "${lines[0]}" = "${lines[1]}" ] || fail 'two addresses'
		done
		answering "$PYTHON" "$T/e2e/programs/ask.py" again 8.8.8.8 web.far.test
		[ "${#lines[@]}" -eq 3 ]
		answering "$PYTHON" "$T/e2e/programs/ask.py" trunc 8.8.8.8 web.far.test
		expect_output '20 True 8.8.8.8 53'
		answering "$PYTHON" "$T/e2e/programs/ask.py" connected 8.8.8.8 web.far.test 16
		expect_output 'rcode 0, 0 records 8.8.8.8 53'
		answering "$PYTHON" "$T/e2e/programs/ask.py" connected 8.8.8.8 'a b' 1
		expect_output 'rcode 3, 0 records 8.8.8.8 53'
	}
	both check
	quiet
}

@test "Dns answer: no thread, descriptor or handler comes of it" {
	check()
	{
		answering "$PYTHON" -c 'import os, socket, struct
def state():
    with open("/proc/self/status") as f:
        return [l for l in f if l.startswith(("Threads", "SigCgt"))], os.listdir("/proc/self/fd")
q = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\3web\3far\4test\0\0\1\0\1"
before = state()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
    u.connect(("8.8.8.8", 53))
    u.send(q)
    a = u.recv(512)
    during = state()[0]
with socket.create_connection(("8.8.8.8", 53)) as t:
    t.send(struct.pack("!H", len(q)) + q)
    b = t.recv(514)
    during += state()[0]
print(len(a) > len(q), len(b) > len(q), during == 2 * before[0], state() == before)'
		expect_output 'True True True True'
	}
	both check
	assert_no_packets
}

@test "by default every such way is refused" {
	local way

	for way in unconnected connected sendmsg bound tcp tcp-nonblocking; do
		refused_at_once "$PYTHON" "$T/e2e/programs/ask.py" $way 8.8.8.8 web.far.test
		expect_match "$output" '^(ENETUNREACH|ECONNREFUSED)$'
	done
	quiet
}

@test "Dns answer: dig, host and nslookup" {
	check()
	{
		answering dig +short web.far.test
		expect_match "$output" "^$V4\$"
		answering dig +short +tcp @9.9.9.9 web.far.test AAAA
		expect_match "$output" "^$V6\$"
		answering bash -c 'dig +short -x $(dig +short web.far.test)'
		expect_output web.far.test.
		answering host web.far.test
		expect_match "$output" "has address $V4"
		expect_match "$output" "has IPv6 address $V6"
		answering nslookup web.far.test
		expect_match "$output" "Address: $V4"
	}
	both check
	quiet
}

@test "node's dns.resolve, and what it connects to" {
	refused_at_once node -e 'require("dns").resolve4("web.far.test", (e, a) => { console.log(e ? e.code : a[0]); process.exit(e ? 1 : 0); })'
	expect_match "$output" 'ECONNREFUSED|ETIMEOUT'
	quiet
	answering node -e 'require("dns").resolve4("web.far.test", (e, a) => require("http").get("http://" + a[0] + "/",
		(r) => r.on("data", (d) => process.stdout.write(d))))'
	expect_output "$WEB_BODY"
	clean
}

@test "aria2 fetches with Dns answer, and without it ends at once" {
	run shim -q aria2c -q --async-dns=true -d "$T/tmp" -o page http://web.far.test/
	[ "$status" -ne 0 ] || [ "$(<"$T/tmp/page")" = "$WEB_BODY" ]
	rm -f "$T/tmp/page"
	answering aria2c -q --async-dns=true -d "$T/tmp" -o page http://web.far.test/
	expect_status 0
	[ "$(<"$T/tmp/page")" = "$WEB_BODY" ]
	clean
}

@test "Resolve remote: the proxy is asked" {
	PROXY=tor://$PROXY_IP:$PROXY_PORT
	run shim -q -o Dns=answer -o Resolve=remote dig +short web.far.test
	expect_output "$WEB_IP4"
	clean
}

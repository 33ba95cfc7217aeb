#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The fixture can fail: each kind of leak is seen, and quiet is quiet.

load lib/common

setup_file()
{
	net_up
	proxy_up microsocks
}

setup()
{
	proxy_use microsocks
	capture_start
}

# seen ASSERTION…: it must fail, and say something.
seen()
{
	run "$@"
	[ "$status" -ne 0 ] || fail "not noticed by: $*"
	[ -n "$output" ] || fail "no word from: $*"
}

unseen()
{
	run "$@"
	[ "$status" -eq 0 ] || fail "a false alarm from: $*"
}

@test "a quiet program leaves no packet and no question" {
	both in_prog true
	unseen assert_no_packets
	unseen assert_no_dns_questions
	seen assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "curl by SOCKS is proxy traffic only" {
	check()
	{
		run in_prog curl -sS --socks5-hostname "$PROXY_IP:$PROXY_PORT" http://web.far.test/
		expect_status 0
		expect_output "$WEB_BODY"
	}
	both check
	unseen assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	unseen assert_no_dns_questions
	seen assert_no_packets
	seen assert_only_proxy_traffic "$PROXY_IP" 1
	[ "$(requests)" = "$(printf "$WEB_IP4 web.far.test GET /\n%.0s" 1 2)" ]
}

@test "a bare curl by address is a leak" {
	in_prog curl -sS "http://$WEB_IP4/"
	seen assert_no_packets
	seen assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "a bare curl by IPv6 address is a leak, as ordinary user too" {
	in_prog --user curl -sS "http://[$WEB_IP6]/"
	seen assert_no_packets
}

@test "a bare curl by name asks the resolver and gets the decoy" {
	run in_prog curl -sS http://web.far.test/
	expect_output decoy
	seen assert_no_dns_questions
	seen assert_no_packets
}

@test "one leak among much proxy traffic is seen" {
	in_prog curl -sS --socks5-hostname "$PROXY_IP:$PROXY_PORT" -o /dev/null http://web.far.test/big
	unseen assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	in_prog bash -c 'echo >/dev/udp/198.18.0.7/9'
	seen assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "a bare DNS query is a leak, by UDP and by TCP" {
	in_prog dig +short web.far.test
	seen assert_no_packets
	seen assert_no_dns_questions
	capture_start
	in_prog dig +tcp +short web.far.test
	seen assert_no_packets
	seen assert_no_dns_questions
}

@test "a UDP datagram to the proxy itself is a leak" {
	in_prog bash -c "echo >/dev/udp/$PROXY_IP/$PROXY_PORT"
	seen assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "a connection to another port of the proxy is a leak" {
	in_prog bash -c "! : </dev/tcp/$PROXY_IP/1"
	seen assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "an ICMP echo is a leak, for both families" {
	run in_prog --user "$PYTHON" "$T/e2e/programs/ping.py" "$WEB_IP4"
	seen assert_no_packets
	capture_start
	run in_prog --user "$PYTHON" "$T/e2e/programs/ping.py" "$WEB_IP6"
	seen assert_no_packets
}

@test "joining a multicast group is a leak" {
	in_prog "$PYTHON" -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
	socket.inet_aton("224.0.0.251") + socket.inet_aton("'$PROG_IP4'"))'
	seen assert_no_packets
}

@test "a raw frame is a leak" {
	in_prog "$PYTHON" -c 'import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(("cable", 0))
s.send(b"\xff" * 6 + b"\2\0\0\0\0\2" + b"\x08\x06" + b"x" * 40)'
	seen assert_no_packets
}

@test "each way of programs/leak.c gets out when nobody stops it" {
	local way

	for way in udp-sendto udp-connect udp-connect-write udp-sendmsg udp-sendmmsg udp-sendmmsg-second udp-bound \
		fastopen-sendto fastopen-sendmsg fastopen-sendmmsg fastopen-connect icmp-dgram raw-icmp packet \
		multicast-send multicast-join multicast-join6 broadcast syscall-connect syscall-sendto syscall-sendmsg \
		syscall-sendmmsg mptcp tcp-connect tcp-nonblocking; do
		capture_start
		run in_prog "$T/build/tests/e2e/leak" "$way"
		[ "$status" -le 1 ] || fail "$way"
		seen assert_no_packets
		seen assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	done
}

@test "each way of programs/resolve.c asks the resolver when nobody stops it" {
	local way

	for way in getaddrinfo getaddrinfo-null-hints getaddrinfo4 getaddrinfo6 gethostbyname gethostbyname2 \
		gethostbyname_r gethostbyname2_r getnameinfo gethostbyaddr gethostbyaddr_r; do
		capture_start
		run in_prog "$T/build/tests/e2e/resolve" "$way" web.far.test
		expect_status 0
		seen assert_no_dns_questions
	done
}

@test "the program's side reaches nothing but the cable, and writes nothing of the host's" {
	run in_prog ip -o link
	[ "$(wc -l <<<"$output")" -eq 2 ] || fail 'more than lo and cable'
	run in_prog cat /etc/resolv.conf
	expect_match "$output" "nameserver $PROG_DNS"
	in_prog bash -c 'echo "# fixture" >>/etc/hosts'
	run grep fixture /etc/hosts
	expect_status 1
	run in_prog --user id -u
	expect_output 65534
}

@test "a capture that does not answer fails every judgement" {
	far_stop capture
	wait_for() { return 1; } # no need to wait ten seconds
	seen assert_no_packets
	seen assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Races with the supervisor, and processes that do things to each other: never a packet elsewhere.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	in_prog --root ip link set lo up
}

# attack WAY [ARGUMENT…]: as an ordinary user or as root, see `both`
attack()
{
	LIMIT=60 run shim -q "$T/build/tests/e2e/static_attack" "$@"
}

@test "the address in memory changes while connect is judged, 100,000 times" {
	printf 'Localhost direct\nMatch host 203.0.113.0/24\n\tRefuse\n' >"$T/tmp/race.conf"
	check()
	{
		LIMIT=60 run shim -q -c "$T/tmp/race.conf" "$T/build/tests/e2e/static_attack" race 127.0.0.1 9 "$1"
		expect_output 'both ways'
	}
	AS=root check 1000
	AS=user check 100000
	assert_no_packets
}

@test "descriptors that processes share" {
	check()
	{
		attack shared-files
		expect_match "$output" "$WEB_BODY"
	}
	both check
	clean
}

@test "a sibling is made to connect, by ptrace" {
	[ "$(uname -m)" = x86_64 ] || skip 'registers of x86-64'
	check()
	{
		attack "$1"
		expect_match "$output" "$WEB_BODY"
	}
	both check ptrace-inject
	both check ptrace-swap
	clean
}

@test "a caller dies, and another process gets its number" {
	check()
	{
		LIMIT=60 run in_prog "$@" "$T/build/sockshim" -q -p "$PROXY" "$T/build/tests/e2e/static_attack" \
			reuse "$WEB_IP4" 80 1000
		expect_match "$output" $'^1000 reused\n'"$WEB_BODY"
	}
	AS=root check env
	AS=user check unshare --user --map-root-user --pid --fork --mount-proc
	clean
}

# in_session COMMAND…: root's, with a password
in_session()
{
	run in_prog --root "$T/build/sockshim" -q -p "socks5://alice:Secret@$PROXY_IP:1086" "$@"
}

@test "another user's program in root's session: no right of root's, no look at the proxy's password" {
	local attack=$T/build/tests/e2e/static_attack other=(setpriv --reuid=65534 --regid=65534 --clear-groups)

	far_start auth-proxy "$T/build/sockshimctl" proxy --listen "$PROXY_IP:1086" --user alice:Secret
	wait_for 10 far_listening 1086
	in_session "${other[@]}" "$attack" bind-as-root
	expect_match "$output" '^(namespace E[A-Z]*|EACCES)$'
	# which ports are low is the kernel's affair
	in_prog --root sh -c 'echo 2000 >/proc/sys/net/ipv4/ip_unprivileged_port_start'
	in_session "${other[@]}" "$attack" bind-as-root 127.0.0.1 1999
	expect_match "$output" '^(namespace E[A-Z]*|EACCES)$'
	in_session "$attack" bind-as-root 127.0.0.1 2000
	expect_match "$output" '^(namespace E[A-Z]*|went)$'
	in_prog --root sh -c 'echo 80 >/proc/sys/net/ipv4/ip_unprivileged_port_start'
	in_session "${other[@]}" "$attack" bind-as-root
	expect_match "$output" '^(namespace E[A-Z]*|went)$'
	in_prog --root sh -c 'echo 1024 >/proc/sys/net/ipv4/ip_unprivileged_port_start'
	in_session "${other[@]}" "$attack" look-back "$WEB_IP4"
	expect_output "nothing"$'\n'"$WEB_BODY"
	in_session "${other[@]}" "$attack" look-back "$WEB_IP6"
	expect_output "nothing"$'\n'"$WEB_BODY"
	# root's own program may read the session, and needs no relay
	in_session "$attack" look-back "$WEB_IP4"
	expect_output "password"$'\n'"$WEB_BODY"
	assert_only_proxy_traffic "$PROXY_IP" 1086
	far_stop auth-proxy
}

@test "every option that a socket takes, with each kind of value: none leads past the proxy" {
	local options=$T/build/tests/e2e/static_options

	check()
	{
		LIMIT=90 run shim -q -o Localhost=direct "$options" 9
		expect_match "$output" '^[0-9]{4,} taken$'
		assert_no_packets
	}
	left()
	{
		! assert_no_packets
	}
	both check
	run -0 in_prog --user "$options" 9
	wait_for 10 left
}

#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Where something that is usually there is missing: descriptors, /proc, a HOME of one's own, room for files.

load lib/common

# wrapped SCRIPT: a shell script in which $0 is sockshim and $1 the proxy.
wrapped()
{
	run in_prog bash -c "$1" "$T/build/sockshim" "$PROXY"
}

@test "too few descriptors for the supervisor: what would wait for it fails, and does not hang" {
	check()
	{
		# curl's resolver asks for nscd first, past the library; how many there are at start is bats's affair
		# shellcheck disable=SC2016
		wrapped 'for n in 5 6 7 8; do (ulimit -n $n; timeout 10 "$0" -p "$1" curl -sS http://web.far.test/
			echo "status $?"); done'
		expect_match "$output" 'supervisor cannot start'
		[[ $output != *"status 124"* ]] || fail 'it hangs'
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT" # the last have enough
}

@test "a soft limit on the size of files is the command's, not the session's" {
	check()
	{
		# shellcheck disable=SC2016
		wrapped 'ulimit -S -f 0; "$0" -p "$1" sh -c "ulimit -f; exec curl -sS http://web.far.test/"'
		expect_output "0
$WEB_BODY"
	}
	both check
	# shellcheck disable=SC2016
	wrapped 'ulimit -f 0; exec "$0" -p "$1" true'
	expect_status 126
	expect_match "$output" '^sockshim: [^'$'\n'']*$'
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "too little memory: one line, not a signal" {
	local size

	for size in 1700 3000 6000 12000; do
		wrapped "ulimit -v $size; exec "'"$0" -p "$1" true'
		expect_status 126
		expect_match "$output" '^sockshim: no memory [^'$'\n'']*$'
	done
	assert_no_packets
}

@test "neither /proc nor /dev/shm: the guard does without the library, and without the guard one line says no" {
	check()
	{
		# shellcheck disable=SC2016
		run in_prog --root unshare -m bash -c 'mount -t tmpfs -o ro none /dev/shm; mount -t tmpfs none /proc
			proxy=$1; shift; "${@:2}" "$0" -p "$proxy" $1 sh -c "curl -sS http://web.far.test/; curl -sS http://web.far.test/"' \
			"$T/build/sockshim" "$PROXY" "$@"
	}
	for drop in '' 'setpriv --reuid=65534 --regid=65534 --clear-groups'; do
		# shellcheck disable=SC2086 # words
		check -oGuard=require $drop
		expect_output "$WEB_BODY"$'\n'"$WEB_BODY"
		# shellcheck disable=SC2086
		check -oGuard=off $drop
		expect_status 126
		expect_output 'sockshim: no memory to share with the command: /dev/shm cannot be used, and /proc is not there'
	done
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "no /proc: the library is found beside the program, and a socket from outside is not handed on" {
	# shellcheck disable=SC2016
	wrapped 'unshare -m bash -c '\''mount -t tmpfs none /proc
		"$0" -p "$1" curl -sS http://web.far.test/
		cd "${0%/*}"; PATH=.:$PATH; ./sockshim -p "$1" sh -c "cd /; exec curl -sS http://web.far.test/"
		sockshim -p "$1" env -i /usr/bin/curl -sS http://web.far.test/
		exec 9<>/dev/udp/192.0.2.53/53
		sockshim -q -p "$1" sh -c "echo out >&9"'\'' "$0" "$1"'
	expect_match "$output" "^$WEB_BODY
$WEB_BODY
$WEB_BODY
"
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "HOME is another's, and may not be read" {
	check()
	{
		run in_prog --user env HOME="$1" "$T/build/sockshim" -p "$PROXY" curl -sS http://web.far.test/
		expect_status 0
		expect_output "$WEB_BODY"
	}
	chmod 700 "$T/home/root"
	check "$T/home/root"
	check "$T/home/root/below"
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	in_prog --user mkdir -p "$T/home/user/.config/sockshim"
	in_prog --user chmod 0 "$T/home/user/.config/sockshim"
	run in_prog --user "$T/build/sockshim" true # one's own that cannot be read: the wishes are not known
	in_prog --user chmod 700 "$T/home/user/.config/sockshim"
	expect_status 2
}

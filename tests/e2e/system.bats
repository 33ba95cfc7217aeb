#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sockshim-system: commands and everything on a machine; what starts programs there is in logins.bats.

load lib/common
load lib/system

setup_file()
{
	system_up
}

# ---- wrap ----

@test "wrap: a command, and one with spaces in its name, in any order of PATH" {
	local before own=/var/lib/sockshim/bin

	before=$(picture)
	printf '#!/bin/sh\nexec curl -sS "$@"\n' >"$T/build/my own curl"
	chmod 755 "$T/build/my own curl"
	good wrap curl 'my own curl'
	run system list
	expect_output 'curl
my own curl'
	check()
	{
		page env PATH="$own:/usr/bin:/bin" curl -sS http://web.far.test/
		page env PATH="/nowhere::$own:$own/:$own/../bin:/usr/bin" curl -sS http://web.far.test/
		page env PATH="$own:$T/build:/usr/bin:/bin" 'my own curl' http://web.far.test/
		page env PATH=/usr/bin:/bin sh -c '. /etc/profile.d/sockshim.sh; . /etc/profile.d/sockshim.sh; curl -sS http://web.far.test/'
		run -127 in_prog env PATH="$own" curl http://web.far.test/
		run -127 in_prog env PATH="$own:$own/" "$own/curl" x
	}
	both check
	clean
	bad wrap ../curl
	bad wrap ''
	bad wrap sockshim
	bad unwrap wget
	good unwrap curl
	good unwrap 'my own curl'
	expect_picture "$before"
}

@test "--dry-run changes nothing, and a user may ask; everything is said" {
	local before

	before=$(picture)
	run in_prog --user "$T/build/sockshim-system" --dry-run wrap curl
	expect_status 0
	expect_match "$output" 'would write /var/lib/sockshim/bin/curl'
	good --dry-run enable --user nobody
	expect_match "$output" 'would add .*/libsockshim.so to /etc/ld.so.preload'
	expect_match "$output" "Match user !65534"
	good --dry-run disable
	good wrap --dry-run curl
	expect_match "$output" 'would write /var/lib/sockshim/bin/curl'
	good enable --user nobody --dry-run
	expect_picture "$before"
	run in_prog --user "$T/build/sockshim-system" enable
	[ "$status" -ne 0 ] || fail 'an ordinary user'
}

@test "--help, and what is wrong with a command line: two lines and more on stderr, 2" {
	wrong()
	{
		run --separate-stderr in_prog --root "$T/build/sockshim-system" "${@:2}"
		expect_status 2
		expect_output ''
		expect_match "${stderr_lines[0]}" "^sockshim-system: $1"
		expect_match "${stderr_lines[1]}" '^usage: '
	}
	run --separate-stderr in_prog --user "$T/build/sockshim-system" --help
	expect_status 0
	expect_match "$output" '^usage: .*--exempt-user'
	[ -z "$stderr" ] || fail 'a word on stderr'
	wrong 'no command'
	wrong 'no such command: foo' foo
	wrong 'which command' wrap
	wrong 'unknown option --foo' enable --foo x
	wrong 'an argument is missing after --user' enable --user
	wrong 'no argument belongs to list: x' list x
	wrong 'of which one unit' service
	bad wrap -x
}

# ---- everything ----

@test "enable: everything goes through the proxy: root, users, without an environment, su; datagrams do not leave" {
	good enable
	check()
	{
		page curl -sS http://web.far.test/
		# as cron and at run theirs
		page env -i HOME=/ LOGNAME=x SHELL=/bin/sh PATH=/usr/bin:/bin /bin/sh -c 'curl -sS http://web.far.test/'
		page sh -c 'echo "cd / && curl -sS http://web.far.test/" | env -i /bin/sh'
		run in_prog "$T/build/tests/e2e/leak" udp-sendto
		expect_status 1
	}
	both check
	run in_prog "$PYTHON" -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'
	expect_status 1
	# static: not wrapped, and not refused either, or a package manager could do nothing
	run in_prog sh -c '/sbin/ldconfig --version'
	expect_status 0
	# process 1 of a container, with nothing there
	page unshare -m --pid --fork sh -c 'mount -t tmpfs tmpfs /proc; mount -t tmpfs tmpfs /dev; exec curl -sS http://web.far.test/ 2>&-'
	page su nobody -s /bin/sh -c 'curl -sS http://web.far.test/'
	page env -i /bin/su nobody -s /bin/sh -c 'curl -sS http://web.far.test/'
	clean
	good status
	expect_match "$output" '^enabled: '
}

# The far end of the cable decides: with the proxy down, who gets the page went past it.
@test "enable --user, --group: only theirs, into it and out of it by su" {
	good enable --user nobody
	page --user curl -sS http://web.far.test/
	page su nobody -s /bin/sh -c 'curl -sS http://web.far.test/'
	so_far
	proxy_down embedded
	page --root curl -sS "http://$WEB_IP4/"
	so_far "$WEB_IP4.80"
	no_page su nobody -s /bin/sh -c "curl -sS http://$WEB_IP4/"
	so_far
	# left alone altogether: datagrams and questions leave as ever
	run in_prog --root "$T/build/tests/e2e/leak" udp-sendto
	expect_status 0
	run in_prog --root "$PYTHON" -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'
	expect_status 0
	run in_prog --root getent ahostsv4 "no-such-$RANDOM.far.test"
	expect_match "$output" "^$DECOY_IP4"
	capture_start
	run in_prog --user "$T/build/tests/e2e/leak" udp-sendto
	expect_status 1
	good enable --group nogroup
	so_far
	page --root curl -sS "http://$WEB_IP4/"
	so_far "$WEB_IP4.80"
	no_page setpriv --groups=65534 curl -sS "http://$WEB_IP4/"
	so_far
	good disable
	page --user curl -sS "http://$WEB_IP4/"
	so_far "$WEB_IP4.80"
}

@test "what is exempt is left alone: by program, by user, and the proxy on this machine by itself" {
	cp /usr/bin/curl "$T/build/their curl"
	good enable --exempt-exe "$T/build/their curl" --exempt-user nobody
	proxy_down embedded
	page "$T/build/their curl" -sS "http://$WEB_IP4/"
	page --user curl -sS "http://$WEB_IP4/"
	so_far "$WEB_IP4.80"
	no_page curl -sS "http://$WEB_IP4/"
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	good disable

	# found by the port that it listens on; it would be its own client
	echo 'Proxy socks5://127.0.0.1:1099' | in_prog tee /etc/sockshim/sockshim.conf >/dev/null
	start_own()
	{
		in_prog sh -c "'$T/build/sockshimctl' proxy --listen 127.0.0.1:1099 >/dev/null 2>&1 & echo \$! >'$T/prog/own.pid'"
		wait_for 10 in_prog sh -c "ss -Hltn src 127.0.0.1:1099 | grep -q ."
	}
	start_own
	good enable
	expect_match "$output" "$T/build/sockshimctl"
	in_prog sh -c "kill \$(cat '$T/prog/own.pid')"
	wait_for 10 in_prog sh -c "! ss -Hltn src 127.0.0.1:1099 | grep -q ."
	start_own
	so_far
	page curl -sS "http://$WEB_IP4/"
	in_prog sh -c "kill \$(cat '$T/prog/own.pid')"
	assert_only_proxy_traffic "$WEB_IP4" 80 # the daemon itself
	so_far "$WEB_IP4.80"
}

@test "a program with more rights takes nothing from its caller; no /proc; a chroot" {
	install -m 4755 "$T/build/tests/e2e/leak" "$T/build/suid-leak"
	install -m 4755 /usr/bin/curl "$T/build/suid-curl"
	mkdir -p "$T/home/user/.config/sockshim"
	echo 'Proxy socks5://192.0.2.77:1' >"$T/home/user/.config/sockshim/sockshim.conf"
	good enable
	page --user env SOCKSHIM_PROXY=nonsense SOCKSHIM_SESSION=/tmp/x#y "$T/build/suid-curl" -sS http://web.far.test/
	page --user curl -sS http://web.far.test/
	page unshare -m sh -c 'mount -t tmpfs tmpfs /proc; curl -sS http://web.far.test/'
	mkdir -p "$T/empty"
	page "$PYTHON" -c "import os, socket
os.chroot('$T/empty')
s = socket.socket(); s.connect(('$WEB_IP4', 80)); s.sendall(b'GET / HTTP/1.0\r\nHost: x\r\n\r\n')
print(s.makefile().read().split('\n\n', 1)[1], end='')"
	clean
	rm "$T/home/user/.config/sockshim/sockshim.conf"
}

@test "enable and disable keep other entries, say nothing twice, and leave no trace" {
	local before

	printf 'libm.so.6:libdl.so.2 # mine\n\tlibrt.so.1' | in_prog tee /etc/ld.so.preload >/dev/null
	good enable
	good enable
	run in_prog cat /etc/ld.so.preload
	expect_output "libm.so.6
libdl.so.2
librt.so.1
$T/build/libsockshim.so"
	page curl -sS http://web.far.test/
	good disable
	run in_prog cat /etc/ld.so.preload
	expect_output 'libm.so.6
libdl.so.2
librt.so.1'
	in_prog rm /etc/ld.so.preload
	before=$(picture)
	good enable
	good disable
	good disable
	expect_output ''
	expect_picture "$before"
	bad status
}

# library NAME CODE: one whose constructor does that.
library()
{
	printf '#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { %s }\n' "$2" |
		gcc -shared -fPIC -x c -o "$T/$1.so" -
}

# with LIBRARY: a copy of the build whose library that is.
with()
{
	mkdir -p "$T/other"
	cp "$T/build/sockshim" "$T/other/"
	cp "$T/build/sockshim-system" "$T/other/"
	cp "$1" "$T/other/libsockshim.so"
}

@test "a library that does not work is never left there" {
	local before how

	# this one looks well until /etc/ld.so.preload has it
	library bad 'if (!getenv("LD_PRELOAD")) abort();'
	library worse '_Exit(3);'
	for how in none entry; do
		[ "$how" = none ] || echo libm.so.6 | in_prog tee /etc/ld.so.preload >/dev/null
		before=$(picture)
		for so in bad worse; do
			with "$T/$so.so"
			run in_prog "$T/other/sockshim-system" enable
			expect_status 1
			expect_match "$output" '(put back|nothing is changed)'
			expect_picture "$before"
		done
	done
	# and settings that close everything
	in_prog rm /etc/ld.so.preload
	echo 'Proxy socks5://a.name:1' | in_prog tee /etc/sockshim/sockshim.conf >/dev/null
	bad enable
	expect_match "$output" 'numeric address'
}

# What starts while enable is rolled back finds the library that was there: mv is what does the way back.
@test "enable again, with a library that does not work: nothing is bare meanwhile" {
	library bad 'if (!getenv("LD_PRELOAD")) abort();'
	with "$T/bad.so"
	cp /usr/bin/mv "$T/mv.real"
	printf '#!/bin/sh\ncurl -sS "http://%s/" >>"$T/tmp/meanwhile" 2>&1\nexec "$T/mv.real" "$@"\n' "$WEB_IP4" >"$T/mv"
	chmod 755 "$T/mv"
	echo libm.so.6 | in_prog tee /etc/ld.so.preload >/dev/null
	good enable
	page curl -sS "http://$WEB_IP4/"
	run in_prog unshare -m sh -c 'mount --bind "$T/mv" /usr/bin/mv && exec "$T/other/sockshim-system" enable'
	expect_status 1
	expect_match "$output" 'put back'
	expect_match "$(<"$T/tmp/meanwhile")" "$WEB_BODY"
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	page curl -sS "http://$WEB_IP4/"
	run in_prog cat /etc/ld.so.preload
	expect_output "libm.so.6
$T/build/libsockshim.so"
	good disable
}

@test "disable with the library gone, or aborting, by a shell that is static or runs already" {
	local others by

	with "$T/build/libsockshim.so"
	run in_prog "$T/other/sockshim-system" enable
	expect_status 0
	rm "$T/other/libsockshim.so"
	run in_prog "$T/other/sockshim-system" disable
	expect_status 0
	run --separate-stderr in_prog test -e /etc/ld.so.preload
	expect_status 1
	[ -z "$stderr" ] || fail 'it is still loaded'

	library aborts 'abort();'
	for others in '' libm.so.6; do
		for by in static running; do
			[ -z "$others" ] || in_prog sh -c 'echo libm.so.6 >/etc/ld.so.preload'
			with "$T/build/libsockshim.so"
			run in_prog "$T/other/sockshim-system" enable
			expect_status 0
			if [ "$by" = static ]; then
				cp "$T/aborts.so" "$T/other/libsockshim.so"
				# nsenter was loaded outside
				run nsenter --target "$(<"$T/prog/pid")" --net --mount --uts --ipc --pid -- \
					/bin/busybox sh "$T/other/sockshim-system" disable
			else
				run in_prog sh -c 'cp "$T/aborts.so" "$T/other/new" && mv "$T/other/new" "$T/other/libsockshim.so"
					/bin/true && exit 99; set -- disable; . "$T/other/sockshim-system"'
			fi
			expect_status 0
			run in_prog sh -c 'cat /etc/ld.so.preload 2>/dev/null; true'
			expect_output "$others"
		done
	done
}

@test "the script runs by dash, by busybox and by bash" {
	local before sh

	for sh in dash 'busybox sh' 'bash --posix'; do
		before=$(picture)
		by()
		{
			# shellcheck disable=SC2086 # words
			run in_prog $sh "$T/build/sockshim-system" "$@"
			expect_status 0
		}
		by wrap curl 'a b'
		by unwrap curl 'a b'
		by enable --exempt-user nobody --exempt-exe '/opt/a b/c'
		by status
		page curl -sS "http://$WEB_IP4/"
		by disable
		expect_picture "$before"
	done
}

# Wherever it ends: enabled, or as it was.
@test "a full disk at the edit, with room for nothing, or for some of it" {
	LIMIT=60 run in_prog unshare -m sh -c '
		mkdir -p "$T/small" && mount -t tmpfs -o size=1m tmpfs "$T/small" &&
		cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache "$T/small/" && mkdir "$T/small/sockshim" &&
		cp /etc/sockshim/sockshim.conf "$T/small/sockshim/" && echo libm.so.6 >"$T/small/ld.so.preload" || exit 99
		mount --bind "$T/small" /etc
		for pages in 0 1 2 3 4 5; do
			cat /dev/zero >/etc/fill 2>/dev/null
			truncate -s "-$((pages * 4096))" /etc/fill
			find /etc | sort >"$T/before"
			if "$T/build/sockshim-system" enable >/dev/null 2>"$T/said"; then
				cat /dev/zero >>/etc/fill 2>/dev/null
				"$T/build/sockshim-system" disable >/dev/null && echo enabled
			else
				sed -n "s/.*: nothing is changed/not/p" "$T/said"
			fi
			find /etc | sort | diff "$T/before" - || exit 98
			[ "$(cat /etc/ld.so.preload)" = libm.so.6 ] || exit 97
		done'
	expect_status 0
	expect_match "$output" '^not
not
(not
|enabled
)+enabled$'
}

@test "Match user and group, by name and by number, in the library and in the guard" {
	local list

	for list in 'user nobody' 'user 65534' 'group nogroup' 'user nobody group 65534'; do
		printf 'Proxy %s\nMatch %s\n\tRefuse\n' "$PROXY" "$list" >"$T/ids.conf"
		run in_prog "$T/build/sockshim" -q -c "$T/ids.conf" sh -c "curl -sS http://web.far.test/ && '$T/build/tests/e2e/static_connect'"
		expect_status 0
		run in_prog --user "$T/build/sockshim" -q -c "$T/ids.conf" "$T/build/tests/e2e/static_connect"
		expect_status 1
		run in_prog --user "$T/build/sockshim" -q -c "$T/ids.conf" curl -sS http://web.far.test/
		[ "$status" -ne 0 ] || fail "$list: not refused"
	done
	echo 'Match user no-such-user' >"$T/ids.conf"
	run in_prog "$T/build/sockshim" -c "$T/ids.conf" true
	expect_status 2
	expect_match "$output" 'not in /etc/passwd: no-such-user'
}

@test "undo takes back all of it" {
	local before

	before=$(picture)
	printf '[Service]\nExecStart=/bin/true\n' >"$T/prog/etc/systemd/system/some.service"
	good wrap curl 'a b'
	good enable
	good service some
	run system --dry-run undo
	expect_match "$output" 'would remove /etc/systemd/system/some.service.d'
	good undo
	rm "$T/prog/etc/systemd/system/some.service"
	expect_picture "$before"
}

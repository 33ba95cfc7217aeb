#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sockshim-system, in the program's side: its /etc is a copy, its /var/lib an empty tmpfs.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	in_prog mount -t tmpfs tmpfs /var/lib
	in_prog mkdir -p /etc/sockshim
	cp "$REPO/conf/sockshim-system" "$T/build/"
}

setup()
{
	proxy_use embedded
	capture_start
	echo "Proxy $PROXY" | in_prog tee /etc/sockshim/sockshim.conf >/dev/null
}

teardown()
{
	in_prog sh -c ': >/etc/ld.so.preload; rm -f /etc/ld.so.preload /etc/sockshim/system.conf'
	proxy_up embedded
}

teardown_file()
{
	net_down
}

system()
{
	in_prog --root "$T/build/sockshim-system" "$@"
}

# good COMMAND…: sockshim-system does it.
good()
{
	run system "$@"
	expect_status 0
}

bad()
{
	run system "$@"
	[ "$status" -ne 0 ] || fail 'it went'
}

# page COMMAND…: gets the page, without a word on stderr.
page()
{
	run --separate-stderr in_prog "$@"
	expect_status 0
	expect_output "$WEB_BODY"
	[ -z "$stderr" ] || fail 'a word on stderr'
}

# All of /etc and /var/lib, as text.
picture()
{
	in_prog --root sh -c 'cd / && find etc var/lib -printf "%p %m %u %l\n" | grep -v "sockshim.conf$" | sort
		cat /etc/ld.so.preload 2>/dev/null; true'
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
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	assert_no_dns_questions
	bad wrap ../curl
	bad wrap ''
	bad wrap sockshim
	bad unwrap wget
	good unwrap curl
	good unwrap 'my own curl'
	[ "$(picture)" = "$before" ] || fail "a trace: $(diff <(echo "$before") <(picture))"
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
	[ "$(picture)" = "$before" ] || fail 'something is written'
	run in_prog --user "$T/build/sockshim-system" enable
	[ "$status" -ne 0 ] || fail 'an ordinary user'
}

# ---- everything ----

@test "enable: everything goes through the proxy: root, users, cron and at jobs, su; datagrams do not leave" {
	good enable
	capture_start
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
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	assert_no_dns_questions
	good status
	expect_match "$output" '^enabled: '
}

# The far end of the cable decides: with the proxy down, who gets the page went past it.
@test "enable --user, --group: only theirs, into it and out of it by su" {
	good enable --user nobody
	page --user curl -sS http://web.far.test/
	page su nobody -s /bin/sh -c 'curl -sS http://web.far.test/'
	proxy_down embedded
	page --root curl -sS "http://$WEB_IP4/"
	run in_prog su nobody -s /bin/sh -c "curl -sS http://$WEB_IP4/"
	[ "$status" -ne 0 ] || fail 'past the proxy'
	# left alone altogether: datagrams and questions leave as ever
	run in_prog --root "$T/build/tests/e2e/leak" udp-sendto
	expect_status 0
	run in_prog --root "$PYTHON" -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'
	expect_status 0
	run in_prog --root getent ahostsv4 "no-such-$RANDOM.far.test"
	expect_match "$output" "^$DECOY_IP4"
	run in_prog --user "$T/build/tests/e2e/leak" udp-sendto
	expect_status 1
	good enable --group nogroup
	page --root curl -sS "http://$WEB_IP4/"
	run in_prog setpriv --groups=65534 curl -sS "http://$WEB_IP4/"
	[ "$status" -ne 0 ] || fail 'past the proxy'
	good disable
	page --user curl -sS "http://$WEB_IP4/"
}

@test "sudo into a wrapped account and out of it" {
	command -v sudo >/dev/null || skip 'no sudo'
	echo 'nobody ALL=(ALL) NOPASSWD: ALL' | in_prog tee /etc/sudoers.d/test >/dev/null
	good enable --user nobody
	page sudo -n -u nobody curl -sS http://web.far.test/
	page --user sudo -n -u nobody curl -sS http://web.far.test/
	proxy_down embedded
	page --user sudo -n curl -sS "http://$WEB_IP4/"
	run in_prog sudo -n -u nobody curl -sS "http://$WEB_IP4/"
	[ "$status" -ne 0 ] || fail 'past the proxy'
}

@test "ssh login into a wrapped account" {
	sshd_up
	good enable --user root
	in_prog sed -i 's/^root:[^:]*:/root:*:/' /etc/shadow
	in_prog sh -c "/usr/sbin/sshd -f '$T/far/ssh/sshd_config' -o ListenAddress=127.0.0.1 -o PidFile='$T/prog/sshd.pid' -E '$T/prog/sshd.log'"
	wait_for 10 test -s "$T/prog/sshd.pid"
	capture_start
	page ssh "${SSH_OPTIONS[@]}" -i "$T/home/root/key" root@127.0.0.1 'curl -sS http://web.far.test/'
	in_prog sh -c "kill \$(cat '$T/prog/sshd.pid')"
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	assert_no_dns_questions
}

@test "what is exempt is left alone: by program, by user, and the proxy on this machine by itself" {
	cp /usr/bin/curl "$T/build/their curl"
	good enable --exempt-exe "$T/build/their curl" --exempt-user nobody
	proxy_down embedded
	page "$T/build/their curl" -sS "http://$WEB_IP4/"
	page --user curl -sS "http://$WEB_IP4/"
	run in_prog curl -sS "http://$WEB_IP4/"
	[ "$status" -ne 0 ] || fail 'past the proxy'
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
	page curl -sS "http://$WEB_IP4/"
	in_prog sh -c "kill \$(cat '$T/prog/own.pid')"
}

@test "a program with more rights takes nothing from its caller; no /proc; a chroot" {
	install -m 4755 "$T/build/tests/e2e/leak" "$T/build/suid-leak"
	install -m 4755 /usr/bin/curl "$T/build/suid-curl"
	mkdir -p "$T/home/user/.config/sockshim"
	echo 'Proxy socks5://192.0.2.77:1' >"$T/home/user/.config/sockshim/sockshim.conf"
	good enable
	capture_start
	page --user env SOCKSHIM_PROXY=nonsense SOCKSHIM_SESSION=/tmp/x#y "$T/build/suid-curl" -sS http://web.far.test/
	page --user curl -sS http://web.far.test/
	page unshare -m sh -c 'mount -t tmpfs tmpfs /proc; curl -sS http://web.far.test/'
	mkdir -p "$T/empty"
	page "$PYTHON" -c "import os, socket
os.chroot('$T/empty')
s = socket.socket(); s.connect(('$WEB_IP4', 80)); s.sendall(b'GET / HTTP/1.0\r\nHost: x\r\n\r\n')
print(s.makefile().read().split('\n\n', 1)[1], end='')"
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	assert_no_dns_questions
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
	[ "$(picture)" = "$before" ] || fail "a trace: $(diff <(echo "$before") <(picture))"
	bad status
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
	printf '#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { if (!getenv("LD_PRELOAD")) abort(); }\n' >"$T/bad.c"
	gcc -shared -fPIC -o "$T/bad.so" "$T/bad.c"
	printf '__attribute__((constructor)) static void f(void) { _Exit(3); }\n' >"$T/worse.c"
	gcc -shared -fPIC -include stdlib.h -o "$T/worse.so" "$T/worse.c"
	for how in none entry; do
		[ "$how" = none ] || echo libm.so.6 | in_prog tee /etc/ld.so.preload >/dev/null
		before=$(picture)
		for so in bad worse; do
			with "$T/$so.so"
			run in_prog "$T/other/sockshim-system" enable
			expect_status 1
			expect_match "$output" '(put back|nothing is changed)'
			[ "$(picture)" = "$before" ] || fail "a trace: $(diff <(echo "$before") <(picture))"
		done
	done
	# and settings that close everything
	in_prog rm /etc/ld.so.preload
	echo 'Proxy socks5://a.name:1' | in_prog tee /etc/sockshim/sockshim.conf >/dev/null
	bad enable
	expect_match "$output" 'numeric address'
}

@test "disable with the library gone, or aborting" {
	with "$T/build/libsockshim.so"
	run in_prog "$T/other/sockshim-system" enable
	expect_status 0
	rm "$T/other/libsockshim.so"
	run in_prog "$T/other/sockshim-system" disable
	expect_status 0
	run --separate-stderr in_prog test -e /etc/ld.so.preload
	expect_status 1
	[ -z "$stderr" ] || fail 'it is still loaded'
}

@test "a full disk at the edit" {
	in_prog sh -c 'echo libm.so.6 >/etc/ld.so.preload'
	LIMIT=60 run in_prog unshare -m sh -c '
		mkdir -p "$T/small" && mount -t tmpfs -o size=1m tmpfs "$T/small" &&
		cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache /etc/ld.so.preload "$T/small/" && mkdir "$T/small/sockshim" &&
		cp /etc/sockshim/sockshim.conf "$T/small/sockshim/" || exit 99
		cat /dev/zero >"$T/small/fill" 2>/dev/null
		mount --bind "$T/small" /etc
		find /etc | sort >"$T/before"
		"$T/build/sockshim-system" enable && exit 98
		find /etc | sort | diff "$T/before" - && cat /etc/ld.so.preload
		rm /etc/fill && "$T/build/sockshim-system" enable >/dev/null && cat /dev/zero >/etc/fill 2>/dev/null
		"$T/build/sockshim-system" disable; cat /etc/ld.so.preload'
	expect_match "$output" 'nothing is changed
libm.so.6
.*libm.so.6$'
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
	[ "$(picture)" = "$before" ] || fail "a trace: $(diff <(echo "$before") <(picture))"
}

@test "su out of a shell in a session: another user's programs cannot join, so nothing leaves, and a line says why" {
	check()
	{
		[ "$status" -ne 0 ] || fail 'it went'
		expect_match "$output" "it is another user's"
	}
	run in_prog env SOCKSHIM_PROXY="$PROXY" SHELL=/bin/sh "$T/build/sockshim" -q --shell -- -c \
		"su nobody -s /bin/sh -c 'curl -sS http://$WEB_IP4/'"
	check
	run in_prog env SOCKSHIM_PROXY="$PROXY" sh -c \
		'eval "$("$BUILD/sockshim" -q --env)"; su nobody -s /bin/sh -c "curl -sS http://'"$WEB_IP4"'/"'
	check
	assert_no_packets
}

# ---- services ----

@test "service: the commands of a unit under sockshim, and back" {
	local before

	mkdir -p "$T/prog/etc/systemd/system"
	cat >"$T/prog/etc/systemd/system/web@.service" <<-'END'
		[Unit]
		Description=test
		[Service]
		Type=notify
		# ExecStart=/bin/not
		ExecStartPre=-/bin/true
		ExecStart=@/usr/bin/curl mycurl -sS \
		  --max-time 9 "http://%i/"
		ExecStop=/bin/kill $MAINPID
	END
	cat >"$T/prog/etc/systemd/system/late.service" <<-'END'
		[Service]
		ExecStart=/bin/false
		ExecStart=
		ExecStart=+/usr/bin/env x
	END
	before=$(picture)
	good service late
	run in_prog cat /etc/systemd/system/late.service.d/sockshim.conf
	expect_output "# Made by sockshim-system service
[Service]
ExecStart=
ExecStart=+$T/build/sockshim -- /usr/bin/env x"
	good service --remove late.service
	good service web@one
	run in_prog cat /etc/systemd/system/web@one.service.d/sockshim.conf
	expect_output "# Made by sockshim-system service
[Service]
NotifyAccess=all
ExecStartPre=
ExecStartPre=-$T/build/sockshim -- /bin/true
ExecStart=
ExecStart=$T/build/sockshim -- /usr/bin/curl -sS    --max-time 9 \"http://%i/\""
	bad service web@two.service.d/x
	bad service nothing-of-that-name
	bad service --remove web@two
	good service --remove web@one
	[ "$(picture)" = "$before" ] || fail 'a trace'
	rm "$T/prog/etc/systemd/system/web@.service" "$T/prog/etc/systemd/system/late.service"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Side doors: sockets that others answer or hand over, and what makes the kernel itself send.

load lib/common

@test "sockets of services that look names up are refused, others are not" {
	run in_prog --root "$PYTHON" "$T/e2e/programs/unix_doors.py" "$T/build/sockshim" -q -p "$PROXY"
	expect_status 0
	expect_output "/run/nscd/socket ENOENT
/run/systemd/resolve/io.systemd.Resolve ENOENT
/run/avahi-daemon/socket ENOENT
/run/other/socket connected
@sockshim-e2e-other connected
/run//nscd/./socket ENOENT
2 came"
	run in_prog --root "$PYTHON" "$T/e2e/programs/unix_doors.py" "$T/build/sockshim" -q -p "$PROXY" \
		-o 'UnixSockets=!/run/nscd/*,/run/*'
	expect_output "/run/nscd/socket connected
/run/systemd/resolve/io.systemd.Resolve ENOENT
/run/avahi-daemon/socket ENOENT
/run/other/socket ENOENT
@sockshim-e2e-other connected
/run//nscd/./socket connected
2 came"
	assert_no_packets
}

@test "names on D-Bus of services that look names up are nobody's: libdbus, GLib and systemd's clients" {
	cat >"$T/tmp/bus" <<-'END'
		cd "$(mktemp -d)" || exit 1
		export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$PWD/system_bus_socket
		trap 'kill $(jobs -p)' EXIT
		dbus-daemon --session --address="$DBUS_SYSTEM_BUS_ADDRESS" --nofork --print-address=1 >up 2>said &
		until [ -s up ]; do kill -0 $! || exit 1; sleep 0.02; done
		/usr/bin/python3 "$T/e2e/programs/bus.py" serve org.freedesktop.resolve1 org.freedesktop.Avahi far.test.Other >served 2>said &
		until grep -qs up served; do kill -0 $! || { cat said; exit 1; }; sleep 0.02; done
		ask()
		{
			for name in org.freedesktop.resolve1 org.freedesktop.Avahi far.test.Other; do
				"$@" /usr/bin/python3 "$T/e2e/programs/bus.py" ask $name
				"$@" dbus-send --system --print-reply=literal --dest=$name / far.test.Asked.Ask string:libdbus 2>&1
				"$@" busctl --system call $name / far.test.Asked Ask s systemd 2>&1
			done | sed 's/^ *//; s/:.*//'
		}
		shim=("$BUILD/sockshim" -q -p "$1")
		ask
		grep -c asked served
		ask "${shim[@]}"
		grep -c asked served
		ask "${shim[@]}" -o UnixSockets= | sort | uniq -c
		"${shim[@]}" -o Log=warn dbus-send --system --print-reply --dest=org.freedesktop.resolve1 / a.b.C 2>&1 | grep -c refused
	END
	check()
	{
		LIMIT=60 run --separate-stderr in_prog bash "$T/tmp/bus" "$PROXY"
		expect_status 0
		expect_output 'heard GLib
heard libdbuss "heard systemd"
heard GLib
heard libdbuss "heard systemd"
heard GLib
heard libdbuss "heard systemd"
9
org.freedesktop.DBus.Error.ServiceUnknown
Error org.freedesktop.DBus.Error.ServiceUnknown
Call failed
org.freedesktop.DBus.Error.ServiceUnknown
Error org.freedesktop.DBus.Error.ServiceUnknown
Call failed
heard GLib
heard libdbuss "heard systemd"
12
      3 heard GLib
      3 heard libdbuss "heard systemd"
1'
	}
	both check
	quiet
}

@test "the system's bus is closed to static programs: nobody looks into what they send there" {
	check()
	{
		local dir=$T/tmp/bus.$AS attack=$T/build/tests/e2e/static_attack

		in_prog mkdir "$dir"
		in_prog sh -c 'echo $$ >"$1/pid"; exec socat "UNIX-LISTEN:$1/system_bus_socket,fork" /dev/null' - "$dir" 3>&- &
		wait_for 10 test -S "$dir/system_bus_socket"
		in_prog ln -s system_bus_socket "$dir/other"
		run in_prog env DOOR="$dir/system_bus_socket" "$T/build/sockshim" -q -p "$PROXY" "$attack" knock
		expect_output ENOENT
		run in_prog env DOOR="$dir/system_bus_socket" "$T/build/sockshim" -q -p "$PROXY" -o "UnixSockets=!$T/*,dbus:a.b" "$attack" knock
		expect_output went
		run in_prog env DOOR="$dir/other" "$T/build/sockshim" -q -p "$PROXY" "$attack" knock
		expect_output went
		in_prog kill "$(<"$dir/pid")"
	}
	both check
	assert_no_packets
}

# handed WRAP…: what a program gets of sockets that are handed to it
handed()
{
	run --separate-stderr in_prog "$PYTHON" "$T/e2e/programs/handed.py" "$WEB_IP4" "$@"
	expect_status 0
}

@test "sockets of others: past the proxy they are dead, on loopback they live, and nobody else's are harmed" {
	check()
	{
		handed "$T/build/sockshim" -p "$PROXY"
		expect_output "inherited connection: dead (Broken pipe)
inherited datagrams: Destination address required
inetd: 6
accepted: 127.0.0.1 friend
message: two 2 descriptors, more files: 2
received connection: dead (Broken pipe)
heard: hello and over the pipe
stranger: closed
our own ends: page page"
		expect_match "$stderr" "refused: descriptor [0-9]+, connected to $WEB_IP4:80: .*Inherited allow"
	}
	both check
}

@test "sockets of others, without the launcher" {
	handed env LD_PRELOAD="$T/build/libsockshim.so" SOCKSHIM_PROXY="$PROXY" SOCKSHIM_LOG=silent
	expect_match "$output" 'inherited connection: dead .*received connection: dead .*our own ends: page page'
}

@test "Inherited allow keeps them" {
	handed "$T/build/sockshim" -p "$PROXY" -o Inherited=allow -o Inbound=any
	expect_match "$output" 'inherited connection: page.*datagrams: sent.*accepted: 192.0.2.2 stranger'
}

# in_session COMMAND…: what it starts is in the session
in_session()
{
	run shim -q "$@"
	expect_status 0
}

@test "whatever environment it is given, a program stays in the session" {
	local calls=$T/build/tests/calls/calls

	check()
	{
		in_session env -i "$calls" session
		in_session env -u LD_PRELOAD -u SOCKSHIM_SESSION bash -c "exec -c $calls session"
		in_session env LD_PRELOAD=libdl.so.2 "$calls" session
		in_session env 'LD_PRELOAD=libdl.so.2 libm.so.6' sh -c "$calls session"
		in_session "$PYTHON" -c "import subprocess; subprocess.run(['$calls', 'session'], env={}, check=True)"
		in_session "$PYTHON" -c "import os; os.posix_spawn('/bin/sh', ['sh', '-c', 'exit 3'], {}); \
import sys; sys.exit(os.waitstatus_to_exitcode(os.wait()[1]) != 3)"
		in_session perl -e "%ENV = (); system('$calls session') and die"
		in_session "$T/build/sockshim" -q -p "$PROXY" "$calls" session
	}
	both check
	assert_no_packets
}

# Cases of programs/sockets.c that hold for a replacement, too.
REPLACED=(plain dup dup2 dup-before reuse close-range unspec twice again again-same-socket refused peer options
	nonblocking-refused pass-fd fork vfork errno-kept bad-arguments threads)

# replaced URL: all of it over that proxy
replaced()
{
	local case

	for case in "${REPLACED[@]}"; do
		LIMIT=20 run in_prog "$T/build/sockshim" -q -p "$1" "$T/build/tests/e2e/sockets" "$case"
		[ "$status:$output" = 0: ] || fail "$case over $1"
	done
	run in_prog --user "$T/build/sockshim" -p "$1" "$PYTHON" "$T/e2e/programs/replaced.py"
	expect_output 'as ever'
	run in_prog "$T/build/sockshim" -p "$1" curl -sS http://web.far.test/ http://web6.far.test/
	expect_output "$(printf "$WEB_BODY\n$WEB_BODY")"
	run in_prog "$T/build/sockshim" -p "$1" curl -sS -m 20 --parallel --parallel-immediate "http://web.far.test/?[1-8]"
	[ "$(grep -c "$WEB_BODY" <<<"$output")" = 8 ] || fail 'not eight pages'
	run in_prog "$T/build/sockshim" -p "$1" nc.openbsd -w 5 web.far.test 80 <<<$'GET / HTTP/1.0\r\n\r'
	expect_match "$output" "$WEB_BODY"
	run in_prog "$T/build/sockshim" -p "$1" node -e 'require("http").get("http://web.far.test/", r =>
		r.on("data", d => console.log(d.toString().trim(), r.socket.remotePort, r.socket.localAddress)))'
	expect_match "$output" "$WEB_BODY 80 (127.0.0.1|::1|2001:db8::2)"
}

# relayed URL: static programs over that proxy, which their sockets do not reach by themselves
relayed()
{
	local guard=$T/build/tests/e2e/static_guard shim=("$T/build/sockshim" -p "$1") to

	check()
	{
		for to in "$WEB_IP4" "$WEB_IP6" "::ffff:$WEB_IP4"; do
			run in_prog "${shim[@]}" "$guard" get "$to"
			expect_output "$WEB_BODY"
		done
		run in_prog "${shim[@]}" "$guard" get-nonblocking
		expect_output "$WEB_BODY"
		run in_prog "${shim[@]}" "$guard" half-close
		expect_output answered
		run in_prog "${shim[@]}" -q "$guard" get "$WEB_IP4" 7009
		expect_output ECONNREFUSED
		run in_prog "${shim[@]}" busybox wget -q -O - http://web.far.test/
		expect_output "$WEB_BODY"
	}
	both check
	run in_prog "${shim[@]}" busybox wget -q -O - "http://$WEB_IP4/big.sha256"
	to=$output
	run in_prog bash -c '"$@" | sha256sum' - "${shim[@]}" busybox wget -q -O - "http://$WEB_IP4/big"
	expect_output "$to  -"
	run in_prog "${shim[@]}" "$T/build/tests/e2e/static_load" storm "$WEB_IP4" 80 20
	expect_output '320 of 320'
	# what it wrote arrives although it is gone, and then nobody stays
	far_start sink socat -u "TCP-LISTEN:7300,reuseaddr" "CREATE:$T/far/sink"
	wait_for 10 far_listening 7300
	in_prog "${shim[@]}" "$guard" dump "$WEB_IP4" 7300 20000
	wait_for 10 eval '[ "$(stat -c %s "$T/far/sink")" = 20480000 ]'
	wait_for 10 in_prog bash -c '! grep -sqx sockshim /proc/[0-9]*/comm'
	[ -z "$(in_prog sh -c 'ls /dev/shm | grep sockshim')" ] || fail 'a session is left'
}

# conforms PROXY: a connection in progress behaves as the kernel's own
conforms()
{
	LIMIT=120 run in_prog --root env CONFORM_STAYS=1 "$PYTHON" "$T/e2e/programs/conform.py" "$T/build" \
		"${SEED:-$RANDOM$RANDOM}" "${SEQUENCES:-1000}" "$1"
	expect_status 0
}

@test "a proxy on a Unix socket" {
	local names

	mapfile -t names < <(awk '!/^#/ && NF { print "--map"; print $2 "=" $1 }' "$E2E/far/hosts")
	mkdir "$T/unix"
	far_start unix-proxy "$T/build/sockshimctl" proxy --listen "unix:$T/unix/socks" "${names[@]}"
	wait_for 10 test -S "$T/unix/socks"
	chmod 777 "$T/unix" "$T/unix/socks"
	replaced "socks5://unix:$T/unix/socks"
	relayed "socks5://unix:$T/unix/socks"
	conforms "unix:$T/unix/conform"
	assert_no_packets
	far_stop unix-proxy
	rm -f "$T/unix/socks"
	run --separate-stderr in_prog "$T/build/sockshim" -p "socks5://unix:$T/unix/socks" \
		"$T/build/tests/e2e/sockets" try
	expect_output ECONNREFUSED
	expect_match "$stderr" "through socks5://unix:$T/unix/socks: cannot reach the proxy"
	assert_no_packets
}

@test "an IPv4 socket and a proxy on IPv6 only" {
	local names

	mapfile -t names < <(awk '!/^#/ && NF { print "--map"; print $2 "=" $1 }' "$E2E/far/hosts")
	far_start v6-proxy "$T/build/sockshimctl" proxy --listen "[$FAR_IP6]:1085" "${names[@]}"
	wait_for 10 far_listening 1085
	replaced "socks5://[$FAR_IP6]:1085"
	relayed "socks5://[$FAR_IP6]:1085"
	conforms '[fd00:200::2]:1080'
	assert_only_proxy_traffic "$FAR_IP6" 1085
}

@test "a proxy on a link-local address, by its interface's name and number" {
	local index

	in_far ip -6 addr add fe80::1/64 dev cable nodad
	index=$(in_prog ip -o link show cable | cut -d: -f1)
	far_start link microsocks -i fe80::1%cable -p 1087
	wait_for 10 far_listening 1087
	check()
	{
		local url

		for url in "socks5://[fe80::1%25cable]:1087" "socks5://[fe80::1%25$index]:1087"; do
			run in_prog "$T/build/sockshim" -p "$url" curl -sS http://web.far.test/
			expect_output "$WEB_BODY"
			run in_prog "$T/build/sockshim" -p "$url" --check
			expect_status 0
			expect_match "$output" "proxy: socks5://\[fe80::1%25(cable|$index)\]:1087 answers SOCKS5"
		done
		run in_prog "$T/build/sockshim" -p "socks5://[fe80::1%25none]:1087" true
		expect_status 2
		run in_prog "$T/build/sockshim" -p "socks5://[fe80::1]:1087" true
		expect_status 2
		expect_match "$output" 'needs its interface'
	}
	both check
	assert_only_proxy_traffic fe80::1 1087
}

@test "names of networks are no questions to a DNS server" {
	check()
	{
		run in_prog "$T/build/sockshim" -o Guard=off -p "$PROXY" getent networks loop net.far.test 203.0.113.0
		expect_status 2
		expect_match "$output" '^loop +127\.0\.0\.0$'
	}
	echo 'loop 127.0.0.0' >"$T/prog/etc/networks"
	sed -i 's/^networks:.*/networks: files dns/' "$T/prog/etc/nsswitch.conf"
	both check
	sed -i '/^networks:/d' "$T/prog/etc/nsswitch.conf" # glibc's own default asks the DNS first
	both check
	sed -i '$anetworks: files' "$T/prog/etc/nsswitch.conf"
	quiet
}

@test "root does not have the kernel send by itself: groups, addresses, tunnels, devices" {
	local way set

	# each takes back what it has done
	cat >"$T/tmp/kernel.py" <<-'END'
		import fcntl, socket, struct, subprocess, sys, time
		def ip(*words):
		    subprocess.run(["ip", *words], check=True)
		def link(*kind):
		    ip("link", "add", "door", *kind)
		    try:
		        ip("link", "set", "door", "up")
		        ip("address", "add", "224.1.2.4/32", "dev", "door", "autojoin")
		        sent, until = "0", time.monotonic() + 10
		        while sent == "0" and time.monotonic() < until:
		            with open("/proc/net/dev") as file:
		                sent = next(line.split()[10] for line in file if "door:" in line)
		            time.sleep(0.02)
		    finally:
		        ip("link", "del", "door")
		if sys.argv[1] == "join":
		    ip("address", "add", "224.1.2.3/32", "dev", "cable", "autojoin")
		    ip("address", "del", "224.1.2.3/32", "dev", "cable")
		elif sys.argv[1] == "ioctl": # SIOCSIFADDR, SIOCDIFADDR
		    address = socket.inet_pton(socket.AF_INET6, "2001:db8::99")
		    request = struct.pack("16sIi", address, 64, socket.if_nametoindex("cable"))
		    for number in 0x8916, 0x8936:
		        fcntl.ioctl(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM), number, request)
		elif sys.argv[1] == "vxlan":
		    link("type", "vxlan", "id", "5", "remote", "203.0.113.9", "dstport", "4789", "dev", "cable")
		else:
		    link("link", "cable", "type", "macvlan", "mode", "bridge")
	END
	kept()
	{
		run "$@" "$PYTHON" "$T/tmp/kernel.py" "$way"
		[ "$status" -ne 0 ] || fail "$way: it went"
		assert_no_packets
	}
	left()
	{
		_packets | grep -qE "$1"
	}
	for way in join ioctl vxlan macvlan; do
		kept shim -q
		kept shim -q -o Guard=off
	done
	kept shim -q "$T/build/sockshim" -p "$PROXY" -o NetAdmin=keep
	kept shim -q unshare --map-root-user
	run -0 shim -q ip address show dev cable
	expect_match "$output" "$PROG_IP4"
	run -0 shim -q unshare --map-root-user --net sh -c 'ip link set lo up && ip address show dev lo'
	expect_match "$output" 127.0.0.1
	assert_no_packets
	# with it they do, each another thing; the ioctl may not
	run -0 shim -q -o NetAdmin=keep "$PYTHON" "$T/tmp/kernel.py" ioctl
	for way in 'join igmp' 'vxlan 203.0.113.9.4789' 'macvlan igmp'; do
		for set in Guard=off Guard=auto; do
			capture_start
			run -0 shim -q -o NetAdmin=keep -o "$set" "$PYTHON" "$T/tmp/kernel.py" "${way% *}"
			wait_for 10 left "${way#* }"
		done
	done
}

# SPDX-License-Identifier: MIT
# Two machines and a cable, as namespaces of one bats file.
#
#   PROG (the program)                    FAR (the rest of the world)
#   192.0.2.2, 2001:db8::2  ──cable──  192.0.2.1, 2001:db8::1      the proxies listen here
#   resolver 192.0.2.53                192.0.2.53                  answers everything with a decoy, and logs
#   default routes: the cable          203.0.113.0/24, 2001:db8:ff::/64   web and other servers
#                                      203.0.113.53                resolver of the far side (names of far/hosts)
#
# Each side has mounts, processes and /etc of its own (a copy in $T: nothing of the host is touched), and dies with its
# first process, which dies with the bats process of the file: nothing stays behind, even after a kill -9.
#
# The cable is quiet. No ARP and no neighbour discovery (both ends have the same hardware address and the NOARP flag),
# no duplicate address detection, no router solicitation. So one packet too many is a leak.
#
# The capture is a packet socket at the far end. Judging sends a marker frame along the cable and waits until the
# capture has seen it; a lost packet, or a capture that does not answer, fails the test.

PROG_IP4=192.0.2.2
PROG_IP6=2001:db8::2
FAR_IP4=192.0.2.1
FAR_IP6=2001:db8::1
PROG_DNS=192.0.2.53
FAR_DNS=203.0.113.53
WEB_IP4=203.0.113.80
WEB_IP6=2001:db8:ff::80
DECOY_IP4=203.0.113.66
DECOY_IP6=2001:db8:ff::66
WEB_BODY='far web server'

# net_up: builds all of it and starts servers and capture. Exports T, the directory of this file.
net_up()
{
	local base=/tmp

	umask 022
	# programs are copied there, some setuid
	case ,$(findmnt -no OPTIONS -T /tmp), in
	*,nosuid,* | *,noexec,*) base=/var/tmp ;;
	esac
	T=$(mktemp -d $base/sockshim-e2e.XXXXXX)
	export T
	chmod 755 "$T"
	mkdir "$T/prog" "$T/far" "$T/build" "$T/capture" "$T/www" "$T/home" "$T/home/root"
	install -d -m 1777 "$T/tmp"
	install -d -o 65534 -g 65534 "$T/home/user"
	: >"$T/far/proxies"
	# a copy: readable for an ordinary user wherever the tree is, and whole even if somebody builds meanwhile
	mkdir "$T/build/tests"
	cp -p "$B/sockshim" "$B/sockshimctl" "$B/libsockshim.so" "$T/build/"
	cp -Rp "$B/tests/e2e" "$B/tests/calls" "$T/build/tests/"
	cp -R "$E2E" "$T/e2e"
	chmod -R a+rX "$T/build" "$T/e2e"
	_side_up prog "$PROG_DNS"
	_side_up far "$FAR_DNS"
	_cable
	far_start capture "$PYTHON" "$T/e2e/far/sniff.py" cable "$T/capture"
	far_start dns "$PYTHON" "$T/e2e/far/dns.py" "$T/far/dns.questions" \
		"$PROG_DNS=$DECOY_IP4,$DECOY_IP6" "$FAR_DNS=/etc/hosts"
	far_start servers "$PYTHON" "$T/e2e/far/servers.py" "$T/www" "$T/far/requests" "$DECOY_IP4" "$DECOY_IP6"
	wait_for 10 test -e "$T/capture/ready"
	wait_for 10 test -e "$T/far/dns.questions"
	wait_for 10 test -e "$T/far/requests"
	capture_start
}

net_down()
{
	local side

	[ -n "${T-}" ] || return 0
	for side in prog far; do
		if [ -e "$T/$side/unshare" ]; then
			kill -KILL "$(<"$T/$side/unshare")" 2>/dev/null || true
			# its first process goes with it; the mounts in $T are free when that is gone
			[ ! -e "$T/$side/pid" ] || wait_for 10 _gone "$(<"$T/$side/pid")"
		fi
	done
	rm -rf --one-file-system "$T"
}

_gone()
{
	! [ -e "/proc/$1/ns/mnt" ] || ! readlink "/proc/$1/ns/mnt"
}

# _side_up SIDE RESOLVER
_side_up()
{
	local side=$1 dir=$T/$1

	cp -a /etc "$dir/etc"
	rm -f "$dir/etc/resolv.conf" "$dir/etc/hosts" "$dir/etc/nsswitch.conf" "$dir/etc/hostname"
	rm -rf "$dir/etc/sockshim"
	echo "nameserver $2" >"$dir/etc/resolv.conf"
	echo 'options timeout:1 attempts:1' >>"$dir/etc/resolv.conf"
	printf '%s: files\n' passwd group shadow >"$dir/etc/nsswitch.conf"
	printf '%s: files\n' protocols services networks >>"$dir/etc/nsswitch.conf"
	echo 'hosts: files dns' >>"$dir/etc/nsswitch.conf"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$dir/etc/hosts"
	[ "$side" = prog ] || cat "$E2E/far/hosts" >>"$dir/etc/hosts"
	chmod 644 "$dir/etc/resolv.conf" "$dir/etc/hosts" "$dir/etc/nsswitch.conf"

	setpriv --pdeathsig KILL unshare --net --mount --uts --ipc --pid --fork --kill-child=KILL \
		bash "$E2E/lib/side" "$side" "$T" </dev/null >"$dir/side.log" 2>&1 3>&- &
	echo $! >"$dir/unshare"
	wait_for 10 test -e "$dir/pid" || { cat "$dir/side.log" >&2; return 1; }
}

# The same hardware address at both ends: without ARP a frame carries the sender's own as destination.
_cable()
{
	local prog far

	prog=$(<"$T/prog/pid")
	far=$(<"$T/far/pid")
	ip link add name cable address 02:00:00:00:00:01 netns "$prog" type veth \
		peer name cable address 02:00:00:00:00:01 netns "$far"
	_enter far root bash -e <<-END
		ip link set cable arp off up
		ip addr add $FAR_IP4/24 dev cable
		ip addr add $PROG_DNS/24 dev cable
		ip addr add 203.0.113.1/32 dev lo
		ip -6 addr add $FAR_IP6/64 dev cable nodad
		ip -6 addr add 2001:db8:ff::1/128 dev lo nodad
		ip route add local 203.0.113.0/24 dev lo
		ip -6 route add local 2001:db8:ff::/64 dev lo
	END
	_enter prog root bash -e <<-END
		ip link set cable arp off up
		ip addr add $PROG_IP4/24 dev cable
		ip -6 addr add $PROG_IP6/64 dev cable nodad
		ip -6 addr add fe80::2/64 dev cable nodad
		ip route add default via $FAR_IP4
		ip -6 route add default via $FAR_IP6
		echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range
	END
}

# _enter SIDE root|user COMMAND…: clean environment, bounded in time by LIMIT seconds (30).
_enter()
{
	local side=$1 user=$2 pid drop=()

	shift 2
	pid=$(<"$T/$side/pid")
	[ "$user" = root ] || drop=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	nsenter --target "$pid" --net --mount --uts --ipc --pid -- "${drop[@]}" \
		env -i --default-signal -C "$T/home/$user" HOME="$T/home/$user" USER="$user" TMPDIR="$T/tmp" T="$T" BUILD="$T/build" \
		LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		PYTHONDONTWRITEBYTECODE=1 timeout --kill-after=2 "${LIMIT:-30}" "$@" 3>&-
}

# in_prog [--user|--root] COMMAND…: runs it in the program's namespace; without a flag as $AS (root).
in_prog()
{
	local as=${AS:-root}

	case $1 in
	--user | --root) as=${1#--}; shift ;;
	esac
	_enter prog "$as" "$@"
}

in_far()
{
	_enter far root "$@"
}

# far_start NAME COMMAND…: in the background, output to $T/far/NAME.log; far_stop NAME ends its whole process group.
far_start()
{
	local name=$1

	shift
	rm -f "$T/far/$name.pid"
	# shellcheck disable=SC2016 # for the inner shell
	LIMIT=1000000 _enter far root setsid bash -c 'echo $$ >"$1.new"; mv "$1.new" "$1"; shift; exec "$@"' - \
		"$T/far/$name.pid" "$@" </dev/null >"$T/far/$name.log" 2>&1 &
	wait_for 10 test -e "$T/far/$name.pid"
}

far_stop()
{
	local pid

	[ -e "$T/far/$1.pid" ] || return 0
	pid=$(<"$T/far/$1.pid")
	rm "$T/far/$1.pid"
	in_far kill -KILL -- "-$pid" 2>/dev/null || true
	wait_for 10 in_far bash -c "! kill -0 -$pid"
}

far_alive()
{
	in_far kill -0 "$(<"$T/far/$1.pid")"
}

# far_listening PORT [ADDRESS]: somebody listens there.
far_listening()
{
	[ -n "$(in_far ss -Hltn "src ${2:+$2}:$1" 2>/dev/null)" ]
}

# ---- capture ----

# _capture_flush: sets SEEN to a file that lists what went over the cable since the last flush, one line a flow:
# COUNT DIRECTION PROTOCOL SOURCE DESTINATION FLAGS
_capture_flush()
{
	local nonce=$BASHPID.$RANDOM$RANDOM

	nsenter --target "$(<"$T/prog/pid")" --net "$PYTHON" "$E2E/far/mark.py" cable "$nonce" &&
		wait_for 10 test -e "$T/capture/$nonce" || { echo 'the capture does not answer' >&2; return 1; }
	SEEN=$T/capture/$nonce
	if grep '^lost ' "$SEEN"; then
		echo 'the capture lost packets' >&2
		return 1
	fi
}

# capture_start: forgets packets, questions and requests so far.
capture_start()
{
	_capture_flush || return 1
	: >"$T/capture/since"
	wc -l <"$T/far/dns.questions" >"$T/far/dns.since"
	wc -l <"$T/far/requests" >"$T/far/requests.since"
}

# Packets since capture_start, flows as above; may be asked several times.
_packets()
{
	_capture_flush || return 1
	cat "$SEEN" >>"$T/capture/since"
	cat "$T/capture/since"
}

# assert_no_packets: the program's side sent nothing at all; but for last words, as below.
assert_no_packets()
{
	_judge 0
}

# assert_only_proxy_traffic IP PORT: the program's side opened at least one connection to the proxy and sent nothing
# else; last words to a proxy that an earlier test of this file used ($T/far/proxies) are no new connection.
assert_only_proxy_traffic()
{
	_judge 1 "$1.$2"
}

# assert_nothing_past IP.PORT…: the same, and that it opened none is fine.
assert_nothing_past()
{
	_judge 0 "$@"
}

# _judge LEAST IP.PORT…
_judge()
{
	local list least=$1

	shift
	list=$(_packets) || return 1
	if ! awk -v least="$least" -v to="$*" '
		BEGIN { split(to, list, " "); for (i in list) proxies[list[i]] }
		FILENAME != "-" { known[$1] = 1; next }
		$2 != "out" { next }
		$3 == "tcp" && ($5 in proxies) { if ($6 == "SYN") opened++; next }
		$3 == "tcp" && ($5 in known) && $6 != "SYN" { next }
		{ print "leak: " $0; bad = 1 }
		END { if (opened < least) print "no connection to the proxy " to; exit bad || opened < least }
	' "$T/far/proxies" - <<<"$list" >&2; then
		return 1
	fi
}

# assert_no_dns_questions: the resolver of the program's side heard nothing (nor did the far one from that side).
assert_no_dns_questions()
{
	local list

	list=$(tail -n +$(($(<"$T/far/dns.since") + 1)) "$T/far/dns.questions" |
		grep -E "^($PROG_IP4|$PROG_IP6) | $PROG_DNS ") || return 0
	printf 'questions were asked:\n%s\n' "$list" >&2
	return 1
}

# requests: what the web servers were asked since capture_start: LOCAL-ADDRESS HOST METHOD PATH
requests()
{
	tail -n +$(($(<"$T/far/requests.since") + 1)) "$T/far/requests"
}

# SPDX-License-Identifier: MIT
# The SOCKS servers, in the far namespace. Each knows the names of far/hosts, which nobody on the program's side knows.
#
# proxy_up KIND [ARGUMENT…] starts one and sets PROXY (a URL for sockshim), PROXY_IP and PROXY_PORT; proxy_use KIND goes
# back to one that runs. Tor is a private network, ready in 10-60 s.
# One more, `fake`, reaches nobody: it logs what clients say ($T/far/fake.said) and lies as its ARGUMENTs (far/fakesocks.py)
# tell it to.

PROXY_KINDS=(embedded microsocks danted sshd tor)

proxy_use()
{
	local scheme=socks5

	PROXY_IP=$FAR_IP4
	case $1 in
	embedded) PROXY_PORT=1080 ;;
	microsocks) PROXY_PORT=1081 ;;
	danted) PROXY_PORT=1082 ;;
	sshd) PROXY_PORT=1083 ;;
	tor) PROXY_PORT=9050 scheme=tor ;;
	fake) PROXY_PORT=1084 ;;
	*) echo "no such proxy: $1" >&2; return 1 ;;
	esac
	PROXY=$scheme://$PROXY_IP:$PROXY_PORT
}

proxy_up()
{
	local kind=$1

	shift
	proxy_use "$kind" || return 1
	far_stop "$kind" # one that a failed test left
	echo "$PROXY_IP.$PROXY_PORT" >>"$T/far/proxies"
	_up_"$kind" "$@" || return 1
	wait_for 10 far_listening "$PROXY_PORT" || { cat "$T/far/$kind.log" >&2; return 1; }
}

proxy_down()
{
	proxy_use "$1" || return 1
	if [ "$1" = tor ]; then
		LIMIT=60 in_far "$T/e2e/tornet" stop "$T/far/tor"
	else
		far_stop "$1"
	fi
	wait_for 10 eval "! far_listening $PROXY_PORT"
}

_up_embedded()
{
	local names

	mapfile -t names < <(awk '!/^#/ && NF { print "--map"; print $2 "=" $1 }' "$E2E/far/hosts")
	far_start embedded "$T/build/sockshimctl" proxy --listen "$PROXY_IP:$PROXY_PORT" "${names[@]}" "$@"
}

_up_microsocks()
{
	far_start microsocks microsocks -i "$PROXY_IP" -p "$PROXY_PORT" "$@"
}

_up_danted()
{
	cat >"$T/far/danted.conf" <<-END
		logoutput: stderr
		internal: $PROXY_IP port = $PROXY_PORT
		external.protocol: ipv4 ipv6
		external: lo
		socksmethod: none
		clientmethod: none
		user.privileged: root
		user.unprivileged: nobody
		client pass { from: 0/0 to: 0/0 }
		socks pass { from: 0/0 to: 0/0 command: connect }
	END
	far_start danted danted -f "$T/far/danted.conf" -p "$T/far/danted.lock" -N 2
}

# sshd_up: an sshd of our own on every far address, port 22; the key that opens it is $T/home/{root,user}/key.
sshd_up()
{
	local ssh=$T/far/ssh user

	[ ! -d "$ssh" ] || return 0
	mkdir "$ssh"
	ssh-keygen -q -t ed25519 -N '' -f "$ssh/host"
	ssh-keygen -q -t ed25519 -N '' -f "$ssh/key"
	for user in root user; do
		install -m 600 -o "$(stat -c %u "$T/home/$user")" "$ssh/key" "$T/home/$user/key"
	done
	in_far bash -c 'sed -i "s/^root:[^:]*:/root:*:/" /etc/shadow' # a locked account cannot log in
	cat >"$ssh/sshd_config" <<-END
		Port 22
		HostKey $ssh/host
		AuthorizedKeysFile $ssh/key.pub
		PermitRootLogin yes
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		StrictModes no
		UsePAM no
		UseDNS no
		PidFile none
		MaxStartups 100
		MaxSessions 100
	END
	far_start sshd-server /usr/sbin/sshd -D -e -f "$ssh/sshd_config"
	wait_for 10 far_listening 22 || { cat "$T/far/sshd-server.log" >&2; return 1; }
}

# Options for every ssh client of the tests: nothing of the user's own, no questions.
SSH_OPTIONS=(-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes
	-o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes)

_up_sshd()
{
	sshd_up || return 1
	far_start sshd ssh "${SSH_OPTIONS[@]}" -i "$T/far/ssh/key" -N -D "$PROXY_IP:$PROXY_PORT" root@127.0.0.1
}

_up_fake()
{
	: >"$T/far/fake.said"
	far_start fake "$PYTHON" "$T/e2e/far/fakesocks.py" "$PROXY_IP" "$PROXY_PORT" "$T/far/fake.said" "$@"
}

# said: what clients told the fake proxy
said()
{
	cat "$T/far/fake.said"
}

_up_tor()
{
	LIMIT=200 in_far env TORNET_PROBE="$WEB_IP4:80" "$T/e2e/tornet" start "$T/far/tor" "$PROXY_IP" "$FAR_DNS"
}

# shim ARGUMENT…: sockshim with the proxy that is in use, in the program's namespace.
shim()
{
	in_prog "$T/build/sockshim" -p "$PROXY" "$@"
}

# handshake OPTION…: how curl by name shakes hands: first byte and length of what each send(2) hands to the kernel up to
# its question; not the single bytes by which its threads wake each other.
handshake()
{
	in_prog strace -f -qq -e trace=sendto -e signal=none -xx -s 1 -o "$T/tmp/sent" \
		"$T/build/sockshim" -o Guard=off -p "$PROXY" "$@" curl -sS --max-time 50 http://web.far.test/ >/dev/null
	sed -nE 's/.*sendto\([0-9]+, "\\x([0-9a-f]+)".* = ([0-9]+)$/\1 \2/; /^47 /q; / 1$/d; s/^[0-9a-f]+ [0-9]+$/&/p' "$T/tmp/sent"
	rm -f "$T/tmp/sent"
}

# shim_start COMMAND…: in the background; its input is what is written to descriptor 8, its output $T/tmp/session.out.
# Returns when that has a line "up", and sets SUPERVISOR, the launcher's number in the program's namespace.
shim_start()
{
	rm -f "$T/tmp/session.in" "$T/tmp/session.out" # an "up" of the session before is not this one's
	mkfifo -m 666 "$T/tmp/session.in"
	exec 8<>"$T/tmp/session.in"
	shim -q "$@" <"$T/tmp/session.in" >"$T/tmp/session.out" 2>&1 8>&- &
	SHIM=$!
	wait_for 10 grep -qx up "$T/tmp/session.out"
	SUPERVISOR=$(in_prog --root pgrep -x sockshim)
}

# shim_signal NAME: to the launcher of shim_start; with STOP, waits until it stands.
shim_signal()
{
	in_prog --root kill "-$1" "$SUPERVISOR"
	[ "$1" != STOP ] || wait_for 10 in_prog --root grep -q '^State:.T' "/proc/$SUPERVISOR/status"
}

# shim_end: waits for the command, and sets `output` to what it said. Not by `run`: a subshell cannot wait for it.
shim_end()
{
	wait "$SHIM" || true
	exec 8>&-
	output=$(<"$T/tmp/session.out")
}

# privileged_copies: fills $T/tmp/bin with copies of `sockets` that have rights of their own (setuid, setgid, setcap), or
# cannot be read (hidden), as hidden_static, of `static_guard`.
privileged_copies()
{
	in_prog --root bash -e <<-'END'
		mkdir $T/tmp/bin
		cd $T/tmp/bin
		cp $BUILD/tests/e2e/{sockets,static_guard,static_connect} .
		cp sockets setuid; chmod 4755 setuid
		cp sockets setgid; chmod 2755 setgid
		cp sockets setcap; setcap cap_net_raw+ep setcap
		cp sockets hidden; chmod 4711 hidden
		cp static_guard hidden_static; chmod 4711 hidden_static
	END
}

#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Programs that run already, outside of the session, and would do it for one inside: terminal multiplexers, ssh's master,
# gpg's dirmngr, another browser of the same profile. Inside of one session they do it for each other, through the proxy.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	sshd_up
	echo "$WEB_IP4.22" >>"$T/far/proxies" # ssh's master has its last words there
}

# each_way FUNCTION…: with WRAP set to what wraps a program, in each of the three ways, as root and as an ordinary user;
# DIR is a new directory each time
each_way()
{
	local DIR WRAP AS way

	for way in guard off alone; do
		case $way in
		guard) WRAP=("$T/build/sockshim" -q -p "$PROXY") ;;
		off) WRAP=("$T/build/sockshim" -q -o Guard=off -p "$PROXY") ;;
		alone) WRAP=(env LD_PRELOAD="$T/build/libsockshim.so" SOCKSHIM_PROXY="$PROXY" SOCKSHIM_LOG=silent) ;;
		esac
		for AS in root user; do
			DIR=$T/$way$AS$RANDOM
			mkdir -m 700 "$DIR"
			mkdir -m 700 "$DIR/.screen" "$DIR/.ssh"
			[ "$AS" = root ] || chown -R 65534:65534 "$DIR"
			"$@"
		done
	done
}

# went FILE: what was to make it has run, and something left the machine
went()
{
	wait_for 10 test -e "$1"
	run assert_nothing_past "$PROXY_IP.$PROXY_PORT"
	[ "$status" -ne 0 ] || fail 'it left nothing on the wire'
	capture_start
}

# fetch FILE: a command that fetches the page and then makes the file
fetch()
{
	echo "curl -sS -m 9 -o $1.new http://$WEB_IP4/; mv $1.new $1"
}

@test "tmux: a server outside opens no window, one inside does" {
	check()
	{
		local tmux=(env SHELL=/bin/sh TMUX_TMPDIR="$DIR" tmux -f /dev/null)

		in_prog "${tmux[@]}" new-session -d 'sleep 300'
		in_prog "${tmux[@]}" new-window "$(fetch "$DIR/bare")"
		went "$DIR/bare"
		run in_prog "${WRAP[@]}" "${tmux[@]}" new-window "$(fetch "$DIR/wrapped")"
		expect_status 1
		[ "$(in_prog "${tmux[@]}" list-windows | wc -l)" = 1 ] || fail 'a window'
		in_prog "${tmux[@]}" kill-server
		assert_no_packets
		in_prog "${WRAP[@]}" sh -c 'todo=$1; shift; "$@" new-session -d "sleep 300"; "$@" new-window "$todo"; "$@" wait-for up
			"$@" kill-server' - "$(fetch "$DIR/page"); tmux wait-for -S up" "${tmux[@]}"
		[ "$(<"$DIR/page")" = "$WEB_BODY" ] || fail 'no page inside'
		clean
		capture_start
	}
	each_way check
}

@test "screen: one that runs outside obeys nobody inside" {
	check()
	{
		local screen=(env SHELL=/bin/sh SCREENDIR="$DIR/.screen" screen -c /dev/null -S one)

		in_prog "${screen[@]}" -dm sleep 300
		in_prog "${screen[@]}" -X screen sh -c "$(fetch "$DIR/bare")"
		went "$DIR/bare"
		run in_prog "${WRAP[@]}" "${screen[@]}" -X screen sh -c "$(fetch "$DIR/wrapped")"
		expect_status 1
		in_prog "${screen[@]}" -X quit
		assert_no_packets
	}
	each_way check
}

@test "ssh: a master outside is not used, one inside is" {
	check()
	{
		local ssh=(ssh "${SSH_OPTIONS[@]}" -i "$T/home/$AS/key" -o "ControlPath=$DIR/.ssh/%p")

		in_prog "${ssh[@]}" -M -N -f "root@$WEB_IP4"
		capture_start
		run in_prog "${WRAP[@]}" "${ssh[@]}" "root@$WEB_IP4" echo hello
		expect_output hello
		assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT" # a connection of its own
		run in_prog "${WRAP[@]}" "${ssh[@]}" -O check "root@$WEB_IP4"
		expect_status 255
		in_prog "${ssh[@]}" -q -O exit "root@$WEB_IP4"
		run in_prog "${WRAP[@]}" sh -c '"$@" -M -N -f; "$@" -O check; "$@" echo hello; "$@" -q -O exit' - \
			"${ssh[@]}" "root@$WEB_IP4"
		if [ "$way" = alone ]; then # without a session, a master that is a daemon cannot be told from others
			expect_match "$output" 'No such file or directory.*hello'
			in_prog "${ssh[@]}" -q -O exit "root@$WEB_IP4"
		else
			expect_match "$output" '^Master running .*hello'
		fi
		clean
	}
	each_way check
}

@test "gpg: no key is fetched by a dirmngr outside" {
	local ask=('KEYSERVER --clear hkp://203.0.113.80:80' 'KS_GET -- 0x0123456789ABCDEF' /bye)

	check()
	{
		local agent=(gpg-connect-agent --homedir "$DIR" --no-autostart --dirmngr)

		in_prog sh -c 'echo standard-resolver >$1/dirmngr.conf && dirmngr --homedir $1 --daemon >/dev/null' - "$DIR"
		run in_prog "${agent[@]}" "${ask[@]}"
		expect_match "$output" 'ERR.*No data'
		: >"$DIR/bare"
		went "$DIR/bare"
		run in_prog "${WRAP[@]}" "${agent[@]}" "${ask[@]}"
		expect_match "$output" 'no dirmngr running'
		in_prog "${agent[@]}" killdirmngr /bye >/dev/null
		assert_no_packets
		[ "$way" != alone ] || return 0 # as above
		run in_prog "${WRAP[@]}" gpg --homedir "$DIR" --keyserver hkp://203.0.113.80:80 --recv-keys 0123456789ABCDEF
		expect_match "$output" 'receive failed: No data'
		run in_prog "${WRAP[@]}" "${agent[@]}" killdirmngr /bye
		clean
		capture_start
	}
	each_way check
}

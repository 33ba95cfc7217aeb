#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A shell in a session: --env, --shell, sockshim-on and -off; and torsocks' command line.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	install -m 755 "$REPO/conf/sockshim-on" "$REPO/conf/sockshim-off" "$T/build/"
	mkdir "$T/build/torsocks.d"
	ln -s "$T/build/sockshim" "$T/build/torsocks.d/torsocks"
	sed "s,@LIBDIR@/sockshim,$T/build/torsocks.d," "$REPO/conf/torsocks" >"$T/build/torsocks"
	printf 'TorAddress %s\nTorPort %s\n' "$PROXY_IP" "$PROXY_PORT" >"$T/torsocks.conf"
	chmod 755 "$T/build/torsocks"
}

# In all of them; port 1 is where some are told that the proxy is.
teardown()
{
	assert_nothing_past "$PROXY_IP.$PROXY_PORT" "$PROXY_IP.1" && assert_no_dns_questions
}

# in_shell SHELL SCRIPT: with the proxy in the environment and sockshim in PATH, nothing on stderr but the script's.
in_shell()
{
	run --separate-stderr in_prog env PATH="$T/build:/usr/bin:/bin:/usr/sbin" SOCKSHIM_PROXY="$PROXY" \
		SOCKSHIM_LOG=error TORSOCKS_CONF_FILE="$T/torsocks.conf" WEB=http://web.far.test/ "$@"
}

good()
{
	in_shell "$1" -c "$2"
	expect_status 0
	expect_output "$3"
	[ -z "$stderr" ] || fail 'a word on stderr'
}

# What the guard would catch is not tried here: curl is what the shell starts.
@test "eval --env: what the shell starts goes through the proxy, again and in the background" {
	check()
	{
		local sh

		for sh in bash dash zsh; do
			good "$sh" 'eval "$(sockshim --env)"; curl -sS $WEB; curl -sS $WEB & wait
				env -i /usr/bin/curl -sS http://web.far.test/' "$WEB_BODY
$WEB_BODY
$WEB_BODY"
		done
		good fish 'sockshim --env | source; curl -sS $WEB; eval (sockshim --env); curl -sS $WEB' "$WEB_BODY
$WEB_BODY"
	}
	both check
	clean
}

# A name that one program was told is an address that the next may use: they share the session.
@test "the programs of one shell share its names" {
	check()
	{
		local sh

		for sh in bash dash zsh; do
			good "$sh" 'eval "$(sockshim --env)"
				a=$(getent ahostsv4 web.far.test | sed "s/ .*//;q")
				curl -sS http://$a/' "$WEB_BODY"
		done
		good fish 'sockshim --env | source; set a (getent ahostsv4 web.far.test | sed "s/ .*//;q"); curl -sS http://$a/' "$WEB_BODY"
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "--off ends it, twice and without an on; LD_PRELOAD of others stays" {
	check()
	{
		local sh

		for sh in bash dash zsh; do
			good "$sh" 'eval "$(sockshim --env --off)"
				eval "$(sockshim --env)"; s=$SOCKSHIM_SESSION
				eval "$(sockshim --env)"; [ "$s" = "$SOCKSHIM_SESSION" ] && echo same
				eval "$(sockshim --env --off)"; eval "$(sockshim --env --off)"
				env | grep -E "LD_PRELOAD|SOCKSHIM_SESSION"; grep -c libsockshim /proc/self/maps; true' 'same
0'
		done
		good fish 'sockshim --env | source; sockshim --env --off | source; sockshim --env --off | source
			env | grep -E "LD_PRELOAD|SOCKSHIM_SESSION"; grep -c libsockshim /proc/self/maps; true' 0
		good sh 'LD_PRELOAD=libm.so.6; export LD_PRELOAD; eval "$(sockshim --env)"
			echo "$LD_PRELOAD" | grep -c "libsockshim.so:libm.so.6$"; eval "$(sockshim --env --off)"
			echo $LD_PRELOAD' '1
libm.so.6'
	}
	both check
}

@test "sockshim-on and sockshim-off" {
	check()
	{
		local sh

		for sh in bash dash zsh; do
			good "$sh" '. sockshim-off; . sockshim-on; . sockshim-on; curl -sS $WEB
				. sockshim-off; grep -c libsockshim /proc/self/maps; true' "$WEB_BODY
0"
		done
		in_shell sockshim-on
		expect_status 2
		expect_match "$stderr" 'only the shell itself can'
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "the session belongs to the shell, also through a subshell, and is swept when it is gone" {
	check()
	{
		good bash 'eval "$(true; sockshim --env; true)"
			case $SOCKSHIM_SESSION in *-$$-*) echo own ;; esac; curl -sS $WEB' "own
$WEB_BODY"
		good fish 'sh -c "sockshim --env --shell-syntax fish" | source
			string match -q "*-$fish_pid-*" $SOCKSHIM_SESSION; and echo own; curl -sS $WEB' "own
$WEB_BODY"
		# three visits: the first marks it, ten seconds later another takes it; the clock is set back instead
		good bash 'file=$(bash -c '\''eval "$(sockshim --env)"; echo ${SOCKSHIM_SESSION%#*}'\'')
			test -e "$file" && echo there; sockshim true; touch -d "1 minute ago" "$file"
			sockshim true; test -e "$file" || echo swept' 'there
swept'
	}
	both check
}

@test "another session when options ask for one; a wrapped shell is not unwrapped" {
	check()
	{
		good bash 'eval "$(sockshim --env)"; s=$SOCKSHIM_SESSION; eval "$(sockshim --env -i)"
			[ "$s" != "$SOCKSHIM_SESSION" ] && curl -sS $WEB' "$WEB_BODY"
		in_shell bash -c 'eval "$(sockshim --env)"; bash -c '\''eval "$(sockshim --env --off)" || echo refused; curl -sS $WEB'\'
		expect_output "refused
$WEB_BODY"
		expect_match "$stderr" 'leave it with exit'
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "what goes wrong makes the shell evaluate false; no guard is said in one line" {
	check()
	{
		in_shell bash -c 'set -e; eval "$(sockshim --env -p nonsense)"; echo went on'
		expect_status 1
		expect_output ''
		in_shell sh -c 'eval "$(sockshim --env -o Guard=require)" || echo no'
		expect_output no
		expect_match "$stderr" '--shell has it'
		in_shell sh -c 'sockshim --env -o Log=warn >/dev/null'
		expect_match "$stderr" '^sockshim: no guard in a shell that runs already[^
]*$'
		in_shell sh -c 'sockshim --env -o Guard=off -o Log=warn >/dev/null'
		[ -z "$stderr" ] || fail 'a word on stderr'
		in_shell sockshim --env --shell-syntax csh
		expect_status 2
		in_shell sockshim --env true
		expect_status 2
		in_shell sockshim --off
		expect_status 2
	}
	both check
}

@test "--shell: one session, arguments, nested, the guard" {
	check()
	{
		local sh

		for sh in bash dash zsh fish; do
			in_shell env SHELL="/usr/bin/$sh" sockshim --shell -- -c 'curl -sS $WEB'
			expect_output "$WEB_BODY"
			in_shell env SHELL="/usr/bin/$sh" sh -c 'echo "curl -sS \$WEB; exit 7" | sockshim --shell'
			expect_status 7
			expect_output "$WEB_BODY"
		done
		in_shell env SHELL=/bin/bash sockshim --shell -- -c 'sockshim --shell -- -c "curl -sS $WEB"'
		expect_output "$WEB_BODY"
		in_shell env SHELL=/bin/bash sockshim --shell -- -c 'eval "$(sockshim --env)"; curl -sS $WEB'
		expect_output "$WEB_BODY"
		in_shell env SHELL=/bin/bash sockshim --shell -- -c "$T/build/tests/e2e/static_connect"
		expect_status 0
		in_shell env -u SHELL sockshim --shell -- -c 'exit 5'
		expect_status 5
	}
	both check
	clean
}

# The prompt as a terminal sees it.
prompt_of()
{
	in_prog env PATH="$T/build:/usr/bin:/bin" SHELL="$1" TERM=dumb HOME="$T/rc" TMPDIR="$T/tmp" "$PYTHON" "$T/e2e/programs/prompt.py" \
		sockshim -q --shell
}

@test "--shell marks the prompt, after the user's own files, and leaves none of its own" {
	mkdir -p "$T/rc"
	echo 'PS1="mine> "' | tee "$T/rc/.bashrc" >"$T/rc/.zshrc"
	echo 'FROM_ENV=1' >"$T/rc/.zshenv"
	# or fish makes completions from all manuals, in the background, at its first start
	mkdir -p "$T/rc/.config/fish" "$T/rc/.local/share/fish/generated_completions"
	echo 'function fish_prompt; echo -n "mine> "; end' >"$T/rc/.config/fish/config.fish"
	check()
	{
		local sh

		for sh in bash zsh fish; do
			run prompt_of "/usr/bin/$sh"
			expect_match "$output" '\(sockshim\) mine> '
		done
		run prompt_of /bin/dash
		expect_match "$output" '\(sockshim\) [$#] '
		[ -z "$(find "$T/tmp" -name 'sockshim-shell*')" ] || fail 'a folder stays'
	}
	chmod -R a+rwX "$T/rc"
	AS=user check
	AS=root check
}

@test "--import: what it prints is a configuration" {
	printf 'strict_chain\n[ProxyList]\nsocks5 %s %s\n' "$PROXY_IP" "$PROXY_PORT" >"$T/proxychains.conf"
	check()
	{
		in_shell sh -c 'sockshim --import "$T/proxychains.conf" >"$TMPDIR/own.conf" && sockshim -c "$TMPDIR/own.conf" curl -sS $WEB; rm "$TMPDIR/own.conf"'
		expect_output "$WEB_BODY"
		expect_match "$stderr" '1 line without a counterpart'
		in_shell sockshim --import /nowhere
		expect_status 2
		in_shell sockshim --import /etc/passwd
		expect_status 2
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

# ---- torsocks ----

@test "torsocks: the options and the variables, and the file, in this order" {
	check()
	{
		good sh 'torsocks curl -sS $WEB' "$WEB_BODY"
		good sh 'TORSOCKS_TOR_PORT=1 torsocks -P '"$PROXY_PORT"' --address '"$PROXY_IP"' curl -sS $WEB' "$WEB_BODY"
		in_shell sh -c 'TORSOCKS_TOR_PORT=1 torsocks curl -sS $WEB'
		[ "$status" -ne 0 ] || fail 'the variable does not count'
		in_shell torsocks -P 1 curl -sS http://web.far.test/
		[ "$status" -ne 0 ] || fail 'the option does not count'
		good sh 'torsocks sh -c "exit 0"; torsocks -q -i /bin/sh -c "exit 0"' ''
		in_shell torsocks --version
		expect_match "$output" '^sockshim '
		in_shell torsocks on
		expect_status 1
		in_shell torsocks
		expect_status 1
		in_shell torsocks -i -u a -p b true
		expect_status 2
		in_shell env TORSOCKS_LOG_LEVEL=9 torsocks true
		expect_status 2
	}
	both check
}

@test "torsocks: . torsocks on and off; --shell" {
	check()
	{
		local sh

		for sh in bash zsh; do
			good "$sh" '. torsocks on; . torsocks on; curl -sS $WEB; . torsocks off; . torsocks off
				grep -c libsockshim /proc/self/maps; true' "$WEB_BODY
0"
		done
		good sh 'echo "curl -sS $WEB" | SHELL=/bin/bash torsocks --shell' "$WEB_BODY"
	}
	both check
	clean
}

@test "torsocks: all nine keys; a bad value is an error" {
	check()
	{
		local line

		printf 'OnionAddrRange 10.64.0.0/10\nSOCKS5Username u\nSOCKS5Password p\nAllowInbound 1\n' >"$T/nine.conf"
		printf 'AllowOutboundLocalhost 2\nIsolatePID 0\nEnableIPv6 1\nTorAddress %s\nTorPort %s' "$PROXY_IP" "$PROXY_PORT" >>"$T/nine.conf"
		in_shell env TORSOCKS_CONF_FILE="$T/nine.conf" torsocks getent ahostsv4 web.far.test
		expect_match "$output" '^10\.(6[4-9]|[7-9].|1[01].|12[0-7])\.'
		in_shell env TORSOCKS_CONF_FILE="$T/nine.conf" torsocks curl -sS http://web.far.test/
		expect_output "$WEB_BODY"
		for line in 'TorAddress 1.2.3' 'TorPort 0' 'AllowInbound 7' 'What 1'; do
			echo "$line" >"$T/bad.conf"
			in_shell env TORSOCKS_CONF_FILE="$T/bad.conf" torsocks true
			expect_status 2
			expect_match "$stderr" "bad.conf:"
		done
		in_shell env TORSOCKS_CONF_FILE="$T/none.conf" torsocks true
		expect_status 2
	}
	both check
}

# exitmap COMMAND…: as exitmap calls it, one pipe for both outputs, TORSOCKS_LOG_LEVEL and an empty file.
exitmap()
{
	: >"$T/empty.conf"
	run in_prog env PATH="$T/build:/usr/bin:/bin" TORSOCKS_CONF_FILE="$T/empty.conf" TORSOCKS_LOG_LEVEL=5 \
		TORSOCKS_TOR_ADDRESS="$PROXY_IP" TORSOCKS_TOR_PORT="$PROXY_PORT" "$PYTHON" "$T/e2e/programs/exitmap.py" \
		torsocks "$@"
}

@test "torsocks: exitmap's regular expression finds the source port of each connection, the guard's too" {
	check()
	{
		exitmap /bin/sh -c "curl -sS http://web.far.test/; '$T/build/tests/e2e/static_connect'"
		expect_status 0
		[ "$(grep -c '^port ' <<<"$output")" = 2 ] || fail 'not two ports'
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

# This proxy has heard a greeting only when the port is said, and the connection stands.
@test "torsocks: the port is said before the request leaves" {
	proxy_up fake --hang greeting
	check()
	{
		exitmap curl --max-time 1 -sS http://web.far.test/
		expect_match "$output" 'port [0-9]+ live'
		[ "$(said | grep -c request)" = 0 ] || fail 'a request was sent'
	}
	both check
	proxy_down fake
}

#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Wrapping is invisible: arguments, environment, descriptors, exit status, signals and terminal are the command's own.

load lib/common

@test "the exit status is the command's" {
	local code

	check()
	{
		run "-$1" shim sh -c "exit $1"
	}
	for code in 0 1 2 77 126 127 255; do
		both check "$code"
	done
}

@test "death by a signal is the command's" {
	local sig

	check()
	{
		run in_prog "$PYTHON" "$T/e2e/programs/launch.py" status "$T/build/sockshim" -p "$PROXY" \
			sh -c "kill -$1 \$\$; exit 9"
		expect_output "-$2"
	}
	for sig in TERM:15 INT:2 HUP:1 KILL:9 USR1:10; do
		both check "${sig%:*}" "${sig#*:}"
	done
}

@test "wait in a script: of one in the background, of one that a signal ends, of a pipeline" {
	local script

	# shellcheck disable=SC2016 # for the inner shells
	script='wrapped="$0 -q -p $1"
		$wrapped sh -c "exit 7" & wait $!; echo $?
		$wrapped sh -c "echo up >$2; exec sleep 60" & pid=$!; read up <$2; kill -TERM $pid; wait $pid; echo $?
		$wrapped sh -c "echo a; exit 3" | cat; echo $?
		! $wrapped false; echo $?
		$wrapped true && echo yes'
	check()
	{
		in_prog --root bash -c 'rm -f "$T/tmp/up"; mkfifo -m 666 "$T/tmp/up"'
		run --separate-stderr in_prog "$1" -c "$script" "$T/build/sockshim" "$PROXY" "$T/tmp/up"
		expect_output "$(printf '%s\n' 7 143 a 0 0 yes)"
	}
	both check bash
	both check dash
}

@test "a command that is not there: 127, one line" {
	check()
	{
		run -127 --separate-stderr shim no-such-command
		[ -z "$output" ]
		[ "${#stderr_lines[@]}" -eq 1 ] || fail 'not one line'
		expect_match "$stderr" '^sockshim: .*no-such-command'
		run -127 shim ./no/such/file
	}
	both check
}

@test "a command that cannot be executed: 126, one line" {
	in_prog bash -c 'echo "echo ran" >$T/tmp/plain; mkdir -p $T/tmp/folder; chmod 644 $T/tmp/plain'
	check()
	{
		run --separate-stderr shim "$T/tmp/$1"
		expect_status 126
		[ -z "$output" ]
		[ "${#stderr_lines[@]}" -eq 1 ] || fail 'not one line'
		expect_match "$stderr" "$1"
	}
	both check plain
	both check folder
}

@test "arguments arrive as they are, options after the command are its own" {
	check()
	{
		run shim printf '%s|' a 'b c' '' -p x --version
		expect_output 'a|b c||-p|x|--version|'
		run shim -- printf '%s|' -- -q
		expect_output '--|-q|'
		run shim bash -c 'echo "$0"' zero
		expect_output zero
	}
	both check
}

@test "working directory, umask and environment stay" {
	check()
	{
		run in_prog bash -c "cd /usr && umask 027 && A='x y' $T/build/sockshim -p $PROXY sh -c 'pwd; umask; echo \$A'"
		expect_output "$(printf '/usr\n0027\nx y')"
	}
	both check
}

@test "sockets that the launcher was handed are the command's: LISTEN_PID" {
	check()
	{
		# shellcheck disable=SC2016 # for the inner shells
		run in_prog env LISTEN_FDS=1 LISTEN_PIDFDID=7 bash -c 'LISTEN_PID=$$ exec "$BUILD/sockshim" -p "$1" \
			sh -c "echo \$((LISTEN_PID - \$\$)) \$LISTEN_FDS \$LISTEN_PIDFDID"' - "$PROXY"
		expect_output '0 1'
		# shellcheck disable=SC2016
		run in_prog env LISTEN_PID=1 LISTEN_PIDFDID=7 "$T/build/sockshim" -p "$PROXY" sh -c 'echo $LISTEN_PID $LISTEN_PIDFDID'
		expect_output '1 7'
	}
	both check
}

@test "stdin, stdout and stderr are untouched" {
	check()
	{
		run in_prog bash -c "head -c 3000000 /dev/urandom >\$HOME/in
			$T/build/sockshim -p $PROXY cat <\$HOME/in | cmp - \$HOME/in
			printf 'a\nb\nc\n' | ($T/build/sockshim -p $PROXY sh -c 'read x; echo got \$x'; cat)
			$T/build/sockshim -p $PROXY sh -c 'echo only stderr >&2' 2>&1 >/dev/null"
		expect_output "$(printf 'got a\nb\nc\nonly stderr')"
	}
	both check
}

@test "the command inherits the descriptors that were open, and no other" {
	check()
	{
		run in_prog bash -c "exec 7</dev/null 9>/dev/null
			$PYTHON $T/e2e/programs/launch.py fds >\$HOME/bare
			$T/build/sockshim -p $PROXY $PYTHON $T/e2e/programs/launch.py fds >\$HOME/wrapped
			diff \$HOME/bare \$HOME/wrapped && grep -q '^9' \$HOME/wrapped && echo same"
		expect_output same
	}
	both check
}

@test "closed descriptors 0 to 2 stay closed, and nothing else takes their place" {
	check()
	{
		run in_prog bash -c "
			(exec <&- >&- 2>&-; $T/build/sockshim -p $PROXY $PYTHON $T/e2e/programs/launch.py fds-to \$HOME/closed)
			echo \$?
			grep -E '^[012] ' \$HOME/closed
			($T/build/sockshim -p $PROXY curl -sS -o \$HOME/page http://web.far.test/ <&- >&- 2>&-)
			echo \$?
			cat \$HOME/page"
		expect_output "$(printf '0\n0\n%s' "$WEB_BODY")"
	}
	both check
}

@test "a log line never goes into a file that took the place of stderr" {
	check()
	{
		run in_prog bash -c "$T/build/sockshim -p socks5://$PROXY_IP:9 $PYTHON -c '
import os, socket
os.close(2)
assert os.open(os.environ[\"HOME\"] + \"/data\", os.O_CREAT | os.O_TRUNC | os.O_RDWR) == 2
try:
    socket.create_connection((\"web.far.test\", 80))
except OSError:
    pass
print(os.fstat(2).st_size)'"
		expect_output 0
	}
	both check
}

# forwards SIGNAL: sent to the launcher, it reaches the command, whose exit status comes back.
forwards()
{
	run in_prog "$PYTHON" "$T/e2e/programs/launch.py" signal "$1" "$T/build/sockshim" -p "$PROXY" \
		"$PYTHON" "$T/e2e/programs/launch.py" catch "$1"
	expect_output "$(printf 'caught %s\n5' "$1")"
}

@test "signals to the launcher reach the command" {
	local sig

	for sig in SIGINT SIGTERM SIGHUP SIGQUIT SIGUSR1 SIGUSR2 SIGALRM SIGWINCH; do
		both forwards "$sig"
	done
}

@test "SIGTSTP to the launcher stops both, SIGCONT wakes both" {
	check()
	{
		run in_prog "$PYTHON" "$T/e2e/programs/launch.py" stop "$T/build/sockshim" -p "$PROXY" \
			"$PYTHON" "$T/e2e/programs/launch.py" ticks
		expect_output "$(printf 'stopped\ncontinued')"
	}
	both check
}

@test "the launcher's death by SIGKILL takes no stranger's way out: the command ends or stays wrapped" {
	run in_prog "$PYTHON" "$T/e2e/programs/launch.py" murder "$T/build/sockshim" -p "$PROXY" \
		"$PYTHON" "$T/e2e/programs/launch.py" murdered "$WEB_IP4"
	expect_output 'no page from past the proxy'
}

@test "ignored signals and the signal mask stay" {
	check()
	{
		run in_prog bash -c "trap '' HUP USR1; grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status >\$HOME/bare
			$T/build/sockshim -p $PROXY grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status | diff \$HOME/bare - && echo same"
		expect_output same
	}
	both check
}

@test "job control in an interactive shell: ^Z, fg, ^C" {
	check()
	{
		run in_prog "$PYTHON" "$T/e2e/programs/launch.py" terminal "$T/build/sockshim -p $PROXY"
		expect_output "$(printf 'stopped\nback\ninterrupted 130')"
	}
	for _ in {1..15}; do # launcher and command get the terminal's signals at the same time, in either order
		both check
	done
}

# jobs SHELL: bash, dash, tmux
jobs_in()
{
	in_prog --root rm -f "$T/tmp/hup"
	run in_prog "$PYTHON" "$T/e2e/programs/launch.py" jobs "$1" "$T/build/sockshim -p $PROXY" "$T/tmp/hup"
	expect_output "$(printf '%s\n' stopped 'in the background' 'in the foreground' 'job has 33 rows of 77' \
		'interrupted 130' 'hung up')"
	wait_for 10 in_prog --root bash -c '! pgrep -x sockshim'
}

@test "who owns the terminal, ^Z, bg, fg, ^C, its new size, and its end: in bash, dash and tmux" {
	local shell

	for shell in bash dash tmux; do
		both jobs_in "$shell"
	done
}

@test "a tmux that is wrapped: its server goes through the proxy, and ends as it would" {
	check()
	{
		in_prog --root rm -f "$T/tmp/page"
		run in_prog env SHELL=/bin/sh TMUX_TMPDIR="$T/tmp" "$T/build/sockshim" -q -p "$PROXY" tmux -L wrapped -f /dev/null \
			new-session -d "curl -sS http://web.far.test/ >$T/tmp/page"
		expect_status 0
		wait_for 10 grep -q "$WEB_BODY" "$T/tmp/page"
		wait_for 10 in_prog --root bash -c '! pgrep -x sockshim'
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "--help and --version" {
	run --separate-stderr in_prog "$T/build/sockshim" --help
	expect_status 0
	expect_match "$output" 'sockshim \[.*\] .*command'
	[ -z "$stderr" ]
	run in_prog "$T/build/sockshim" --version
	expect_status 0
	expect_match "$output" '^sockshim [0-9]+\.[0-9]'
}

@test "no command, and options that do not exist: 2, one line" {
	local option

	for option in '' --no-such-option -Z '-p' '-o'; do
		# shellcheck disable=SC2086 # no option is no word
		run --separate-stderr in_prog "$T/build/sockshim" $option
		expect_status 2
		[ -z "$output" ]
		expect_match "$stderr" '^sockshim: '
	done
}

@test "a session inside a session" {
	check()
	{
		run shim "$T/build/sockshim" -p "$PROXY" curl -sS http://web.far.test/
		expect_status 0
		expect_output "$WEB_BODY"
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "a session inside a session has settings of its own, and the guard of the outer one" {
	local inner

	proxy_up microsocks
	inner=$PROXY
	proxy_use embedded
	check()
	{
		run shim -v "$T/build/sockshim" -v -p "$inner" sh -c "$T/build/tests/e2e/static_guard get; curl -sS http://$WEB_IP4/"
		expect_status 0
		expect_match "$output" "static_guard: $WEB_IP4:80 through $PROXY, .*through the supervisor"
		expect_match "$output" "curl: $WEB_IP4:80 through $inner, source"
		run shim "$T/build/sockshim" -G
		expect_match "$output" 'Proxy tor://127.0.0.1:9050 +# default'
	}
	both check
	proxy_down microsocks
	proxy_use embedded
}

@test "nothing of a session stays, and others cannot read it while it lasts" {
	check()
	{
		run shim bash -c 'file=${SOCKSHIM_SESSION%%#*}; stat -c "%a %n" "$file"'
		expect_match "$output" '^[67]00 /dev/shm/sockshim-'
		in_prog test ! -e "${output#* }" # a session that was killed waits for a later one to remove it
	}
	both check
}

@test "-v says where a stream goes, -q says nothing of a failure" {
	run --separate-stderr shim -v curl -sS http://web.far.test/
	expect_status 0
	expect_output "$WEB_BODY"
	expect_match "$stderr" 'web\.far\.test'
	run --separate-stderr shim -q curl -s http://tcp.far.test:7009/
	expect_status 7
	[ -z "$stderr" ]
}

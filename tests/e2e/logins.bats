#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sockshim-system: what starts programs on a wrapped machine, su, sudo, ssh, cron, at; and units.

load lib/common
load lib/system

setup_file()
{
	system_up
}

# A user of its own; everybody may sudo without a word.
wrapped_user()
{
	in_prog sh -c 'grep -q ^wrapped: /etc/passwd ||
		{ useradd -M -d "$T/home/user" -s /bin/sh -p "*" wrapped && usermod -p "*" root; }
		echo "ALL ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/test
		grep -q prog /etc/hosts || echo 127.0.1.1 prog >>/etc/hosts # sudo asks who it is'
}

# ---- su and sudo ----

@test "sudo into a wrapped account and out of it" {
	wrapped_user
	good enable --user nobody
	page sudo -n -u nobody curl -sS http://web.far.test/
	page --user sudo -n -u nobody curl -sS http://web.far.test/
	page sudo -n -u wrapped sudo -n -u nobody curl -sS http://web.far.test/
	so_far
	proxy_down embedded
	page --user sudo -n curl -sS "http://$WEB_IP4/"
	so_far "$WEB_IP4.80"
	no_page sudo -n -u nobody curl -sS "http://$WEB_IP4/"
	no_page --user sudo -n sudo -n -u nobody curl -sS "http://$WEB_IP4/"
}

@test "su and sudo into a shell in a session" {
	wrapped_user
	page su nobody -s /bin/sh -c "SHELL=/bin/sh '$T/build/sockshim' -q -p $PROXY --shell -- -c 'curl -sS http://web.far.test/'"
	page sudo -n -u nobody SHELL=/bin/sh "$T/build/sockshim" -q -p "$PROXY" --shell -- -c 'curl -sS http://web.far.test/'
	page --user sudo -n sh -c "eval \"\$('$T/build/sockshim' -q -p $PROXY --env)\"; curl -sS http://web.far.test/"
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

OUT=('su nobody -s /bin/sh -c' 'setpriv --reuid=65534 --regid=65534 --clear-groups sh -c')

@test "su and setpriv out of root's session: the guard takes over, and nobody reads the session" {
	local out

	for out in "${OUT[@]}"; do
		run in_prog --root "$T/build/sockshim" -p "$PROXY" $out "curl -sS http://$WEB_IP4/ http://web.far.test/"
		expect_output "$WEB_BODY"$'\n'"$WEB_BODY"
		# names, static programs, an environment that is cleared
		run in_prog --root "$T/build/sockshim" -p "$PROXY" $out "$T/build/tests/e2e/resolve getaddrinfo4 web.far.test &&
			$T/build/tests/e2e/resolve gethostbyname_r web.far.test"
		expect_match "$output" '^198\.1[89]\.[0-9.]+.*198\.1[89]\.'
		run in_prog --root "$T/build/sockshim" -p "$PROXY" $out "env -i $T/build/tests/e2e/static_guard get && busybox wget -q -O - http://web.far.test/"
		expect_match "$output" "$WEB_BODY.*$WEB_BODY"
		run in_prog --root "$T/build/sockshim" -q -p "$PROXY" $out "$T/build/tests/e2e/leak udp-sendto $WEB_IP4 123;
			$T/build/tests/e2e/leak tcp-connect 127.0.0.1 1; cat /dev/shm/sockshim-0-*; true"
		expect_match "$output" 'ENETUNREACH.*ECONNREFUSED.*Permission denied'
	done
	clean
}

@test "su and sudo out of a shell in a session: nothing leaves past it, and a line says why" {
	local out

	wrapped_user
	# root gives its rights away: another user's programs cannot join the session (see below, with a guard)
	for out in "${OUT[@]}"; do
		no_page env SOCKSHIM_PROXY="$PROXY" SHELL=/bin/sh "$T/build/sockshim" -q -o Guard=off --shell -- -c \
			"$out 'curl -sS http://$WEB_IP4/'"
		expect_match "$output" "it is another user's"
		no_page env SOCKSHIM_PROXY="$PROXY" OUT="$out" sh -c \
			'eval "$("$BUILD/sockshim" -q --env)"; $OUT "curl -sS http://'"$WEB_IP4"'/"'
		expect_match "$output" "it is another user's"
	done
	# An ordinary user takes rights, which no library follows: refused by the guard, and without one by the
	# programs of the shell (not by the shell, which runs already; --env says so).
	for out in root nobody; do
		no_page --user env SOCKSHIM_PROXY="$PROXY" SHELL=/bin/sh "$T/build/sockshim" -q --shell -- -c \
			"sudo -n -u $out curl -sS http://$WEB_IP4/"
		expect_match "$output" sudo
		no_page --user env SOCKSHIM_PROXY="$PROXY" sh -c \
			'eval "$("$BUILD/sockshim" -q --env)"; sh -c "sudo -n -u '"$out"' curl -sS http://'"$WEB_IP4"'/"'
		expect_match "$output" sudo
	done
	assert_no_packets
}

# ---- cron, at, ssh ----

# jobs_of URL: root's and nobody's, by cron and by at, as both run them at their start; what they said is in $JOBS.
jobs_of()
{
	local file

	JOBS=$T/tmp/jobs
	rm -rf "$JOBS"
	install -d -m 1777 "$JOBS"
	printf '@reboot %s curl -sS %s >%s/cron.%s 2>&1\n' root "$1" "$JOBS" root nobody "$1" "$JOBS" nobody |
		in_prog tee /etc/cron.d/test >/dev/null
	echo "@reboot curl -sS $1 >$JOBS/crontab.nobody 2>&1" | in_prog --user crontab -
	echo "curl -sS $1 >$JOBS/at.root 2>&1" | in_prog --root at now
	echo "curl -sS $1 >$JOBS/at.nobody 2>&1" | in_prog --user at now
	in_prog sh -c 'rm -f /run/crond.reboot; cron; atd' >/dev/null 2>&1
	for file in cron.root cron.nobody crontab.nobody at.root at.nobody; do
		wait_for 20 test -s "$JOBS/$file" || { ls -l "$JOBS" >&2; return 1; }
	done
	in_prog sh -c 'kill $(cat /run/crond.pid /run/atd.pid); while pgrep -x "cron|atd"; do :; done >/dev/null'
}

@test "cron and at: their jobs are wrapped, and only those of whom it is for" {
	local file

	in_prog sh -c 'cd /var/spool && mkdir -p cron/crontabs cron/atjobs cron/atspool && echo 0 >cron/atjobs/.SEQ &&
		chown -R daemon:daemon cron/at* && chmod 1770 cron/at* && chmod 600 cron/atjobs/.SEQ &&
		chgrp crontab cron/crontabs && chmod 1730 cron/crontabs &&
		: >/etc/at.deny && : >/etc/crontab && rm -f /etc/cron.d/*'
	good enable
	jobs_of http://web.far.test/
	for file in "$JOBS"/*; do
		[ "$(<"$file")" = "$WEB_BODY" ] || fail "$file: $(<"$file")"
	done
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	good enable --user nobody
	so_far
	proxy_down embedded
	jobs_of "http://$WEB_IP4/"
	for file in "$JOBS"/*; do
		case $file in
		*.root) [ "$(<"$file")" = "$WEB_BODY" ] || fail "$file: $(<"$file")" ;;
		*) grep -q '^curl: (7)' "$file" || fail "$file: $(<"$file")" ;;
		esac
	done
	so_far "$WEB_IP4.80" "$PROXY_IP.$PROXY_PORT"
}

# login page|no_page USER URL
login()
{
	"$1" ssh "${SSH_OPTIONS[@]}" -i "$T/home/root/key" "$2@127.0.0.1" "curl -sS $3"
}

@test "ssh login into a wrapped account, and into one beside it" {
	sshd_up
	wrapped_user
	start()
	{
		in_prog sh -c "/usr/sbin/sshd -f '$T/far/ssh/sshd_config' -o ListenAddress=127.0.0.1 -o PidFile='$T/prog/sshd.pid' -E '$T/prog/sshd.log'"
		wait_for 10 test -s "$T/prog/sshd.pid"
	}
	stop()
	{
		in_prog sh -c "kill \$(cat '$T/prog/sshd.pid')"
		wait_for 10 test ! -e "$T/prog/sshd.pid"
	}
	good enable # sshd itself, too
	start
	login page root http://web.far.test/
	login page wrapped http://web.far.test/
	stop
	good enable --user wrapped
	start
	login page wrapped http://web.far.test/
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	so_far
	proxy_down embedded
	login page root "http://$WEB_IP4/"
	so_far "$WEB_IP4.80"
	login no_page wrapped "http://$WEB_IP4/"
	stop
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
	expect_picture "$before"
	rm "$T/prog/etc/systemd/system/web@.service" "$T/prog/etc/systemd/system/late.service"
}

@test "service: what another drop-in says is not undone; what systemd-analyze does not like is put back" {
	local before units=$T/prog/etc/systemd/system

	mkdir -p "$units/other.service.d" "$T/a b"
	printf '[Service]\nExecStart=/bin/true\n' >"$units/other.service"
	printf '[Service]\nExecStart=\nExecStart=/bin/false\n' >"$units/other.service.d/theirs.conf"
	before=$(picture)
	bad service other
	expect_match "$output" 'other.service.d/theirs.conf'
	expect_picture "$before"
	rm -r "$units/other.service.d"
	# a path that is none to systemd
	cp "$T/build/sockshim" "$T/build/libsockshim.so" "$T/build/sockshim-system" "$T/a b/"
	before=$(picture)
	run in_prog "$T/a b/sockshim-system" service other
	expect_status 1
	expect_match "$output" 'it is put back'
	expect_picture "$before"
	# what it had to say before is no reason
	printf '[Service]\nExecStart=/bin/true\nNoSuchKey=1\n' >"$units/other.service"
	good service other
	good service --remove other
	rm "$units/other.service"
}

@test "service: under systemd itself, guard included, and back" {
	cat >"$T/tmp/script" <<-'END'
		cat >/etc/systemd/system/web.service <<-UNIT
			[Service]
			Type=oneshot
			User=nobody
			StandardOutput=append:$OUT
			StandardError=append:$OUT
			ExecStartPre=$BUILD/tests/e2e/static_connect
			ExecStart=/usr/bin/curl -sS -o $T/tmp/web.got http://web.far.test/
		UNIT
		cat >/etc/systemd/system/told.service <<-UNIT
			[Service]
			Type=notify
			StandardOutput=append:$OUT
			StandardError=append:$OUT
			ExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep infinity'
		UNIT
		systemctl daemon-reload
		"$BUILD/sockshim-system" service web
		"$BUILD/sockshim-system" service told
		systemctl start web told
		systemctl is-active told
		grep -q sockshim "/proc/$(systemctl show -P MainPID told)/cmdline"
		systemctl stop told
		[ "$(systemctl show -P Result told)" = success ]
		"$BUILD/sockshim-system" service --remove web
		"$BUILD/sockshim-system" service --remove told
		systemctl show -P ExecStart web | grep 'path=/usr/bin/curl'
	END
	rm -f "$T/tmp/web.got"
	# Another one would put its cgroups among those of the first, and may move what runs there.
	[ ! -d /run/systemd/system ] || skip 'this machine is run by systemd'
	run in_prog unshare --mount --pid --cgroup --fork --kill-child "$T/e2e/lib/systemd" "$T/tmp/script"
	[ "$status" != 77 ] || skip 'no cgroup may be mounted here'
	[ "$status" = 0 ] || fail "$(<"$T/tmp/systemd.out")"
	[ "$(<"$T/tmp/web.got")" = "$WEB_BODY" ] || fail 'another page'
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

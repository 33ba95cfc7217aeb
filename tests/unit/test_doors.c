/* SPDX-License-Identifier: MIT */
/*
 * Names on D-Bus that UnixSockets closes: found as whole strings of a message, wherever they stand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "conf.h"
#include "doors.h"

#define LIST "/run/a,dbus:org.closed.One,!/run/b,dbus:org.closed.Two_"

static uint8_t message[512];
static size_t used;

static void put_string(const char *text, int big)
{
	size_t len = strlen(text);

	used = (used + 3) / 4 * 4;
	memset(message + used, 0, 4);
	message[used + (big ? 3 : 0)] = (uint8_t)len;
	memcpy(message + used + 4, text, len + 1);
	used += 4 + len + 1;
}

static const char *string_at(size_t at)
{
	return (const char *)message + at + 4;
}

static void changed(void **state)
{
	char name[DOORS_PATTERN + 1] = "";

	(void)state;
	for (int big = 0; big < 2; big++) {
		used = 0;
		memset(message, 0, sizeof(message));
		put_string("org.closed.One", big);
		assert_int_equal(doors_bus(LIST, message, used, name), 1);
		assert_string_equal(name, "dbus:org.closed.One");
		assert_string_equal(string_at(0), "org.closed.On_");
		assert_int_equal(doors_bus(LIST, message, used, name), 0);
	}
	used = 0;
	put_string("org.closed.Two_", 0);
	put_string("org.closed.One", 0);
	put_string("org.closed.One", 1);
	assert_int_equal(doors_bus(LIST, message, used, name), 3);
	assert_string_equal(string_at(0), "org.closed.Two-");
}

static void left_alone(void **state)
{
	static const char *const others[] = {"org.closed.One.Manager", "org.closed.on",
					     "xorg.closed.One", "/run/a", "dbus:org.closed.One"};
	char name[DOORS_PATTERN + 1];
	uint8_t before[sizeof(message)];

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		used = 0;
		put_string(others[i], 0);
		memcpy(before, message, used);
		assert_int_equal(doors_bus(LIST, message, used, name), 0);
		assert_memory_equal(before, message, used);
	}
	used = 0;
	put_string("org.closed.One", 0);
	for (size_t len = 0; len < used; len++) /* cut short */
		assert_int_equal(doors_bus(LIST, message, len, name), 0);
	assert_int_equal(doors_bus("", message, used, name), 0);
	assert_int_equal(doors_bus("dbus:", message, used, name), 0);
}

/* What begins so: a letter of the beginning is changed. */
static void beginnings(void **state)
{
	char name[DOORS_PATTERN + 1] = "";

	(void)state;
	used = 0;
	memset(message, 0, sizeof(message));
	put_string("org.closed.browser.ZGVm", 1);
	put_string("org.closed.", 0);
	put_string("org.closedd.x", 0);
	assert_int_equal(doors_bus("dbus:org.closed.*", message, used, name), 1);
	assert_string_equal(name, "dbus:org.closed.*");
	assert_string_equal(string_at(0), "org.closed_browser.ZGVm");
	assert_int_equal(doors_bus("dbus:org.closed.*", message, used, name), 0);
	for (size_t len = 0; len < 28; len++) /* cut short */
		assert_int_equal(doors_bus("dbus:org.closed_*", message, len, name), 0);
}

static void hidden(void **state)
{
	static const char bus[] = "/run/dbus/system_bus_socket", user[] = "/run/user/7/bus";

	(void)state;
	assert_true(doors_hides(LIST, bus, strlen(bus)));
	assert_false(doors_hides(LIST, user, strlen(user)));
	assert_false(doors_hides("/run/a", bus, strlen(bus)));
	assert_false(doors_hides("", bus, strlen(bus)));
	assert_false(doors_hides("!/run/dbus/*,dbus:a.b", bus, strlen(bus)));
	assert_true(doors_hides("!/run/user/*,dbus:a.b", bus, strlen(bus)));
}

static void lists(void **state)
{
	(void)state;
	assert_null(doors_check(LIST));
	assert_non_null(doors_check("dbus:"));
	assert_non_null(doors_check("dbus"));
	assert_non_null(doors_check("dbus:a.b,"));
	assert_true(doors_closed(LIST, "dbus:org.closed.One", strlen("dbus:org.closed.One")));
	assert_false(doors_closed(LIST, "/run/b", 6));
}

/* What the default list says of sockets and names as they are. */
static void by_default(void **state)
{
	static const char *const closed[] = {
		"/run/nscd/socket",
		"/run/user/1000/gnupg/S.dirmngr",
		"/tmp/tmux-1000/default",
		"/var/run/docker.sock",
		"/run/crio/crio.sock",
		"/run/buildkit/buildkitd.sock",
		"/var/snap/lxd/common/lxd/unix.socket",
		"/var/lib/incus/unix.socket",
		"/nix/var/nix/daemon-socket/socket",
		"/var/guix/daemon-socket/socket",
		"/run/user/1000/zellij/0.40.1/main",
		"/tmp/zellij-1000/0.40.1/main",
		"/home/user/.pm2/rpc.sock",
		"/run/user/1000/vscode-1f2e3d-1.89-main.sock",
		"/run/user/1000/vscode-ipc-0b1c.sock",
		"/tmp/qtsingleapp-qBitto-7f06-3e8",
		"/home/user/.config/deluge/ipc/deluge-gtk",
		"/var/lib/gssproxy/default.sock",
	};
	static const char *const open[] = {
		"/run/user/1000/gnupg/S.gpg-agent",
		"/home/user/.ssh/agent.1",
		"/tmp/.X11-unix/X0",
		"/run/user/1000/bus",
		"/run/user/1000/pulse/native",
		"/run/user/1000/wayland-0",
		"/dev/log",
		"/run/user/1000/vscode-git-1a.sock",
		"/tmp/ssh-XXabc/agent.99",
		"/run/mysqld/mysqld.sock",
		"/run/postgresql/.s.PGSQL.5432",
	};
	static const char *const names[] = {
		"org.freedesktop.resolve1",
		"org.debian.apt",
		"org.freedesktop.Flatpak",
		"org.freedesktop.portal.OpenURI",
		"org.gnome.evolution.dataserver.Sources5",
		"org.kde.klauncher5",
		"org.xfce.Terminal5",
		"com.transmissionbt.transmission_1",
	};
	static const char *const served[] = {"org.freedesktop.portal.Settings",
					     "org.freedesktop.Notifications",
					     "org.freedesktop.secrets", "org.freedesktop.DBus"};
	const char *list = setting_table[SETTING_ID_unix_sockets].def;
	static const char iscsi[] = "\0ISCSIADM_ABSTRACT_NAMESPACE";
	char name[DOORS_PATTERN + 1];

	(void)state;
	assert_null(doors_check(list));
	for (size_t i = 0; i < sizeof(closed) / sizeof(*closed); i++)
		if (!doors_closed(list, closed[i], strlen(closed[i])))
			fail_msg("%s is open", closed[i]);
	assert_true(doors_closed(list, iscsi, sizeof(iscsi) - 1));
	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
		if (doors_closed(list, open[i], strlen(open[i])))
			fail_msg("%s is closed", open[i]);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		used = 0;
		put_string(names[i], 0);
		assert_int_equal(doors_bus(list, message, used, name), 1);
	}
	for (size_t i = 0; i < sizeof(served) / sizeof(*served); i++) {
		used = 0;
		put_string(served[i], 0);
		assert_int_equal(doors_bus(list, message, used, name), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(changed),    cmocka_unit_test(left_alone),
		cmocka_unit_test(beginnings), cmocka_unit_test(hidden),
		cmocka_unit_test(lists),      cmocka_unit_test(by_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

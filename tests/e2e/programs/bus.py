# SPDX-License-Identifier: MIT
"""bus.py serve NAME...: owns the names on the system's bus and answers its method Ask(s) with what it was
asked; says "up" when it has them. bus.py ask NAME: asks by GLib, which looks for the owner first.
"""
import sys

from gi.repository import Gio, GLib

XML = '<node><interface name="far.test.Asked"><method name="Ask"><arg type="s" direction="in"/>' \
    '<arg type="s" direction="out"/></method></interface></node>'


def answer(_bus, _sender, _path, _interface, _method, words, call):
    print('asked', flush=True)
    call.return_value(GLib.Variant('(s)', ('heard ' + words[0],)))


def serve(names):
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
    bus.register_object('/', Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0], answer)
    for name in names:
        bus.call_sync('org.freedesktop.DBus', '/', 'org.freedesktop.DBus', 'RequestName',
                      GLib.Variant('(su)', (name, 0)), None, 0, -1)
    print('up', flush=True)
    GLib.MainLoop().run()


def ask(name):
    proxy = Gio.DBusProxy.new_for_bus_sync(Gio.BusType.SYSTEM, 0, None, name, '/', 'far.test.Asked')
    try:
        print(proxy.call_sync('Ask', GLib.Variant('(s)', ('GLib',)), 0, -1).unpack()[0])
    except GLib.Error as e:
        print(Gio.DBusError.get_remote_error(e))


if sys.argv[1] == 'serve':
    serve(sys.argv[2:])
else:
    ask(sys.argv[2])

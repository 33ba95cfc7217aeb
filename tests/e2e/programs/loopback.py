# SPDX-License-Identifier: MIT
"""A web server on both loopback addresses; prints its port and dies with its parent."""
import ctypes
import http.server
import signal
import socket


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"loopback server\n")

    def log_message(self, format, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "loopback", self.socket.getsockname()[1]


ctypes.CDLL(None).prctl(1, signal.SIGKILL)
server = Server(("::", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()

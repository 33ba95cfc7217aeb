# SPDX-License-Identifier: MIT
"""fetch_asyncio.py [--port PORT] HOST…: fetches the page of each, all at the same time, and prints each one's last line."""
import asyncio
import sys

PORT, HOSTS = (int(sys.argv[2]), sys.argv[3:]) if sys.argv[1] == "--port" else (80, sys.argv[1:])


async def fetch(host):
    reader, writer = await asyncio.open_connection(host, PORT)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    page = await reader.read(-1)
    writer.close()
    return page.decode().splitlines()[-1]


async def main():
    jobs = [fetch(host) for host in HOSTS]
    for line in await asyncio.wait_for(asyncio.gather(*jobs), 20):
        print(line)


asyncio.run(main())

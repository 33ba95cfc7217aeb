#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""fetch_aiohttp.py COUNT URL: fetches it so many times at once, and prints what it got."""
import asyncio
import sys

import aiohttp


async def main(count, url):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        async def one():
            async with session.get(url) as r:
                return await r.text()
        print(*await asyncio.gather(*[one() for _ in range(count)]), sep='')

try:
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
except aiohttp.ClientError as e:
    sys.exit(str(e))

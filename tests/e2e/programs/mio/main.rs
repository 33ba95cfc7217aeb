// SPDX-License-Identifier: MIT
//! fetch_mio COUNT HOST:PORT: so many pages at once with mio, which tokio rests on: epoll, edge-triggered.
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::ToSocketAddrs;

/// One event of a stream: its bytes to stdout; false at its end.
fn step(s: &mut TcpStream, asked: &mut bool) -> std::io::Result<bool> {
    if !*asked {
        if let Some(error) = s.take_error()? {
            return Err(error);
        }
        match s.peer_addr() {
            Err(e) if e.kind() == ErrorKind::NotConnected => return Ok(true),
            peer => peer?,
        };
        s.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        *asked = true;
    }
    loop {
        let mut room = [0; 4096];
        match s.read(&mut room) {
            Ok(0) => return Ok(false),
            Ok(n) => std::io::stdout().write_all(&room[..n])?,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(e) => return Err(e),
        }
    }
}

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let count: usize = args[1].parse().unwrap();
    let to = args[2].to_socket_addrs()?.next().unwrap();
    let (mut poll, mut events, mut left) = (Poll::new()?, Events::with_capacity(64), count);
    let mut streams = Vec::new();

    for i in 0..count {
        let mut s = TcpStream::connect(to)?;
        poll.registry().register(&mut s, Token(i), Interest::READABLE | Interest::WRITABLE)?;
        streams.push((Some(s), false));
    }
    while left > 0 {
        poll.poll(&mut events, None)?;
        for event in events.iter() {
            let (stream, asked) = &mut streams[event.token().0];
            if let Some(s) = stream {
                if !step(s, asked)? {
                    *stream = None;
                    left -= 1;
                }
            }
        }
    }
    Ok(())
}

// SPDX-License-Identifier: MIT
//! fetch HOST:PORT: prints the page. With glibc inside it (crt-static), no library is loaded.
use std::io::{Read, Write};
use std::net::TcpStream;

fn main() -> std::io::Result<()> {
    let host = std::env::args().nth(1).expect("fetch HOST:PORT");
    let mut page = String::new();
    let mut s = TcpStream::connect(host.as_str())?;

    s.write_all(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")?;
    s.read_to_string(&mut page)?;
    print!("{}", page.split_once("\r\n\r\n").map_or("no page", |p| p.1));
    Ok(())
}

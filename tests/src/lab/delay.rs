//! How long things take between nodes, with both ends spinning: a wake-up of either would hide
//! what the way between them costs. Each turn says that it waits, by which emulated processors that
//! take turns know that it is another one's.

use std::{
    hint::spin_loop,
    io::ErrorKind,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use nix::{
    libc,
    sys::socket::{setsockopt, sockopt},
};

use super::{
    Node, PATIENCE,
    traffic::{any_of, listen},
};

/// Sends `count` datagrams of 64 bytes to and fro, one at a time, and returns how long each took
/// for both ways.
///
/// # Errors
/// When one is lost or changed, or a socket fails.
pub fn round_trips(from: &Node, to: &Node, address: IpAddr, count: usize) -> Result<Vec<Duration>> {
    let server = to.enter(|| Ok(UdpSocket::bind((address, 0))?))?;
    server.set_nonblocking(true)?;
    let target = server.local_addr()?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let answering = scope.spawn(|| answer(&server, &done));
        let times = from.enter(|| ask(target, count));
        done.store(true, Ordering::Release);
        answering.join().map_err(|_| anyhow!("echo panicked"))??;
        times
    })
    .with_context(|| format!("UDP from {} to {target} on {}", from.name(), to.name()))
}

fn answer(socket: &UdpSocket, done: &AtomicBool) -> Result<()> {
    let mut buffer = [0; 64];
    while !done.load(Ordering::Acquire) {
        match socket.recv_from(&mut buffer) {
            Ok((length, peer)) => {
                socket.send_to(&buffer[..length], peer).context("answer")?;
            }
            Err(_) => spin_loop(),
        }
    }
    Ok(())
}

fn ask(target: SocketAddr, count: usize) -> Result<Vec<Duration>> {
    let socket = UdpSocket::bind((any_of(target), 0))?;
    socket.connect(target)?;
    socket.set_nonblocking(true)?;
    (0..count as u64).map(|n| round_trip(&socket, n)).collect()
}

fn round_trip(socket: &UdpSocket, number: u64) -> Result<Duration> {
    let mut datagram = [0x5a; 64];
    datagram[..8].copy_from_slice(&number.to_le_bytes());
    let mut buffer = [0; 64];
    let start = Instant::now();
    socket.send(&datagram).context("send")?;
    loop {
        match socket.recv(&mut buffer) {
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ensure!(start.elapsed() < PATIENCE, "datagram {number} is lost");
                spin_loop();
            }
            Err(error) => return Err(error).context("receive"),
        }
    }
    let elapsed = start.elapsed();
    ensure!(buffer == datagram, "datagram {number} came back changed");
    Ok(elapsed)
}

/// Opens TCP connections for the given time, each when the one before was accepted at the other end,
/// and returns how many a second.
///
/// # Errors
/// When one fails.
pub fn connections_for(from: &Node, to: &Node, address: IpAddr, time: Duration) -> Result<f64> {
    let listener = listen(to, address)?;
    listener.set_nonblocking(true)?;
    let target = listener.local_addr()?;
    let (accepted, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let accepting = scope.spawn(|| accept_until(&done, &listener, &accepted));
        let each_second = from.enter(|| open_for(time, target, &accepted));
        done.store(true, Ordering::Release);
        accepting
            .join()
            .map_err(|_| anyhow!("acceptor panicked"))??;
        each_second
    })
    .with_context(|| format!("TCP from {} to {target} on {}", from.name(), to.name()))
}

fn accept_until(done: &AtomicBool, listener: &TcpListener, accepted: &AtomicU64) -> Result<()> {
    while !done.load(Ordering::Acquire) {
        match listener.accept() {
            Ok(_) => {
                accepted.fetch_add(1, Ordering::Release);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => spin_loop(),
            Err(error) => return Err(error).context("accept"),
        }
    }
    Ok(())
}

fn open_for(time: Duration, target: SocketAddr, accepted: &AtomicU64) -> Result<f64> {
    let start = Instant::now();
    let mut opened = 0;
    while start.elapsed() < time {
        let stream = TcpStream::connect_timeout(&target, PATIENCE).context("connect")?;
        opened += 1;
        // Else the queue fills when accepting is slower, and SYNs are dropped and sent anew a second
        // later.
        let open = Instant::now();
        while accepted.load(Ordering::Acquire) < opened {
            ensure!(
                open.elapsed() < PATIENCE,
                "connection {opened} is not accepted"
            );
            spin_loop();
        }
        // Closed by a reset: ports that wait for late packets would soon be all there are.
        let at_once = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&stream, sockopt::Linger, &at_once)?;
    }
    Ok(opened as f64 / start.elapsed().as_secs_f64())
}

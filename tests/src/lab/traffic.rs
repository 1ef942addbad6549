//! Traffic between nodes, checked to the last byte.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use sha2::{Digest, Sha256};

use super::{Node, PATIENCE, patient};

const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// What is sent where datagrams are counted.
const DATAGRAM: [u8; 64] = [0x5a; 64];

/// Echo requests to be sent with `ping`.
#[derive(Clone, Copy, Debug)]
pub struct Ping {
    /// How many.
    pub count: u32,
    /// Bytes behind the ICMP header.
    pub size: usize,
    /// Whether routers may not fragment them.
    pub dont_fragment: bool,
    /// TTL or hop limit.
    pub ttl: u8,
}

impl Default for Ping {
    fn default() -> Self {
        Self {
            count: 3,
            size: 56,
            dont_fragment: false,
            ttl: 64,
        }
    }
}

impl Ping {
    /// Echo requests with `size` bytes behind the ICMP header.
    #[must_use]
    pub fn of(size: usize) -> Self {
        Self {
            size,
            ..Self::default()
        }
    }

    /// Pings `to` from `from` and returns what `ping` prints, whether or not answers come.
    ///
    /// # Errors
    /// When `ping` cannot be run.
    pub fn report(&self, from: &Node, to: IpAddr) -> Result<String> {
        let (count, size, ttl) = (
            self.count.to_string(),
            self.size.to_string(),
            self.ttl.to_string(),
        );
        let fragment = if self.dont_fragment { "do" } else { "dont" };
        let to = to.to_string();
        let output = from.output(&[
            "ping", "-n", "-i", "0.05", "-W", "2", "-c", &count, "-s", &size, "-t", &ttl, "-M",
            fragment, &to,
        ])?;
        let out = String::from_utf8_lossy(&output.stdout);
        Ok(format!("{out}{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Pings `to` from `from`.
    ///
    /// # Errors
    /// When an answer is missing, with what `ping` prints.
    pub fn run(&self, from: &Node, to: IpAddr) -> Result<String> {
        let report = self.report(from, to)?;
        ensure!(
            report.contains(&format!(" {} received", self.count)),
            "ping {to} from {}: {report}",
            from.name()
        );
        Ok(report)
    }

    /// Pings `to` from `from` twenty times a second until one answer comes, and returns when it had.
    ///
    /// # Errors
    /// When none comes within a [`patient`] `bound`, with what `ping` prints.
    pub fn until_answered(from: &Node, to: IpAddr, bound: Duration) -> Result<Instant> {
        let (to, bound) = (to.to_string(), patient(bound).as_secs().to_string());
        from.run(["ping", "-n", "-i", "0.05", "-c", "1", "-w", &bound, &to])?;
        Ok(Instant::now())
    }
}

/// How a TCP stream went.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// Bytes that arrived.
    pub bytes: u64,
    /// From the first write to the last byte's arrival.
    pub elapsed: Duration,
}

impl Transfer {
    /// Gigabits in a second.
    #[must_use]
    pub fn gbit_per_second(&self) -> f64 {
        self.bytes as f64 * 8.0 / self.elapsed.as_secs_f64() / 1e9
    }
}

/// Sends `bytes` of unrepeating data by TCP from one node to another, which has `address`, and
/// compares the hashes of what was sent and what arrived.
///
/// # Errors
/// When the connection fails or stalls, or other data arrives.
pub fn tcp_stream(from: &Node, to: &Node, address: IpAddr, bytes: u64) -> Result<Transfer> {
    tcp_streams(from, to, address, (1, bytes))
}

/// Sends as [`tcp_stream`] does, by as many connections at once as `flows`, by each so many bytes
/// of its own.
///
/// # Errors
/// When a connection fails or stalls, or other data arrives.
pub fn tcp_streams(
    from: &Node,
    to: &Node,
    address: IpAddr,
    (flows, bytes): (usize, u64),
) -> Result<Transfer> {
    let listener = listen(to, address)?;
    let target = listener.local_addr()?;
    thread::scope(|scope| -> Result<Transfer> {
        let spawn_receiver = |_| scope.spawn(|| receive(&listener));
        let receivers: Vec<_> = (0..flows).map(spawn_receiver).collect();
        let spawn_sender = |flow| scope.spawn(move || from.enter(|| send(target, flow, bytes)));
        let senders: Vec<_> = (0..flows).map(spawn_sender).collect();
        let (starts, mut sent): (Vec<_>, Vec<_>) = joined(senders)?.into_iter().unzip();
        let (ends, mut arrived): (Vec<_>, Vec<_>) = joined(receivers)?.into_iter().unzip();
        // Connections are accepted in whichever order.
        sent.sort_unstable();
        arrived.sort_unstable();
        ensure!(sent == arrived, "other data arrived than was sent");
        let start = starts.into_iter().min().context("no flows")?;
        let end = ends.into_iter().max().context("no flows")?;
        let (bytes, elapsed) = (flows as u64 * bytes, end.duration_since(start));
        Ok(Transfer { bytes, elapsed })
    })
    .with_context(|| format!("TCP from {} to {target} on {}", from.name(), to.name()))
}

/// Sends as much as it can by TCP for the given time, looking at nothing but the amount.
///
/// # Errors
/// When the connection fails or stalls.
pub fn tcp_for(from: &Node, to: &Node, address: IpAddr, time: Duration) -> Result<Transfer> {
    tcp_watched(from, to, address, time, |_| ())
}

/// Sends as [`tcp_for`] does, and shows `watch` ten times a second what has arrived so far.
///
/// # Errors
/// When the connection fails or stalls.
pub fn tcp_watched(
    from: &Node,
    to: &Node,
    address: IpAddr,
    time: Duration,
    mut watch: impl FnMut(Transfer),
) -> Result<Transfer> {
    let listener = listen(to, address)?;
    let target = listener.local_addr()?;
    let arrived = AtomicU64::new(0);
    thread::scope(|scope| -> Result<Transfer> {
        let receiver = scope.spawn(|| count(&listener, &arrived));
        let sender = scope.spawn(|| from.enter(|| flood(target, time)));
        let begin = Instant::now();
        while !receiver.is_finished() {
            thread::sleep(WATCH_INTERVAL);
            let (bytes, elapsed) = (arrived.load(Ordering::Relaxed), begin.elapsed());
            watch(Transfer { bytes, elapsed });
        }
        let start = sender.join().map_err(|_| anyhow!("sender panicked"))??;
        let end = receiver
            .join()
            .map_err(|_| anyhow!("receiver panicked"))??;
        let (bytes, elapsed) = (arrived.load(Ordering::Relaxed), end.duration_since(start));
        Ok(Transfer { bytes, elapsed })
    })
    .with_context(|| format!("TCP from {} to {target} on {}", from.name(), to.name()))
}

/// Sends as [`tcp_for`] does, by as many connections at once as `flows`.
///
/// # Errors
/// When a connection fails or stalls.
pub fn tcp_flows(
    from: &Node,
    to: &Node,
    address: IpAddr,
    (flows, time): (usize, Duration),
) -> Result<Transfer> {
    let listener = listen(to, address)?;
    let target = listener.local_addr()?;
    let arrived = AtomicU64::new(0);
    thread::scope(|scope| -> Result<Transfer> {
        let spawn_receiver = |_| scope.spawn(|| count(&listener, &arrived));
        let receivers: Vec<_> = (0..flows).map(spawn_receiver).collect();
        let spawn_sender = |_| scope.spawn(|| from.enter(|| flood(target, time)));
        let senders: Vec<_> = (0..flows).map(spawn_sender).collect();
        let start = joined(senders)?.into_iter().min().context("no flows")?;
        let end = joined(receivers)?.into_iter().max().context("no flows")?;
        let (bytes, elapsed) = (arrived.load(Ordering::Relaxed), end.duration_since(start));
        Ok(Transfer { bytes, elapsed })
    })
    .with_context(|| format!("TCP from {} to {target} on {}", from.name(), to.name()))
}

fn joined<T>(threads: Vec<thread::ScopedJoinHandle<'_, Result<T>>>) -> Result<Vec<T>> {
    let results = threads.into_iter().map(|thread| {
        thread
            .join()
            .map_err(|_| anyhow!("a flow's thread panicked"))?
    });
    results.collect()
}

pub(super) fn listen(node: &Node, address: IpAddr) -> Result<TcpListener> {
    node.enter(|| {
        TcpListener::bind((address, 0))
            .with_context(|| format!("listen at {address} on {}", node.name()))
    })
}

fn connect(target: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&target, PATIENCE).context("connect")?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Waits for a connection, no longer than [`PATIENCE`].
fn accept(listener: &TcpListener) -> Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && start.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error).context("accept"),
        }
    }
}

type Hash = [u8; 32];

fn send(target: SocketAddr, flow: usize, bytes: u64) -> Result<(Instant, Hash)> {
    let mut stream = connect(target)?;
    let mut hash = Sha256::new();
    let mut data = Unrepeating(0x9e37_79b9_7f4a_7c15 ^ flow as u64);
    let mut block = vec![0; 1 << 17];
    let mut left = bytes;
    let start = Instant::now();
    while left > 0 {
        let length = left.min(block.len() as u64) as usize;
        data.fill(&mut block[..length]);
        hash.update(&block[..length]);
        stream.write_all(&block[..length]).context("send")?;
        left -= length as u64;
    }
    Ok((start, hash.finalize().into()))
}

fn receive(listener: &TcpListener) -> Result<(Instant, Hash)> {
    let mut hash = Sha256::new();
    let end = read_all(accept(listener)?, |data| hash.update(data))?;
    Ok((end, hash.finalize().into()))
}

fn count(listener: &TcpListener, arrived: &AtomicU64) -> Result<Instant> {
    read_all(accept(listener)?, |data| {
        arrived.fetch_add(data.len() as u64, Ordering::Relaxed);
    })
}

/// Gives all that arrives to `take`, and returns when the end came.
fn read_all(mut stream: TcpStream, mut take: impl FnMut(&[u8])) -> Result<Instant> {
    let mut block = vec![0; 1 << 18];
    loop {
        match stream.read(&mut block).context("receive")? {
            0 => return Ok(Instant::now()),
            length => take(&block[..length]),
        }
    }
}

fn flood(target: SocketAddr, time: Duration) -> Result<Instant> {
    let mut stream = connect(target)?;
    let block = vec![0x5a; 1 << 18];
    let start = Instant::now();
    while start.elapsed() < time {
        stream.write_all(&block).context("send")?;
    }
    Ok(start)
}

/// UDP datagrams to be echoed.
#[derive(Clone, Copy, Debug)]
pub struct Echo<'a> {
    /// The payload's length of each, in bytes; beyond the MTU they travel in fragments.
    pub sizes: &'a [usize],
}

/// Sends datagrams from one node to another, which has `address`, and checks that each comes
/// back as it was.
///
/// # Errors
/// When one does not, however often it is sent.
pub fn udp_echo(from: &Node, to: &Node, address: IpAddr, echo: Echo<'_>) -> Result<()> {
    let server = to.enter(|| Ok(UdpSocket::bind((address, 0))?))?;
    let target = server.local_addr()?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let echoing = scope.spawn(|| serve(&server, &done));
        let result = from.enter(|| ask(target, echo.sizes));
        done.store(true, Ordering::Release);
        echoing.join().map_err(|_| anyhow!("echo panicked"))??;
        result
    })
    .with_context(|| format!("UDP from {} to {target} on {}", from.name(), to.name()))
}

fn serve(socket: &UdpSocket, done: &AtomicBool) -> Result<()> {
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    let mut buffer = vec![0; 1 << 16];
    while !done.load(Ordering::Acquire) {
        if let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            socket.send_to(&buffer[..length], peer).context("echo")?;
        }
    }
    Ok(())
}

fn ask(target: SocketAddr, sizes: &[usize]) -> Result<()> {
    let socket = UdpSocket::bind((any_of(target), 0))?;
    socket.connect(target)?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    let mut data = Unrepeating(0xd1b5_4a32_d192_ed03);
    for &size in sizes {
        let mut datagram = vec![0; size];
        data.fill(&mut datagram);
        exchange(&socket, &datagram).with_context(|| format!("a datagram of {size} bytes"))?;
    }
    Ok(())
}

/// Sends a datagram until it comes back: UDP may lose one.
fn exchange(socket: &UdpSocket, datagram: &[u8]) -> Result<()> {
    let mut buffer = vec![0; 1 << 16];
    for _ in 0..6 {
        socket.send(datagram).context("send")?;
        if let Ok(length) = socket.recv(&mut buffer) {
            ensure!(buffer[..length] == *datagram, "came back changed");
            return Ok(());
        }
    }
    bail!("did not come back")
}

/// Sends as many datagrams of 64 bytes as it can by UDP for the given time, and returns how many
/// arrive in a second.
///
/// # Errors
/// When one arrives changed, or a socket fails.
pub fn udp_for(from: &Node, to: &Node, address: IpAddr, time: Duration) -> Result<f64> {
    let server = to.enter(|| Ok(UdpSocket::bind((address, 0))?))?;
    let target = server.local_addr()?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| -> Result<f64> {
        let counting = scope.spawn(|| count_datagrams(&server, &done));
        let result = from.enter(|| flood_datagrams(target, time));
        done.store(true, Ordering::Release);
        let arrived = counting.join().map_err(|_| anyhow!("counter panicked"))??;
        Ok(arrived as f64 / result?.as_secs_f64())
    })
    .with_context(|| format!("UDP from {} to {target} on {}", from.name(), to.name()))
}

fn count_datagrams(socket: &UdpSocket, done: &AtomicBool) -> Result<u64> {
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    let mut buffer = [0; DATAGRAM.len() + 1];
    let mut arrived = 0;
    while !done.load(Ordering::Acquire) {
        if let Ok(length) = socket.recv(&mut buffer) {
            ensure!(buffer[..length] == DATAGRAM, "a datagram arrived changed");
            arrived += 1;
        }
    }
    Ok(arrived)
}

fn flood_datagrams(target: SocketAddr, time: Duration) -> Result<Duration> {
    let socket = UdpSocket::bind((any_of(target), 0))?;
    socket.connect(target)?;
    let start = Instant::now();
    while start.elapsed() < time {
        for _ in 0..32 {
            socket.send(&DATAGRAM).context("send")?;
        }
    }
    Ok(start.elapsed())
}

/// The address that stands for any, in the family of `target`.
pub(super) fn any_of(target: SocketAddr) -> IpAddr {
    match target.ip() {
        IpAddr::V4(_) => [0; 4].into(),
        IpAddr::V6(_) => [0; 16].into(),
    }
}

/// Pseudo-random bytes (xorshift64), so that a segment out of place changes the hash.
struct Unrepeating(u64);

impl Unrepeating {
    fn fill(&mut self, block: &mut [u8]) {
        for word in block.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            word.copy_from_slice(&self.0.to_le_bytes()[..word.len()]);
        }
    }
}

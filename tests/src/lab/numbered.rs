//! Numbered datagrams: which were lost on the way, and which came more than once.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};

use super::{Node, traffic::any_of};

/// Datagrams are sent in bursts, with this in between.
const BURST: Duration = Duration::from_millis(1);
/// Bytes of each datagram.
const SIZE: usize = 64;
/// Bytes that the receiving socket holds, so that a receiver which had no processor for a while
/// loses nothing.
const RECEIVE_BUFFER: usize = 64 << 20;
/// How long after the last datagram another one may come.
const STRAGGLING: Duration = Duration::from_secs(1);

/// What became of numbered datagrams.
#[derive(Clone, Debug)]
pub struct Numbered {
    /// How many were sent.
    pub sent: u64,
    /// Numbers that never arrived.
    pub lost: Vec<u64>,
    /// Numbers that arrived more than once.
    pub repeated: Vec<u64>,
    /// For how long they were sent.
    pub elapsed: Duration,
}

impl Numbered {
    /// Datagrams sent in a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.sent as f64 / self.elapsed.as_secs_f64()
    }
}

/// Sends numbered datagrams from one node to another, which has `address`, for as long as
/// `meanwhile` runs: at most `rate` in a second, each once.
///
/// # Errors
/// When a socket fails, and those of `meanwhile`.
pub fn udp_numbered(
    from: &Node,
    to: &Node,
    address: IpAddr,
    rate: u32,
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<Numbered> {
    let receiver = to.enter(|| Ok(UdpSocket::bind((address, 0))?))?;
    setsockopt(&receiver, RcvBufForce, &RECEIVE_BUFFER).context("enlarge the receive buffer")?;
    let target = receiver.local_addr()?;
    let (done, sent) = (AtomicBool::new(false), AtomicU64::new(u64::MAX));
    thread::scope(|scope| -> Result<Numbered> {
        let counting = scope.spawn(|| count(&receiver, &sent));
        let sending = scope.spawn(|| {
            let result = from.enter(|| send(target, rate, &done));
            let number = result.as_ref().map_or(0, |(number, _)| *number);
            sent.store(number, Ordering::Release);
            result
        });
        let result = meanwhile();
        done.store(true, Ordering::Release);
        let (sent, elapsed) = sending.join().map_err(|_| anyhow!("sender panicked"))??;
        let times = counting.join().map_err(|_| anyhow!("counter panicked"))??;
        result?;
        let numbers = |wanted: fn(u8) -> bool| {
            let arrived = |number| times.get(number as usize).copied().unwrap_or(0);
            (0..sent)
                .filter(|number| wanted(arrived(*number)))
                .collect()
        };
        Ok(Numbered {
            sent,
            lost: numbers(|times| times == 0),
            repeated: numbers(|times| times > 1),
            elapsed,
        })
    })
    .with_context(|| format!("UDP from {} to {target} on {}", from.name(), to.name()))
}

/// Sends until `done`; returns how many. What could not be sent in time is made up for, but not
/// by longer bursts than two usual ones.
fn send(target: SocketAddr, rate: u32, done: &AtomicBool) -> Result<(u64, Duration)> {
    let socket = UdpSocket::bind((any_of(target), 0))?;
    socket.connect(target)?;
    let due = |time: Duration| (f64::from(rate) * time.as_secs_f64()) as u64;
    let mut datagram = [0; SIZE];
    let (mut number, start) = (0_u64, Instant::now());
    while !done.load(Ordering::Acquire) {
        let late = due(start.elapsed()).saturating_sub(number);
        for _ in 0..late.min(due(BURST * 2)) {
            datagram[..8].copy_from_slice(&number.to_be_bytes());
            socket.send(&datagram).context("send")?;
            number += 1;
        }
        if late <= due(BURST * 2) {
            thread::sleep(BURST);
        }
    }
    Ok((number, start.elapsed()))
}

/// Counts how often each number arrives, until all that were `sent` have or no more come.
fn count(socket: &UdpSocket, sent: &AtomicU64) -> Result<Vec<u8>> {
    socket.set_read_timeout(Some(STRAGGLING))?;
    let (mut times, mut arrived, mut datagram) = (Vec::<u8>::new(), 0, [0; SIZE]);
    while arrived < sent.load(Ordering::Acquire) {
        if socket.recv(&mut datagram).is_err() {
            if sent.load(Ordering::Acquire) == u64::MAX {
                continue;
            }
            break;
        }
        let [a, b, c, d, e, f, g, h, ..] = datagram;
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]) as usize;
        if times.len() <= number {
            times.resize(number + 1, 0);
        }
        times[number] = times[number].saturating_add(1);
        arrived += 1;
    }
    Ok(times)
}

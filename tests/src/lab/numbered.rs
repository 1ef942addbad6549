//! Numbered datagrams: which were lost on the way, which came more than once, and where to.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};

use super::{
    Container, Node,
    batch::{BATCH, Receiver, Sender},
    is_emulated, patient,
};
use crate::program::stay_on_one_cpu;

/// Datagrams in a second and direction under which nothing may be lost, where the machine can; some
/// more than the 100,000 that are to be shown.
pub const FULL_RATE: u32 = 120_000;
/// Fewer in a second would prove little.
pub const LEAST_RATE: f64 = 5_000.0;

/// Datagrams are sent in bursts, with this in between.
const BURST: Duration = Duration::from_millis(1);
/// Bytes that the receiving socket holds, so that a receiver which had no processor for a while
/// loses nothing.
const RECEIVE_BUFFER: usize = 64 << 20;
/// How long after the last datagram another one may come; longer in an emulated machine.
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
    /// Numbers that arrived at another receiver than the number before them.
    pub turns: Vec<u64>,
    /// For how long they were sent.
    pub elapsed: Duration,
    bursts: Bursts,
}

impl Numbered {
    /// `times` are, for each receiver, how often each number arrived there.
    fn of(sending: Sending, times: &[Vec<u8>]) -> Self {
        let Sending {
            sent,
            elapsed,
            bursts,
        } = sending;
        let (mut lost, mut repeated, mut turns) = (Vec::new(), Vec::new(), Vec::new());
        let mut last = None;
        for number in 0..sent {
            let at = |times: &Vec<u8>| times.get(number as usize).copied().unwrap_or(0);
            match times.iter().map(|times| u64::from(at(times))).sum() {
                0 => lost.push(number),
                1 => {
                    let place = times.iter().position(|times| at(times) > 0);
                    if last.is_some() && last != place {
                        turns.push(number);
                    }
                    last = place;
                }
                2.. => repeated.push(number),
            }
        }
        Self {
            sent,
            lost,
            repeated,
            turns,
            elapsed,
            bursts,
        }
    }

    /// Datagrams sent in a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.sent as f64 / self.elapsed.as_secs_f64()
    }

    /// How long after the sending began the burst did in which this number was sent.
    #[must_use]
    pub fn sent_at(&self, number: u64) -> Duration {
        let bursts = &self.bursts.0;
        let begun = bursts.partition_point(|(first, _)| *first <= number);
        bursts[..begun].last().map_or(Duration::ZERO, |(_, at)| *at)
    }

    /// Prints how many there were, and fails when one was lost or came again; also when they were
    /// not sent at `least_rate`, since fewer prove little; of an emulated machine less is asked.
    ///
    /// # Errors
    /// Just then: with the first numbers that were lost and that came again, and when within the
    /// sending it was their turn.
    pub fn ensure_all_arrived_once(&self, least_rate: f64) -> Result<()> {
        let Self { sent, .. } = self;
        let least_rate = possible(least_rate);
        println!("{sent} datagrams, {:.0} a second", self.rate());
        ensure!(
            self.lost.is_empty() && self.repeated.is_empty(),
            "of {sent} datagrams, sent in {:.3} s, {} were lost{}, and {} came again{}",
            self.elapsed.as_secs_f64(),
            self.lost.len(),
            self.first(&self.lost),
            self.repeated.len(),
            self.first(&self.repeated)
        );
        ensure!(
            self.rate() > least_rate,
            "{:.0} datagrams a second, which is less than {least_rate}",
            self.rate()
        );
        Ok(())
    }

    /// As many of the numbers as one can read, and when the first of them was sent.
    fn first(&self, numbers: &[u64]) -> String {
        let few = &numbers[..numbers.len().min(20)];
        few.first().map_or_else(String::new, |first| {
            let at = self.sent_at(*first).as_secs_f64();
            format!(", {few:?}, the first sent at {at:.3} s")
        })
    }
}

/// Numbered datagrams as they were sent.
struct Sending {
    /// How many.
    sent: u64,
    /// For how long.
    elapsed: Duration,
    bursts: Bursts,
}

/// Of each burst its first number, and how long after the sending began it did.
#[derive(Clone)]
struct Bursts(Vec<(u64, Duration)>);

impl fmt::Debug for Bursts {
    /// There is one for every millisecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bursts", self.0.len())
    }
}

/// Sends numbered datagrams from one node to another, which has `address`, for as long as
/// `meanwhile` runs: at most `rate` in a second, fewer in an emulated machine, each once.
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
    udp_numbered_to_any(from, &[to], &[address], rate, meanwhile)
}

/// Sends numbered datagrams from each of two containers to the other, over IPv4, for as long as
/// `meanwhile` runs: at most `rate` in a second and direction, fewer in an emulated machine, each
/// once. Returns what became of those of the first container, and of those of the second.
///
/// # Errors
/// When a socket fails, and those of `meanwhile`.
pub fn udp_numbered_both_ways(
    [a, b]: [&Container; 2],
    rate: u32,
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<[Numbered; 2]> {
    let mut there = None;
    let back = udp_numbered(b, a, a.v4(), rate, || {
        there = Some(udp_numbered(a, b, b.v4(), rate, meanwhile)?);
        Ok(())
    })?;
    Ok([there.context("nothing was sent there")?, back])
}

/// Sends numbered datagrams from one node to each of `addresses` in turn, for as long as
/// `meanwhile` runs: at most `rate` in a second, each once. Any node of `to` may get them; they
/// come to the first host in the order of their numbers.
///
/// # Errors
/// When a socket fails, and those of `meanwhile`.
pub fn udp_numbered_to_any(
    from: &Node,
    to: &[&Node],
    addresses: &[IpAddr],
    rate: u32,
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<Numbered> {
    let (receivers, port) = receivers(to)?;
    let targets = addresses.iter().map(|address| (*address, port).into());
    let targets = targets.collect::<Vec<SocketAddr>>();
    let (done, progress) = (AtomicBool::new(false), Progress::default());
    thread::scope(|scope| -> Result<Numbered> {
        let progress = &progress;
        let count = |receiver| scope.spawn(move || count(receiver, progress));
        let counting = receivers.iter().map(count).collect::<Vec<_>>();
        let sending = scope.spawn(|| {
            let result = from.enter(|| send(&targets, rate, &done));
            progress.end(result.as_ref().map_or(0, |sending| sending.sent));
            result
        });
        let ends = Ends(&done);
        let result = meanwhile();
        drop(ends);
        let sending = sending.join().map_err(|_| anyhow!("sender panicked"))??;
        let times = counting
            .into_iter()
            .map(|counting| counting.join().map_err(|_| anyhow!("counter panicked"))?)
            .collect::<Result<Vec<_>>>()?;
        result?;
        Ok(Numbered::of(sending, &times))
    })
    .with_context(|| format!("UDP from {} to {targets:?}", from.name()))
}

/// A socket on each node, for all addresses that it has, and the port of them all.
pub(super) fn receivers(nodes: &[&Node]) -> Result<(Vec<UdpSocket>, u16)> {
    let (mut sockets, mut port) = (Vec::new(), 0);
    for node in nodes {
        let socket = node.enter(|| Ok(UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port))?))?;
        setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER).context("enlarge the receive buffer")?;
        socket.set_read_timeout(Some(patient(STRAGGLING)))?;
        port = socket.local_addr()?.port();
        sockets.push(socket);
    }
    Ok((sockets, port))
}

/// Ends the sending, also where a test fails meanwhile.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// How far sending and receiving have come.
struct Progress {
    /// How many were sent; not known yet while it is the greatest number.
    sent: AtomicU64,
    /// How many arrived at all receivers.
    arrived: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            sent: AtomicU64::new(u64::MAX),
            arrived: AtomicU64::new(0),
        }
    }
}

impl Progress {
    fn end(&self, sent: u64) {
        self.sent.store(sent, Ordering::Release);
    }

    fn has_ended(&self) -> bool {
        self.sent.load(Ordering::Acquire) != u64::MAX
    }

    fn is_complete(&self) -> bool {
        self.arrived.load(Ordering::Acquire) >= self.sent.load(Ordering::Acquire)
    }
}

/// What a machine can do instead of `rate`. Queues of veth's and virtio's drivers hold 256 frames, and an
/// emulated processor has other things to do for longer than a quarter of a second: with a
/// five-hundredth they hold those of a second.
fn possible(rate: f64) -> f64 {
    if is_emulated() { rate / 500.0 } else { rate }
}

/// Sends until `done`. What could not be sent in time is made up for, but not by longer bursts
/// than two usual ones.
fn send(targets: &[SocketAddr], rate: u32, done: &AtomicBool) -> Result<Sending> {
    if targets.len() > 1 {
        // On another CPU a datagram would overtake those before it.
        stay_on_one_cpu()?;
    }
    let mut sender = Sender::to(targets)?;
    let rate = possible(rate.into());
    let due = |time: Duration| (rate * time.as_secs_f64()) as u64;
    let burst = due(BURST * 2).max(1);
    let (mut sent, mut bursts, start) = (0, Vec::new(), Instant::now());
    while !done.load(Ordering::Acquire) {
        let now = start.elapsed();
        bursts.push((sent, now));
        let late = due(now).saturating_sub(sent);
        let end = sent + late.min(burst);
        while sent < end {
            sent += sender.send(sent..end.min(sent + BATCH as u64))?;
        }
        if late <= burst {
            thread::sleep(BURST);
        }
    }
    Ok(Sending {
        sent,
        elapsed: start.elapsed(),
        bursts: Bursts(bursts),
    })
}

/// Counts how often each number arrives here, until all that were sent have arrived somewhere
/// or no more come.
fn count(socket: &UdpSocket, progress: &Progress) -> Result<Vec<u8>> {
    let (mut times, mut receiver) = (Vec::<u8>::new(), Receiver::on(socket));
    while !progress.is_complete() {
        let numbers = receiver.receive()?;
        if numbers.is_empty() && progress.has_ended() {
            break;
        }
        for number in &numbers {
            let number = *number as usize;
            if times.len() <= number {
                times.resize(number + 1, 0);
            }
            times[number] = times[number].saturating_add(1);
        }
        let arrived = numbers.len() as u64;
        progress.arrived.fetch_add(arrived, Ordering::AcqRel);
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_when_the_first_of_the_lost_was_sent() {
        let at = Duration::from_millis;
        let sending = Sending {
            sent: 6,
            elapsed: at(2000),
            // Nothing was due in the second.
            bursts: Bursts(vec![(0, at(0)), (2, at(1)), (2, at(1500)), (5, at(1501))]),
        };
        let numbered = Numbered::of(sending, &[vec![1, 1, 1, 0, 0, 1]]);
        let failure = numbered.ensure_all_arrived_once(0.0).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "of 6 datagrams, sent in 2.000 s, 2 were lost, [3, 4], the first sent at 1.500 s, \
             and 0 came again"
        );
    }

    #[test]
    fn fewer_than_one_a_burst_are_sent_too() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (target, done) = (receiver.local_addr().unwrap(), AtomicBool::new(false));
        let arrives = || {
            receiver.set_read_timeout(Some(patient(Duration::from_secs(10))))?;
            receiver.recv(&mut [0; 64])
        };
        let (sending, arrived) = thread::scope(|scope| {
            let sending = scope.spawn(|| send(&[target], 100, &done));
            let arrived = arrives();
            done.store(true, Ordering::Release);
            (sending.join().unwrap().unwrap(), arrived)
        });
        assert_eq!(arrived.unwrap(), 64);
        assert!(sending.sent > 0);
    }
}

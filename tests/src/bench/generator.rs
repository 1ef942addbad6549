//! Frames made and counted by XDP: no stack at either end, so that what is between them counts.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use aya::{
    Ebpf,
    maps::{Array, MapData, xdp::DevMap},
    programs::{TestRun as _, TestRunAttrs, TestRunOptions, Xdp, XdpMode},
};
use nix::{
    net::if_::if_nametoindex,
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use routemesh_common::bench::{Arrived, CLOCKED, Stream, map_names, programs};
use routemesh_tests::lab::{Node, PATIENCE};

/// The benchmark's own programs, each loaded by those who use it.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench.o"));
/// Frames that the kernel takes at once.
const BATCH: u32 = 64;
/// Bytes of `struct xdp_md`, and where `data_end` and `ingress_ifindex` are in it.
const XDP_MD: usize = 24;
const DATA_END: usize = 4;
const INGRESS_IFINDEX: usize = 12;

/// Sends frames out of an interface of a node, on one processor.
pub(crate) struct Source {
    ebpf: Ebpf,
    node: Node,
    context: [u8; XDP_MD],
    frame: Vec<u8>,
}

impl Source {
    /// A source of frames of that length, in bytes, which `stream` describes.
    ///
    /// # Errors
    /// When the kernel refuses the program.
    pub(crate) fn new(
        node: &Node,
        interface: &str,
        (stream, length): (Stream, usize),
    ) -> Result<Self> {
        let mut ebpf = Ebpf::load(OBJECT).context("load the source")?;
        let mut streams: Array<MapData, Stream> = take(&mut ebpf, map_names::STREAM)?;
        streams.set(0, stream, 0)?;
        program(&mut ebpf, programs::SOURCE)?.load()?;
        let ifindex = node.enter(|| Ok(if_nametoindex(interface)?))?;
        let bytes = stream.head.into_iter().flat_map(u64::to_ne_bytes);
        let mut context = [0; XDP_MD];
        let mut write = |at: usize, number: u32| {
            context[at..at + 4].copy_from_slice(&number.to_ne_bytes());
        };
        write(DATA_END, length as u32);
        write(INGRESS_IFINDEX, ifindex);
        Ok(Self {
            ebpf,
            node: node.clone(),
            context,
            frame: bytes.take(length).collect(),
        })
    }

    /// Sends so many frames.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn send(&self, count: u32) -> Result<()> {
        let program: &Xdp = self
            .ebpf
            .program(programs::SOURCE)
            .context("no source")?
            .try_into()?;
        self.node.enter(|| {
            // What the frames cause runs where they are made, so all of it on one processor.
            let mut one = CpuSet::new();
            one.set(thread::available_parallelism()?.get() - 1)?;
            sched_setaffinity(Pid::from_raw(0), &one)?;
            let options = TestRunOptions {
                data_in: Some(&self.frame),
                ctx_in: Some(&self.context),
                repeat: count,
                attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
                ..TestRunOptions::default()
            };
            program.test_run(options).context("send live frames")?;
            Ok(())
        })
    }
}

/// Counts the frames of a source and drops them.
pub(crate) struct Sink {
    _attached: Ebpf,
    arrived: Array<MapData, Arrived>,
}

impl Sink {
    /// A sink at an interface of a node.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn new(node: &Node, interface: &str, mode: XdpMode) -> Result<Self> {
        let mut ebpf = Ebpf::load(OBJECT).context("load the sink")?;
        attach(&mut ebpf, programs::SINK, (node, interface), mode)?;
        Ok(Self {
            arrived: take(&mut ebpf, map_names::ARRIVED)?,
            _attached: ebpf,
        })
    }

    /// What has come since it was cleared.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub(crate) fn arrived(&self) -> Result<Arrived> {
        Ok(self.arrived.get(&0, 0)?)
    }

    /// Forgets what has come.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub(crate) fn clear(&mut self) -> Result<()> {
        Ok(self.arrived.set(0, Arrived::default(), 0)?)
    }

    /// Waits until `count` frames have come, or no more come.
    ///
    /// # Errors
    /// When the map cannot be read, or a frame came that was not whole.
    pub(crate) fn wait(&self, count: u64) -> Result<Arrived> {
        let begun = Instant::now();
        let mut last = (self.arrived()?, Instant::now());
        while last.0.packets < count && last.1.elapsed() < Duration::from_millis(50) {
            ensure!(begun.elapsed() < PATIENCE, "frames still come");
            let now = self.arrived()?;
            if now.packets > last.0.packets {
                last = (now, Instant::now());
            }
        }
        let broken = last.0.broken;
        ensure!(broken == 0, "{broken} frames arrived with a wrong checksum");
        Ok(last.0)
    }
}

/// What sends every frame on, in the place of routemesh or the kernel.
pub(crate) struct Redirect {
    _programs: Ebpf,
}

impl Redirect {
    /// Sends every frame out of another interface.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn new(node: &Node, interface: &str, out: &str) -> Result<Self> {
        let mut ebpf = Ebpf::load(OBJECT)?;
        let mut ports: DevMap<MapData> = take(&mut ebpf, map_names::OUT)?;
        // The kernel takes the interface for one of the namespace the map is written from.
        node.enter(|| Ok(ports.set(0, if_nametoindex(out)?, None, 0)?))?;
        attach(
            &mut ebpf,
            programs::REDIRECT,
            (node, interface),
            XdpMode::Driver,
        )?;
        Ok(Self { _programs: ebpf })
    }
}

/// A program that does nothing: what the kernel's clock and the call of a program take.
pub(crate) struct Idle(Ebpf);

impl Idle {
    /// The program, loaded.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn new() -> Result<Self> {
        let mut ebpf = Ebpf::load(OBJECT).context("load the idle program")?;
        program(&mut ebpf, programs::IDLE)?.load()?;
        Ok(Self(ebpf))
    }

    /// Runs it once; returns how long that took.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn run(&self) -> Result<Duration> {
        let program = self.0.program(programs::IDLE).context("no idle program")?;
        let program: &Xdp = program.try_into()?;
        let options = TestRunOptions {
            data_in: Some(&[0; 60]),
            ..TestRunOptions::default()
        };
        Ok(program.test_run(options)?.duration)
    }
}

fn attach(
    ebpf: &mut Ebpf,
    name: &str,
    (node, interface): (&Node, &str),
    mode: XdpMode,
) -> Result<()> {
    let program = program(ebpf, name)?;
    program.load()?;
    node.enter(|| {
        program
            .attach(interface, mode)
            .with_context(|| format!("attach {name} to {interface}"))?;
        Ok(())
    })
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp> {
    let program = ebpf.program_mut(name).context("no such program")?;
    Ok(program.try_into()?)
}

fn take<T: TryFrom<aya::maps::Map, Error = aya::maps::MapError>>(
    ebpf: &mut Ebpf,
    name: &str,
) -> Result<T> {
    let map = ebpf
        .take_map(name)
        .with_context(|| format!("no map {name}"))?;
    Ok(map.try_into()?)
}

/// Nanoseconds from one frame to the next, from the first to the last that the sink looked at the
/// clock for. By the sink's clock, since the kernel takes as long to begin and to end as it takes
/// to send thousands, and since some of the work may be left to a thread of the kernel's.
pub(crate) fn interval(arrived: &Arrived) -> f64 {
    let clocked = arrived.packets - arrived.packets % CLOCKED;
    arrived.last.saturating_sub(arrived.first) as f64 / clocked.saturating_sub(1) as f64
}

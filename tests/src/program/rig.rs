//! A namespace with interfaces, the programs loaded, and the default world in their maps.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::PathBuf,
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use anyhow::{Context, Result, ensure};
use nix::{
    net::if_::if_nametoindex,
    sched::{CloneFlags, CpuSet, sched_getcpu, sched_setaffinity, unshare},
    unistd::Pid,
};
use routemesh::{
    datapath::{Arrival, Datapath, Hook, Run, detach_all},
    reconcile::fib::{Change, Fib, Step, slots},
};
use routemesh_common::{Counter, Outcome, Route};

use super::world;

/// Routes a rig has room for.
const ROUTES: u32 = 1024;

/// Where a frame comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// tc of the first uplink.
    Uplink,
    /// XDP of the first uplink.
    UplinkXdp,
    /// tc of the containers' bridge.
    Docker,
    /// tc of one of its ports.
    Port,
    /// tc of an interface that has no addresses, with the first uplink's MAC.
    Bare,
    /// tc of an interface that no map describes.
    Unknown,
    /// XDP of an interface that no map describes.
    UnknownXdp,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Uplink,
        Self::UplinkXdp,
        Self::Docker,
        Self::Port,
        Self::Bare,
        Self::Unknown,
        Self::UnknownXdp,
    ];
    /// Those that are entries of the map of interfaces, one for each interface.
    pub(super) const DESCRIBED: [Self; 4] = [Self::Uplink, Self::Docker, Self::Port, Self::Bare];

    /// The interface's name.
    #[must_use]
    pub fn interface(self) -> &'static str {
        match self {
            Self::Uplink | Self::UplinkXdp => "eth0",
            Self::Docker => "docker0",
            Self::Port => "port0",
            Self::Bare => "bare0",
            Self::Unknown | Self::UnknownXdp => "unknown0",
        }
    }

    /// Its index in the thread's namespace.
    #[must_use]
    pub fn ifindex(self) -> u32 {
        ifindex(self.interface())
    }

    /// The hook.
    #[must_use]
    pub fn hook(self) -> Hook {
        match self {
            Self::UplinkXdp | Self::UnknownXdp => Hook::Xdp,
            Self::Uplink | Self::Docker | Self::Port | Self::Bare | Self::Unknown => Hook::Tc,
        }
    }

    /// Its row of outcome counters.
    #[must_use]
    pub fn row(self) -> u32 {
        match self {
            Self::Unknown => 0,
            Self::UnknownXdp => 1,
            Self::Uplink => 2,
            Self::UplinkXdp => 3,
            Self::Docker => 4,
            Self::Port => 6,
            Self::Bare => 8,
        }
    }
}

/// What was counted, as far as it is not zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By row and number of the outcome: its label, packets and bytes.
    pub outcomes: BTreeMap<(u32, u8), (&'static str, u64, u64)>,
    /// By slot: packets and bytes.
    pub routes: BTreeMap<u32, (u64, u64)>,
}

impl Counts {
    /// Counts one packet.
    pub fn outcome(&mut self, place: Place, outcome: Outcome, bytes: usize) {
        let key = (place.row(), outcome as u8);
        let (_, packets, sum) = self.outcomes.entry(key).or_insert((outcome.label(), 0, 0));
        *packets += 1;
        *sum += bytes as u64;
    }

    /// Counts one packet of a route.
    pub fn route(&mut self, slot: u32, bytes: usize) {
        let (packets, sum) = self.routes.entry(slot).or_default();
        *packets += 1;
        *sum += bytes as u64;
    }

    /// Packets that ended, in whatever outcome.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.outcomes.values().map(|(_, packets, _)| packets).sum()
    }

    /// What was counted since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut moved = self.clone();
        for (key, (_, packets, bytes)) in &before.outcomes {
            if let Some(now) = moved.outcomes.get_mut(key) {
                now.1 -= packets;
                now.2 -= bytes;
            }
        }
        for (slot, (packets, bytes)) in &before.routes {
            if let Some(now) = moved.routes.get_mut(slot) {
                now.0 -= packets;
                now.1 -= bytes;
            }
        }
        moved.outcomes.retain(|_, now| now.1 > 0);
        moved.routes.retain(|_, now| now.0 > 0);
        moved
    }
}

/// The programs and their maps, in a namespace that is the thread's own.
pub struct Rig {
    /// The programs. Maps may be changed through it.
    pub datapath: Datapath,
    /// The routes in them.
    pub fib: Fib,
    /// The counters of the routes, by the slots of their records.
    pub(super) counters: BTreeMap<u32, u32>,
    directory: Directory,
}

/// Runs `work` with a rig, on a thread with a namespace of its own and on one CPU, which the
/// rate of ICMP errors is counted on.
///
/// # Panics
/// When the rig cannot be made, which without root it cannot, and when `work` does.
pub fn in_rig<T: Send>(work: impl FnOnce(&mut Rig) -> T + Send) -> T {
    let done = thread::scope(|scope| {
        let thread = scope.spawn(|| work(&mut Rig::new().expect("make a rig")));
        thread.join()
    });
    match done {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

impl Rig {
    fn new() -> Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET).context("make a network namespace: run as root")?;
        stay_on_one_cpu()?;
        ip_batch(world::INTERFACES)?;
        let directory = Directory::new();
        let mut datapath = Datapath::load(&directory.0, ROUTES, false)?;
        datapath.load_programs(true)?;
        world::fill(&mut datapath)?;
        let mut rig = Self {
            datapath,
            fib: Fib::new(ROUTES),
            counters: BTreeMap::new(),
            directory,
        };
        let mut routes = world::routes();
        routes.sort_by_key(|route| route.dst);
        rig.change_routes(&routes);
        Ok(rig)
    }

    /// Runs a program on a frame; `segment` is as in [`Arrival`].
    ///
    /// # Errors
    /// When the kernel refuses to.
    pub fn run(&self, place: Place, frame: &[u8], segment: u32) -> Result<Run> {
        let arrival = Arrival {
            ifindex: place.ifindex(),
            segment,
        };
        self.datapath.test_run(place.hook(), frame, arrival)
    }

    /// Changes routes, all at once; they have the counters that stand there.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn change_routes(&mut self, changes: &[Change]) {
        let steps = self.fib.stage(changes);
        let staged = self.counted(&steps, changes);
        let epoch = self.datapath.change_routes(&staged).expect("change routes");
        self.fib.commit(&steps, epoch);
        self.tidy(epoch);
    }

    /// The steps to be staged for `steps`, with the counters that stand in `changes` in place of
    /// those of the records.
    pub fn counted(&mut self, steps: &[Step], changes: &[Change]) -> Vec<Step> {
        let before = self.counters.clone();
        for (place, _) in steps.iter().filter_map(Step::answer) {
            let change = changes.iter().find(|change| change.dst == place.dst);
            if let Some(route) = change.and_then(|change| change.route) {
                self.counters.insert(place.slot, route.counter);
            }
        }
        let counted = |route: Route, counters: &BTreeMap<u32, u32>| Route {
            counter: counters.get(&route.counter).copied().unwrap_or_default(),
            ..route
        };
        let step = |step: &Step| match *step {
            Step::Index(_) | Step::Nest(_) => *step,
            Step::Answer(place, after) => Step::Answer(place, counted(after, &self.counters)),
            Step::Add {
                place,
                before: answer,
                after,
                within,
                alone,
            } => Step::Add {
                place,
                before: counted(answer, &before),
                after: counted(after, &self.counters),
                within,
                alone,
            },
        };
        steps.iter().map(step).collect()
    }

    /// Removes what no packet needs since `epoch`. None is under way: there are none but this
    /// thread's.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn tidy(&mut self, epoch: u64) {
        self.datapath.routes_settled(epoch);
        let removable = self.fib.removable(epoch);
        for place in &removable {
            self.datapath.remove_route(*place).expect("remove a route");
        }
        self.fib.removed(&removable, epoch);
        self.fib.release(epoch);
    }

    /// All that was counted so far.
    ///
    /// # Panics
    /// When the counters cannot be read.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for reading in self.datapath.outcomes().expect("read the outcomes") {
            let Counter { packets, bytes } = reading.counter;
            counts.outcomes.insert(
                (reading.row, reading.outcome as u8),
                (reading.outcome.label(), packets, bytes),
            );
        }
        let routes = self.datapath.route_counters().expect("read the routes");
        for slot in 0..slots(ROUTES) {
            let Counter { packets, bytes } = routes.of(slot);
            if packets > 0 {
                counts.routes.insert(slot, (packets, bytes));
            }
        }
        counts
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let removed = detach_all(&self.directory.0);
        if !thread::panicking() {
            removed.expect("remove the rig's directory");
        }
    }
}

/// A directory of the BPF file system that no other rig has.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static RIGS: AtomicU32 = AtomicU32::new(0);
        let number = RIGS.fetch_add(1, Ordering::Relaxed);
        let name = format!("routemesh-rig-{}-{number}", process::id());
        Self(PathBuf::from("/sys/fs/bpf").join(name))
    }
}

/// The interface's index in the thread's namespace.
pub(super) fn ifindex(name: &str) -> u32 {
    if_nametoindex(name).expect("an interface of the rig")
}

/// Stays where the thread is: test runs on other CPUs would be counted there.
pub(crate) fn stay_on_one_cpu() -> Result<()> {
    let mut here = CpuSet::new();
    here.set(sched_getcpu()?)?;
    sched_setaffinity(Pid::from_raw(0), &here).context("stay on one CPU")
}

fn ip_batch(commands: &str) -> Result<()> {
    let mut ip = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .context("run ip")?;
    let mut input = ip.stdin.take().context("write to ip")?;
    input.write_all(commands.as_bytes())?;
    drop(input);
    let status = ip.wait()?;
    ensure!(status.success(), "ip ended with {status}");
    Ok(())
}

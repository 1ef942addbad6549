//! The moment that a daemon is killed at.

use std::{
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use aya::maps::{Array, Map, MapData};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use routemesh_common::{RouteRecord, TableState, map_names};
use routemesh_tests::{
    chance::Chance,
    lab::{Call, Of, PATIENCE, Process, Routemesh, eventually, pinned_maps},
};

/// What calls a daemon changes the kernel's state by, and those about its files; one of how many,
/// from which on.
const CALLS: [(&str, Of, usize, usize); 15] = [
    ("bpf", Of::All, 1, 120),
    ("bpf", Of::All, 35, 170),
    ("mmap", Of::All, 40, 120),
    ("munmap", Of::All, 1, 50),
    ("mkdir", Of::All, 1, 5),
    ("unlinkat", Of::All, 1, 18),
    ("sendto", Of::All, 1, 30),
    ("membarrier", Of::All, 1, 5),
    ("rename", Of::All, 1, 6),
    ("openat", Of::Files, 1, 30),
    ("write", Of::Files, 1, 30),
    ("write", Of::Files, 1, 30),
    ("fsync", Of::Files, 1, 12),
    ("linkat", Of::Files, 1, 2),
    ("unlink", Of::Files, 1, 3),
];

/// How often it is looked whether a batch has begun, or is in force.
const GLANCE: Duration = Duration::from_micros(50);

/// When a life is to end.
#[derive(Clone, Debug)]
pub(crate) enum Moment {
    /// In the place of a call into the kernel.
    At(Call),
    /// So long after a batch began to be written down, whatever is done then.
    After(Duration),
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(call) => write!(f, "at {call}"),
            Self::After(time) => write!(f, "{time:?} after a batch was begun"),
        }
    }
}

impl Moment {
    /// One time in three by the clock, about when a batch is in force that takes `batch` for that.
    pub(crate) fn by_chance(chance: &mut Chance, batch: Duration) -> Self {
        if chance.below(3) == 0 {
            // The stores are the last of it; what comes first, as it is written down, has calls.
            let more = chance.below(batch.as_micros() as usize / 2 + 1);
            return Self::After(batch * 3 / 4 + Duration::from_micros(more as u64));
        }
        let (kind, of, first, count) = *chance.pick(&CALLS);
        Self::At(Call {
            kind,
            number: first + chance.below(count),
            of,
        })
    }
}

/// Kills the daemon `delay` after it began to write down the batch that `work` has it take.
pub(crate) fn kill_within<T>(
    daemon: &Routemesh,
    delay: Duration,
    work: impl FnOnce() -> T,
) -> Result<T> {
    let pid = daemon.pid().context("no daemon")?;
    let killed = || {
        thread::sleep(delay);
        // It may have ended for a reason of its own, which its exit status tells.
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
    };
    Ok(once_begun(daemon, work, |_| killed()).0)
}

/// Kills the daemon in the place of the next call of that kind, which `work` has it make.
pub(crate) fn kill_at_next<T>(
    daemon: &Routemesh,
    kind: &str,
    work: impl FnOnce() -> T,
) -> Result<T> {
    let pid = daemon.pid().context("no daemon")?.to_string();
    let told = daemon.folder().join("strace");
    let _strace = Process::spawn(
        Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-p", &pid])
            .args(["-e", &format!("trace={kind}")])
            .args(["-e", &format!("inject={kind}:signal=SIGKILL:when=1")])
            .stderr(File::create(&told)?),
    )?;
    eventually("strace", PATIENCE, || {
        let told = fs::read_to_string(&told)?;
        ensure!(told.contains("attached"), "{told}");
        Ok(())
    })?;
    Ok(work())
}

/// How long it takes from there until the batch that `work` has the daemon take is in force.
pub(crate) fn measure<T>(daemon: &Routemesh, work: impl FnOnce() -> T) -> Result<(T, Duration)> {
    let state = pins_of(daemon.bpffs(), map_names::TABLE_STATE)?;
    let state: Array<MapData, TableState> = open(state.first().context("no table")?)?;
    let epoch = || state.get(&0, 0).map_or(0, |state| state.epoch);
    let flipped = |done: &AtomicBool| {
        let (before, begun) = (epoch(), Instant::now());
        while epoch() == before && !done.load(Ordering::Acquire) {
            thread::sleep(GLANCE);
        }
        begun.elapsed()
    };
    Ok(once_begun(daemon, work, flipped))
}

/// Does `work`, and `then` beside it when the daemon begins to write down a batch of routes, or all
/// is done, which it is told of.
fn once_begun<T, R: Send>(
    daemon: &Routemesh,
    work: impl FnOnce() -> T,
    then: impl FnOnce(&AtomicBool) -> R + Send,
) -> (T, R) {
    let journal = daemon.journal();
    let size = || fs::metadata(&journal).map_or(0, |found| found.len());
    let (before, done) = (size(), AtomicBool::new(false));
    thread::scope(|scope| {
        let beside = scope.spawn(|| {
            while size() == before && !done.load(Ordering::Acquire) {
                thread::sleep(GLANCE);
            }
            then(&done)
        });
        let result = work();
        done.store(true, Ordering::Release);
        (result, beside.join().expect("it does not panic"))
    })
}

/// How many answers of the tables under `bpffs` are staged for an epoch that has not come: where
/// there are some, the daemon was killed between two stores.
pub(crate) fn staged(bpffs: &Path) -> Result<usize> {
    let mut count = 0;
    for pin in pins_of(bpffs, map_names::ROUTE_RECORDS)? {
        let set = pin.parent().context("a pin is in a folder")?;
        let states = pins_of(set, map_names::TABLE_STATE)?;
        let Some(state) = states.first() else {
            continue;
        };
        let TableState { epoch, .. } = open(state)?.get(&0, 0)?;
        let records: Array<MapData, RouteRecord> = open(&pin)?;
        for record in records.iter() {
            let record = record?;
            count += usize::from(record.found_by != 0 && record.state >> 1 > epoch);
        }
    }
    Ok(count)
}

fn pins_of(folder: &Path, map: &str) -> Result<Vec<PathBuf>> {
    let named = |pin: &PathBuf| {
        let name = pin.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&format!("{map}-"))
    };
    Ok(pinned_maps(folder)?.into_keys().filter(named).collect())
}

fn open<T: aya::Pod>(pin: &Path) -> Result<Array<MapData, T>> {
    let map = MapData::from_pin(pin).with_context(|| format!("open {}", pin.display()))?;
    Ok(Map::Array(map).try_into()?)
}

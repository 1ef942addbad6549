//! The daemon's process: start, events, signals, end.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use super::{
    Daemon, Origin, heap,
    settle::settle,
    supervisor::{self, Supervisor},
    trial::{self, Trials},
    tunnels,
};
use crate::{
    api::{Control as _, SharedControl},
    config::Config,
    datapath::{self, Datapath, KernelLog},
    model::World,
    netlink::Follower,
    server,
    store::{self, Journal},
};

/// How often the kernel is compared with what is desired, come what may, and asked whether the
/// next hops still have the MACs they had.
const ROUND: Duration = Duration::from_secs(15);

/// How often the kernel is asked for neighbours that it has forgotten.
const ASKING: Duration = Duration::from_millis(500);

/// For how long packets go by the MACs that a daemon left behind: longer than one that lives
/// takes to say that it does.
const FOLLOWED: Duration = ROUND.saturating_mul(3);

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the configuration comes from.
    pub origin: Origin,
    /// The control socket.
    pub socket: PathBuf,
    /// The directory in the BPF file system to pin in.
    pub bpffs: PathBuf,
    /// Whether to take everything out of the kernel at the end. Otherwise forwarding goes on.
    pub detach_on_exit: bool,
    /// Whether the kernel programs log what should not happen.
    pub bpf_log: bool,
    /// Whether to end as soon as the configuration is in force: see [`super::guard`].
    pub is_guard: bool,
}

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
/// What keeps it from starting: a bad configuration, a socket that is taken, a kernel that
/// refuses. What goes wrong later is logged and tried again.
pub fn run(options: &Options) -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?
        .block_on(serve(options))
}

async fn serve(options: &Options) -> Result<()> {
    let (config, trial) = trial::configuration(&options.origin)?;
    let listener = server::bind(&options.socket)?;
    let made = listener.made_directory().map(Path::to_owned);
    let signals = Signals::listen()?;
    let metrics = match config.metrics {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let (journal, routes) = Journal::open(&options.socket)?;
    let ends = tunnels::ends_of(&config.routes, &routes);
    let (follower, world) = Follower::start(ends).await?;
    if options.origin.is_used() {
        warn_of_problems(&config, &world);
    }
    let mut datapath = Datapath::load(&options.bpffs, config.limits.routes, options.bpf_log)?;
    let kernel_log = if options.bpf_log {
        Some(datapath.kernel_log()?)
    } else {
        None
    };
    let mut daemon = Daemon::new(options.origin.clone(), config, world, datapath, journal)?;
    daemon.load_programs()?;
    daemon.take_over(routes);
    daemon.trials = Trials::new(options);
    daemon.sync();
    daemon.take_up(trial);
    let daemon = Arc::new(Mutex::new(daemon));
    announce(&lock(&daemon));
    heap::trim();

    let control: SharedControl = daemon.clone();
    let ended = tokio::select! {
        () = server::serve(listener, Arc::clone(&control)) => Ok(()),
        () = serve_metrics(metrics, control) => Ok(()),
        () = follow_log(kernel_log) => Ok(()),
        () = settle(&daemon) => Ok(()),
        result = follow(&daemon, follower, signals) => result,
        () = trial::settled(&daemon), if options.is_guard => Ok(()),
    };
    supervisor::stopping();
    if options.detach_on_exit {
        lock(&daemon).trials.dismiss_guard();
        datapath::detach_all(&options.bpffs)?;
        store::forget(&options.socket)?;
        // It stays where others have put something there.
        if let Some(directory) = made {
            let _ = fs::remove_dir(directory);
        }
        tracing::info!("everything of routemesh is out of the kernel");
    } else {
        tracing::info!("forwarding goes on without the daemon; 'routemesh detach --all' ends it");
    }
    ended
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("metrics: listen on {address}"))
}

async fn serve_metrics(listener: Option<TcpListener>, control: SharedControl) {
    match listener {
        Some(listener) => server::serve_metrics(listener, control).await,
        None => std::future::pending().await,
    }
}

async fn follow_log(log: Option<KernelLog>) {
    if let Some(log) = log {
        log.run().await;
    }
    std::future::pending().await
}

/// At the start an interface may be missing that comes later, so what does not fit the host is
/// said, and waited for. (Of the embedded default nobody claimed that it fits.)
fn warn_of_problems(config: &Config, world: &World) {
    if let Some(report) = config.problems(world) {
        tracing::warn!("going on without what this host lacks as yet:\n{report}");
    }
}

fn announce(daemon: &Daemon) {
    let status = daemon.status();
    for link in &status.links {
        let mode = if link.mode.is_empty() {
            &link.state
        } else {
            &link.mode
        };
        tracing::info!("{}: {mode}", link.ifname);
    }
    tracing::info!("ready: {} routes", status.routes.file);
    supervisor::ready();
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let on = |kind| signal(kind).context("listen for signals");
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: on(SignalKind::hangup())?,
        })
    }
}

/// Follows the world until told to end.
async fn follow(
    daemon: &Mutex<Daemon>,
    mut follower: Follower,
    mut signals: Signals,
) -> Result<()> {
    let mut round = interval(ROUND);
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let edited = Arc::clone(&lock(daemon).edited);
    let mut asked = BTreeSet::new();
    let mut supervisor = Supervisor::of_environment();
    loop {
        supervisor.status(lock(daemon).summary());
        let trial = lock(daemon).trials.left();
        lock(daemon).datapath.follow_neighbours_for(FOLLOWED)?;
        let forgotten = (!lock(daemon).forgotten.is_empty()).then_some(ASKING);
        tokio::select! {
            () = supervisor.beat() => continue,
            () = passed(trial) => lock(daemon).end_trial(),
            () = passed(forgotten) => lock(daemon).recall_forgotten(),
            _ = signals.interrupt.recv() => return Ok(()),
            _ = signals.terminate.recv() => return Ok(()),
            _ = signals.hangup.recv() => reload(daemon),
            changed = follower.changed() => match changed {
                Ok(world) => lock(daemon).set_world(world),
                Err(error) => follower = restarted(daemon, &error).await?,
            },
            // What follows has the new next hops looked up.
            () = edited.notified() => {}
            _ = round.tick() => {
                lock(daemon).sync();
                asked.clear();
            }
        }
        follower.watch(lock(daemon).tunnel_ends());
        asked = resolve(daemon, &follower, &asked).await;
    }
}

/// Waits until a time is over; without one, for ever.
async fn passed(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Another follower in place of one whose socket failed.
async fn restarted(daemon: &Mutex<Daemon>, error: &anyhow::Error) -> Result<Follower> {
    tracing::warn!("{error:#}; starting over");
    let ends = lock(daemon).tunnel_ends();
    let (follower, world) = Follower::start(ends).await?;
    lock(daemon).set_world(world);
    Ok(follower)
}

fn reload(daemon: &Mutex<Daemon>) {
    match lock(daemon).reload() {
        Ok(reloaded) => {
            tracing::info!("reloaded: routes {}", reloaded.routes);
            for setting in reloaded.restart_needed {
                tracing::warn!("{setting}: changed; takes effect at the next start");
            }
        }
        Err(error) => tracing::error!("the old configuration stays in force:\n{error}"),
    }
}

/// Has the kernel find the MACs of next hops, and of all that it has forgotten, and has bridges learn
/// anew where containers are. Those `asked` for were looked for already; the answer is all next hops
/// that were by now.
async fn resolve(
    daemon: &Mutex<Daemon>,
    follower: &Follower,
    asked: &BTreeSet<(u32, IpAddr)>,
) -> BTreeSet<(u32, IpAddr)> {
    let (wanted, missed, strayed) = {
        let daemon = lock(daemon);
        (daemon.stations(), daemon.missed(), daemon.strayed())
    };
    let new: BTreeSet<_> = wanted.difference(asked).copied().collect();
    for (ifindex, address) in new.union(&missed) {
        if let Err(error) = follower.resolve(*ifindex, *address).await {
            tracing::debug!("resolve {address}: {error:#}");
        }
    }
    for (bridge, address, mac) in strayed {
        if let Err(error) = follower.probe(bridge, address, mac).await {
            tracing::debug!("probe {address}: {error:#}");
        }
    }
    wanted
}

/// A panic while the lock was held left no half-done change that the next round does not mend.
pub(super) fn lock(daemon: &Mutex<Daemon>) -> MutexGuard<'_, Daemon> {
    daemon.lock().unwrap_or_else(PoisonError::into_inner)
}

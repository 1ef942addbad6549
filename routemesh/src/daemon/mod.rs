//! The daemon: joins configuration, world, clients and kernel.
//!
//! All that is known lives in one [`Daemon`]. Whatever happens (an event, a request, a timer),
//! it notes what is now desired and calls `Daemon::sync`, which brings the kernel there.

mod apply;
mod control;
mod edit;
mod forgotten;
mod heap;
mod run;
mod settle;
mod supervisor;
mod sync;
mod trial;
mod tunnels;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
    sync::Arc,
    time::{Instant, SystemTime},
};

use anyhow::{Context as _, Result};
use routemesh_common::{NetworkId, NetworkUse, NextHop, TunnelSettings};
use tokio::sync::Notify;

use crate::{
    config::Config,
    datapath::{Attached, Datapath, Hook},
    model::{Mac, Uplink, World},
    reconcile::{
        hops::{Underlay, Unreachable},
        plan::{Plan, Rows},
        table::Table,
    },
    store::Journal,
};
use forgotten::Forgotten;
use trial::Trials;

pub use run::{Options, run};
pub use trial::guard;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// Whether it must exist. Where it need not and does not, the one built in is taken.
    pub required: bool,
    /// Uplinks named on the command line, which come before the file's.
    pub uplinks: Vec<Uplink>,
}

impl Origin {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self) -> Result<Config> {
        self.overridden(if self.is_used() {
            Config::load(&self.file)?
        } else {
            Config::embedded()
        })
    }

    /// The configuration that `text` writes; `name` stands for the file in what is reported.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(&self, text: &str, name: &str) -> Result<Config> {
        self.overridden(Config::parse(text, name)?)
    }

    fn overridden(&self, mut config: Config) -> Result<Config> {
        if !self.uplinks.is_empty() {
            config
                .override_uplinks(self.uplinks.clone())
                .context("--uplink")?;
        }
        Ok(config)
    }

    /// Whether the configuration is the file's, and not the one built in.
    fn is_used(&self) -> bool {
        self.required || self.file.exists()
    }

    fn name(&self) -> Option<String> {
        self.is_used().then(|| self.file.display().to_string())
    }
}

/// All that is known, and the way to the kernel.
pub struct Daemon {
    origin: Origin,
    config: Config,
    /// What the kernel said last, with the neighbours it has just forgotten.
    world: Arc<World>,
    /// The same without them.
    told: Arc<World>,
    forgotten: Forgotten,
    datapath: Datapath,
    /// Fixed when the maps were made.
    route_limit: u32,
    rows: Rows,
    plan: Plan,
    /// What of the plan is in the kernel.
    actual: Actual,
    table: Table,
    journal: Journal,
    trials: Trials,
    /// Where the next hop in each slot leads; what is reachable is in the kernel.
    hops: BTreeMap<u32, Result<NextHop, Unreachable>>,
    /// Next hops of a daemon before, that have not been recognized yet.
    found_hops: BTreeMap<u32, NextHop>,
    started: Started,
    rounds: Rounds,
    generation: u64,
    /// Told when clients changed routes: their next hops may be new.
    edited: Arc<Notify>,
    /// Told when routes changed in the kernel: there may be something to tidy up.
    changed: Arc<Notify>,
}

/// What of a [`Plan`] is in the kernel.
#[derive(Default)]
struct Actual {
    interfaces: BTreeMap<u32, routemesh_common::Interface>,
    endpoints: BTreeMap<IpAddr, routemesh_common::Endpoint>,
    /// Underlay addresses that tunnel packets are accepted from.
    peers: BTreeSet<IpAddr>,
    /// Networks that tunnel packets are accepted of.
    networks: BTreeMap<NetworkId, NetworkUse>,
    tunnel: Option<TunnelSettings>,
    attached: BTreeMap<(u32, Hook), Attached>,
    /// Why a hook could not be had; it is tried again when the interface is made anew, or its
    /// mode is changed.
    refused: BTreeMap<(u32, Hook), String>,
    tx_ports: BTreeSet<u32>,
    sockets: Sockets,
}

/// Whether the sockets of this host's processes are guarded.
#[derive(Default)]
enum Sockets {
    /// It is not known: an earlier daemon may have left a guard.
    #[default]
    Unknown,
    Guarded,
    Free,
    /// The guard could not be had, and why; it is not tried again.
    Refused(String),
}

struct Started {
    at: Instant,
    clock: SystemTime,
}

/// How reconciling went so far.
#[derive(Default)]
struct Rounds {
    done: u64,
    incomplete: u64,
    last_seconds: f64,
    /// What the last round left undone, said once.
    undone: Vec<String>,
}

impl Daemon {
    /// Takes a configuration and a loaded datapath, with what that knows from a daemon before.
    /// Nothing is attached before the first [`Self::sync`].
    ///
    /// # Errors
    /// When the maps cannot be read.
    fn new(
        origin: Origin,
        config: Config,
        world: Arc<World>,
        mut datapath: Datapath,
        journal: Journal,
    ) -> Result<Self> {
        let contents = datapath.contents()?;
        let rows = Rows::found(&contents.interfaces, &world);
        let mut table = Table::new(config.limits.routes);
        let epoch = datapath.route_epoch();
        table.take_over(&contents.routes, &contents.indexed, epoch);
        table.set_file(&config.routes);
        datapath.clear_other_counters(&contents.records(), |row| rows.is_in_use(row))?;
        Ok(Self {
            origin,
            route_limit: config.limits.routes,
            config,
            told: Arc::clone(&world),
            world,
            forgotten: Forgotten::default(),
            datapath,
            rows,
            plan: Plan::default(),
            actual: Actual {
                interfaces: contents.interfaces,
                endpoints: contents.endpoints,
                peers: contents.peers,
                networks: contents.networks,
                tunnel: Some(contents.tunnel),
                tx_ports: contents.tx_ports,
                ..Actual::default()
            },
            table,
            journal,
            trials: Trials::default(),
            hops: BTreeMap::new(),
            found_hops: contents.next_hops,
            started: Started {
                at: Instant::now(),
                clock: SystemTime::now(),
            },
            rounds: Rounds::default(),
            generation: 0,
            edited: Arc::default(),
            changed: Arc::default(),
        })
    }

    /// What next hops are resolved against.
    fn underlay(&self) -> Underlay<'_> {
        Underlay {
            uplinks: &self.plan.uplinks,
            tunnel: &self.config.tunnel,
            world: &self.world,
        }
    }

    /// Takes the world as it is now, and brings the kernel there.
    fn set_world(&mut self, world: Arc<World>) {
        self.told = Arc::clone(&world);
        self.world = self.forgotten.recall(&self.world, world, Instant::now());
        self.sync();
    }

    /// Neighbours that packets go to, of which the kernel knows no more.
    fn missed(&self) -> BTreeSet<(u32, IpAddr)> {
        let stations = self.stations();
        let endpoints = &self.plan.endpoints;
        let keys = self.forgotten.neighbours();
        keys.filter(|key| stations.contains(key) || endpoints.contains_key(&key.1))
            .collect()
    }

    /// Containers of which the kernel does not know, or knows no more, behind which port they are.
    fn strayed(&self) -> Vec<(u32, IpAddr, Mac)> {
        self.forgotten.strayed(&self.told, &self.plan)
    }

    /// Neighbours that may be gone are believed to be, some time.
    fn recall_forgotten(&mut self) {
        self.set_world(Arc::clone(&self.told));
    }
}

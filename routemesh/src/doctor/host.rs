//! What checks look at: the configuration, and the host as it is now.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use routemesh_common::NextHop;
use tokio::time::timeout_at;

use super::{Finding, Options};
use crate::{
    config::Config,
    datapath::probe,
    model::{Interface, Mode, Uplink, World, unmapped},
    netlink::Follower,
    reconcile::hops::{HopKey, Underlay, Unreachable, resolve},
};

/// How long neighbours may take to answer: longer than the kernel asks, three times a second.
const NEIGHBOURS: Duration = Duration::from_secs(4);

/// The configuration and the host.
pub struct Host {
    /// The configuration; where the file cannot be used, the one built in.
    pub(super) config: Config,
    /// What is wrong with the file.
    report: Option<String>,
    pub(super) world: Arc<World>,
    pub(super) uplinks: Vec<Uplink>,
    /// Every next hop of the configuration, and where it leads.
    pub(super) hops: Vec<(HopKey, Result<NextHop, Unreachable>)>,
    pub(super) bpffs: PathBuf,
    /// Whether drivers are tried that may take their links down for that.
    pub(super) try_xdp: bool,
    pub(super) missing_capabilities: Vec<&'static str>,
}

impl Host {
    /// Looks at everything once. The kernel asks for its neighbours meanwhile.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(super) fn look(options: &Options) -> Result<Self> {
        let (config, report) = match options.config.as_deref().map(Config::load) {
            None => (Config::embedded(), None),
            Some(Ok(config)) => (config, None),
            Some(Err(report)) => (Config::embedded(), Some(report.to_string())),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start the runtime")?;
        let keys: BTreeSet<HopKey> = config.routes.iter().filter_map(HopKey::of).collect();
        let world = runtime.block_on(world(&config, &keys))?;
        let report = match (report, &options.config) {
            (None, Some(_)) => config.problems(&world).map(|report| report.to_string()),
            (report, _) => report,
        };
        Ok(Self {
            uplinks: config.uplinks_in(&world),
            hops: resolved(&config, &keys, &world),
            bpffs: options.bpffs.clone(),
            try_xdp: options.try_xdp,
            missing_capabilities: probe::missing_capabilities()?,
            config,
            report,
            world,
        })
    }

    pub(super) fn is_capable(&self) -> bool {
        self.missing_capabilities.is_empty()
    }

    /// The uplinks that exist.
    pub(super) fn uplink_interfaces(&self) -> impl Iterator<Item = (&Uplink, &Interface)> {
        self.uplinks.iter().filter_map(|uplink| {
            let interface = self.world.interface(&uplink.interface)?;
            Some((uplink, interface))
        })
    }

    /// The container networks' interfaces that exist.
    pub(super) fn network_interfaces(&self) -> impl Iterator<Item = &Interface> {
        let networks = self.config.networks.iter();
        networks.filter_map(|network| self.world.interface(&network.interface))
    }

    /// Next hops that lead somewhere.
    pub(super) fn reachable(&self) -> impl Iterator<Item = &NextHop> {
        self.hops.iter().filter_map(|(_, hop)| hop.as_ref().ok())
    }
}

/// The file, as `config check` has it.
#[expect(
    clippy::unnecessary_wraps,
    reason = "one of a table of checks that may fail"
)]
pub(super) fn configuration(host: &Host) -> Result<Vec<Finding>> {
    let finding = |report: &String| {
        Finding::error(
            format!("the configuration cannot be used as it is:\n{report}"),
            "the daemon does not start with a bad file, and goes on without what the host lacks",
            "change the file as it says, until 'routemesh config check' is content",
        )
    };
    Ok(host.report.iter().map(finding).collect())
}

async fn world(config: &Config, keys: &BTreeSet<HopKey>) -> Result<Arc<World>> {
    let ends = keys.iter().filter(|key| key.mode != Mode::Direct);
    let (mut follower, mut world) = Follower::start(ends.map(|key| key.via).collect()).await?;
    let hops = resolved(config, keys, &world);
    let stations: BTreeSet<_> = hops
        .iter()
        .filter_map(|(_, hop)| hop.as_ref().ok())
        .map(|hop| (hop.ifindex, unmapped(hop.gateway)))
        .collect();
    for (ifindex, address) in &stations {
        // Without CAP_NET_ADMIN nobody is asked: then what is known already counts.
        if follower.resolve(*ifindex, *address).await.is_err() {
            return Ok(world);
        }
    }
    let begun = Instant::now();
    let answered = |world: &World| stations.iter().all(|at| world.neighbours.contains_key(at));
    while !answered(&world) {
        match timeout_at((begun + NEIGHBOURS).into(), follower.changed()).await {
            Ok(changed) => world = changed?,
            Err(_) => break,
        }
    }
    Ok(world)
}

fn resolved(
    config: &Config,
    keys: &BTreeSet<HopKey>,
    world: &World,
) -> Vec<(HopKey, Result<NextHop, Unreachable>)> {
    let uplinks = config.uplinks_in(world);
    let underlay = Underlay {
        uplinks: &uplinks,
        tunnel: &config.tunnel,
        world,
    };
    keys.iter()
        .map(|key| (key.clone(), resolve(key, underlay)))
        .collect()
}

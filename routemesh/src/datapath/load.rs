//! Loading programs and maps: over the maps of the daemon before, where they serve.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aya::{Ebpf, EbpfLoader, util::nr_cpus};
use routemesh_common::{OUTCOME_SLOTS, globals, map_names};

use super::{
    Datapath, OBJECT, cache, capabilities, counters::Counters, index, interfaces::Interfaces, log,
    mapping::array, pins::Pins, routes::Routes, shape::Shapes, sockets, take, typed,
};
use crate::reconcile::fib;

/// Lengths that the object leaves open.
#[derive(Clone, Copy)]
struct Lengths {
    /// Of route records, and of route counters per CPU.
    routes: u32,
    cpus: u32,
}

impl Lengths {
    fn of(route_limit: u32) -> Result<Self> {
        let cpus = nr_cpus().map_err(|(path, error)| anyhow::anyhow!("read {path}: {error}"))?;
        Ok(Self {
            routes: fib::slots(route_limit),
            cpus: u32::try_from(cpus).context("count CPUs")?,
        })
    }

    fn buckets(self) -> u32 {
        index::buckets(self.routes)
    }

    fn capacities(self) -> [(&'static str, u32); 7] {
        let stretches = Counters::stretches(self.cpus);
        let cached = cache::length(self.routes) * self.cpus;
        [
            (map_names::ROUTES, self.routes),
            (map_names::ROUTE_INDEX, self.buckets()),
            (map_names::ROUTE_RECORDS, self.routes),
            (map_names::OUTCOMES, OUTCOME_SLOTS * stretches),
            (map_names::ROUTE_COUNTERS, self.routes * stretches),
            (map_names::ROUTE_CACHE, cached),
            (map_names::COUNTER_CACHE, cached),
        ]
    }
}

/// The pinned maps that the programs are loaded over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MapSet {
    /// Empty ones, that no other program uses.
    New,
    /// Those with that number.
    Numbered(u32),
    /// The same, and no others are pinned any more.
    Sole(u32),
}

impl Datapath {
    /// Loads maps with room for `route_limit` routes, and takes `directory`, below which maps and
    /// links are pinned. The maps that are pinned there are taken over, with what is in them, where
    /// they are as this build declares them; else new ones are made beside them, and all
    /// differences are logged. Of the programs, which log only where `log` says so, none is
    /// verified yet: see [`Self::load_programs`].
    ///
    /// # Errors
    /// What the kernel refused. What is attached already is left as it is.
    pub fn load(directory: &Path, route_limit: u32, log: bool) -> Result<Self> {
        capabilities::check()?;
        let pins = Pins::open(directory)?;
        let lengths = Lengths::of(route_limit)?;
        let shapes = Shapes::declared(OBJECT, &lengths.capacities())?;
        let (set, pinned_in) = choose(&pins, &shapes)?;
        let pins_of_maps = shapes.pin_names();
        let pins_of_maps = pins_of_maps.map(|(name, pin)| (name, pinned_in.join(pin)));
        let mut ebpf = load_object(lengths, pins_of_maps, log)?;
        let counters = Counters::new(
            take(&mut ebpf, map_names::OUTCOMES)?,
            take(&mut ebpf, map_names::ROUTE_COUNTERS)?,
            take(&mut ebpf, map_names::COUNTER_CACHE)?,
            lengths.routes,
            lengths.cpus,
        )?;
        Ok(Self {
            routes: Routes::new(&mut ebpf, lengths.routes)?,
            next_hops: typed(&mut ebpf, map_names::NEXT_HOPS)?,
            peers: typed(&mut ebpf, map_names::PEERS)?,
            network_ids: typed(&mut ebpf, map_names::NETWORK_IDS)?,
            tunnel_settings: typed(&mut ebpf, map_names::TUNNEL_SETTINGS)?,
            endpoints: typed(&mut ebpf, map_names::ENDPOINTS)?,
            interfaces: Interfaces::new(
                array(take(&mut ebpf, map_names::INTERFACES)?)?,
                typed(&mut ebpf, map_names::DISPLACED)?,
            ),
            tx_ports: typed(&mut ebpf, map_names::TX_PORTS)?,
            counters,
            pins,
            shapes,
            set,
            ebpf,
        })
    }

    /// Has the next daemon take these maps over: they hold all that is desired.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn maps_filled(&mut self) -> Result<()> {
        if self.set == MapSet::New {
            self.set = MapSet::Numbered(self.pins.sets().number()?);
        }
        Ok(())
    }

    /// Removes the maps of daemons before, which no program uses any more; what was counted in
    /// them is carried over, where it can be read.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn forget_other_maps(&mut self) -> Result<()> {
        if let MapSet::Numbered(number) = self.set {
            let carried = self.carry_counters().context("carry counters over");
            self.pins.sets().keep(number)?;
            self.set = MapSet::Sole(number);
            return carried;
        }
        Ok(())
    }
}

/// The maps to go on with, and where they are, or will be, pinned.
fn choose(pins: &Pins, shapes: &Shapes) -> Result<(MapSet, PathBuf)> {
    let sets = pins.sets();
    if let Some(number) = sets.numbers()?.last().copied() {
        let path = sets.path(number);
        let differences = shapes.differences(&Shapes::pinned(&path)?);
        if differences.is_empty() {
            tracing::info!("took over the maps in {}", path.display());
            return Ok((MapSet::Numbered(number), path));
        }
        tracing::info!(
            "the maps in {} are not as this build has them, and new ones take their place: {}",
            path.display(),
            differences.join("; ")
        );
    }
    Ok((MapSet::New, sets.begin()?))
}

/// Loads maps with room for `route_limit` routes that nobody else uses, to see if it can be done.
pub(super) fn load_unpinned(route_limit: u32) -> Result<Ebpf> {
    load_object(Lengths::of(route_limit)?, [], false)
}

fn load_object<'a>(
    lengths: Lengths,
    pins: impl IntoIterator<Item = (&'a str, PathBuf)>,
    log: bool,
) -> Result<Ebpf> {
    let mut loader = EbpfLoader::new();
    for (name, pin) in pins {
        loader.map_pin_path(name, pin);
    }
    for (name, capacity) in lengths.capacities() {
        loader.map_max_entries(name, capacity);
    }
    loader
        .btf(None)
        .override_global(globals::ROUTE_SLOTS, &lengths.routes, true)
        .override_global(globals::NETWORK_NAMESPACE, &sockets::namespace(), true)
        .override_global(globals::INDEX_BUCKETS, &lengths.buckets(), true)
        .override_global(globals::CACHE_LENGTH, &cache::length(lengths.routes), true)
        .override_global(aya_log::LEVEL, if log { &log::ON } else { &log::OFF }, true)
        .load(OBJECT)
        .context("load the kernel programs' maps")
}

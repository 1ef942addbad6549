//! What the kernel knows of this host, read and followed over rtnetlink.
//!
//! [`Follower`] subscribes first and reads second: what changes while it reads is applied after.
//! What it hands out is whole at any time and right in the end: after a burst of changes, after
//! messages were lost, after a message that was not understood.

mod addresses;
mod apply;
pub mod devices;
mod events;
pub mod features;
mod follow;
mod links;
mod neighbours;
pub mod peer;
mod raw;
mod requests;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use anyhow::{Context as _, Result, anyhow};
use tokio::{sync::watch, task::JoinHandle};

use self::{events::Events, follow::Follow, requests::Requests};
use crate::model::{Mac, World};

/// Room for messages not yet read, in bytes.
const RECEIVE_BUFFER: usize = 16 << 20;

/// Follows the network namespace of the thread that started it.
///
/// A task of the runtime does the work; it ends when the follower is dropped.
pub struct Follower {
    current: watch::Receiver<Arc<World>>,
    /// What was last handed out.
    told: Arc<World>,
    watch: watch::Sender<BTreeSet<IpAddr>>,
    requests: Requests,
    task: Option<JoinHandle<Result<()>>>,
}

impl Follower {
    /// Subscribes to changes and reads what is there, with the paths to the addresses `watched`.
    ///
    /// # Errors
    ///
    /// If the kernel refuses a socket or a read, or its tables would not stay still for one.
    pub async fn start(watched: BTreeSet<IpAddr>) -> Result<(Self, Arc<World>)> {
        Self::with_receive_buffer(watched, RECEIVE_BUFFER).await
    }

    /// The same, with room for that many bytes of messages not yet read. Tests make it small, to
    /// see messages lost.
    ///
    /// # Errors
    ///
    /// As [`Follower::start`].
    pub async fn with_receive_buffer(
        watched: BTreeSet<IpAddr>,
        bytes: usize,
    ) -> Result<(Self, Arc<World>)> {
        let events = Events::subscribe(bytes)?;
        let requests = Requests::open()?;
        let mut world = requests
            .world()
            .await?
            .context("read the kernel's tables: they changed under every attempt")?;
        world.paths = requests.paths(&watched).await?;
        let told = Arc::new(world.clone());
        let (publish, current) = watch::channel(Arc::clone(&told));
        let (watch, watched) = watch::channel(watched);
        let follow = Follow::new((events, requests.clone()), world, publish, watched);
        let follower = Self {
            current,
            told: Arc::clone(&told),
            watch,
            requests,
            task: Some(tokio::spawn(follow.run())),
        };
        Ok((follower, told))
    }

    /// Waits until the world differs from the one last returned. Nothing is lost when it is
    /// dropped while it waits.
    ///
    /// # Errors
    ///
    /// If a netlink socket failed. Nothing is followed any more; start another follower.
    pub async fn changed(&mut self) -> Result<Arc<World>> {
        loop {
            if self.current.changed().await.is_err() {
                return Err(self.cause_of_death().await);
            }
            let world = Arc::clone(&self.current.borrow_and_update());
            if world != self.told {
                self.told = Arc::clone(&world);
                return Ok(world);
            }
        }
    }

    /// Has [`World::paths`] hold the ways to these addresses, in place of those before. The
    /// answer comes as a change of the world, and so does every change of a route that moves one.
    pub fn watch(&self, addresses: BTreeSet<IpAddr>) {
        self.watch.send_if_modified(|watched| {
            let differs = *watched != addresses;
            *watched = addresses;
            differs
        });
    }

    async fn cause_of_death(&mut self) -> anyhow::Error {
        let outcome = match self.task.take() {
            Some(task) => task.await,
            None => Ok(Ok(())),
        };
        match outcome {
            Ok(Ok(())) => anyhow!("follow netlink: it has ended"),
            Ok(Err(error)) => error.context("follow netlink"),
            Err(error) => anyhow!(error).context("follow netlink"),
        }
    }

    /// Has the kernel find out the neighbour's link-layer address, or make sure that it still
    /// holds; the answer comes as a change of the world. Nothing of it stays behind but the
    /// neighbour's entry, which ages like any other. Entries set by hand are left alone.
    ///
    /// # Errors
    ///
    /// If the kernel refuses, as for an interface that is down or does not exist.
    pub async fn resolve(&self, index: u32, address: IpAddr) -> Result<()> {
        self.requests.resolve(index, address).await
    }

    /// Has the kernel ask the neighbour, at once and though its link-layer address is known, whether it
    /// is there: by the answer the bridge that it is behind learns its port. Entries set by hand are
    /// left alone.
    ///
    /// # Errors
    ///
    /// If the kernel refuses, as for an interface that is down or does not exist.
    pub async fn probe(&self, index: u32, address: IpAddr, mac: Mac) -> Result<()> {
        self.requests.probe(index, address, mac).await
    }
}

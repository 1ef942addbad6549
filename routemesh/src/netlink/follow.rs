//! The task behind a [`super::Follower`].

use std::{collections::BTreeSet, future::pending, net::IpAddr, sync::Arc, time::Duration};

use anyhow::Result;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    apply::{apply, may_move_the_default_route},
    events::{Burst, Events},
    requests::Requests,
};
use crate::model::World;

/// How often all is read anew, come what may.
const PERIOD: Duration = Duration::from_secs(30);

/// The shortest time between two such reads.
const PAUSE: Duration = Duration::from_secs(1);

/// The shortest time between two look-ups of the watched paths: a host that takes in an
/// internet's routes is woken that often, however many of them there are.
const LOOK_PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Follow {
    events: Events,
    /// All that happens to routes, while any path is watched.
    routes: Option<Events>,
    requests: Requests,
    world: World,
    publish: watch::Sender<Arc<World>>,
    watched: watch::Receiver<BTreeSet<IpAddr>>,
    last_read: Instant,
    next_read: Instant,
    last_look: Instant,
    /// When the watched paths are to be looked up; none while they stand.
    next_look: Option<Instant>,
}

impl Follow {
    pub(super) fn new(
        (events, requests): (Events, Requests),
        world: World,
        publish: watch::Sender<Arc<World>>,
        watched: watch::Receiver<BTreeSet<IpAddr>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            events,
            routes: None,
            requests,
            world,
            publish,
            watched,
            last_read: now,
            next_read: now + PERIOD,
            last_look: now,
            next_look: None,
        }
    }

    pub(super) async fn run(mut self) -> Result<()> {
        self.watch()?;
        loop {
            tokio::select! {
                burst = self.events.burst() => self.absorb(burst?).await?,
                // What came meanwhile waits: a look that is due will see it.
                moved = moved(&mut self.routes), if self.next_look.is_none() => {
                    moved?;
                    self.look_soon();
                }
                watched = self.watched.changed() => {
                    if watched.is_err() {
                        return Ok(());
                    }
                    self.watch()?;
                }
                () = at(self.next_look) => self.look().await?,
                () = sleep_until(self.next_read) => self.read_anew().await?,
                () = self.publish.closed() => return Ok(()),
            }
            self.publish();
        }
    }

    async fn absorb(&mut self, burst: Burst) -> Result<()> {
        for message in &burst.messages {
            apply(&mut self.world, message);
        }
        if burst.messages.iter().any(may_move_the_default_route) {
            self.world.default_route = self.requests.default_route().await?;
            self.look_soon();
        }
        if burst.overrun {
            tracing::debug!("netlink messages were lost; all is read anew");
            self.next_read = self.next_read.min(self.last_read + PAUSE);
        }
        Ok(())
    }

    /// Replaces the world by one just read. Messages of before are older than the read and would
    /// bring back what is gone, if the message that says so is among those lost.
    async fn read_anew(&mut self) -> Result<()> {
        self.events.discard()?;
        let read = self.requests.world().await?;
        self.last_read = Instant::now();
        self.next_read = self.last_read + if read.is_some() { PERIOD } else { PAUSE };
        if let Some(world) = read {
            let paths = std::mem::take(&mut self.world.paths);
            self.world = World { paths, ..world };
            self.look().await?;
        }
        Ok(())
    }

    /// Follows the paths to those addresses that are watched now.
    fn watch(&mut self) -> Result<()> {
        if self.watched.borrow_and_update().is_empty() {
            self.routes = None;
        } else if self.routes.is_none() {
            self.routes = Some(Events::of_routes()?);
        }
        self.next_look = Some(Instant::now());
        Ok(())
    }

    fn look_soon(&mut self) {
        let soon = self.last_look + LOOK_PAUSE;
        self.next_look = self.next_look.or(Some(soon));
    }

    /// Looks the watched paths up. Messages of before are thrown away first, so that one that
    /// comes while it looks makes it look again.
    async fn look(&mut self) -> Result<()> {
        if let Some(routes) = &mut self.routes {
            routes.discard()?;
        }
        let watched = self.watched.borrow().clone();
        self.world.paths = self.requests.paths(&watched).await?;
        self.last_look = Instant::now();
        self.next_look = None;
        Ok(())
    }

    fn publish(&self) {
        self.publish.send_if_modified(|last| {
            let differs = **last != self.world;
            if differs {
                *last = Arc::new(self.world.clone());
            }
            differs
        });
    }
}

/// Waits until something happened to a route.
async fn moved(routes: &mut Option<Events>) -> Result<()> {
    match routes {
        Some(routes) => routes.burst().await.map(drop),
        None => pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

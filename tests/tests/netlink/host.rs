//! A network namespace of a test's own, and a follower in it.

use std::{
    collections::BTreeSet, net::IpAddr, process::Command, sync::Arc, thread, time::Duration,
};

use nix::sched::{CloneFlags, unshare};
use routemesh::{
    model::{Interface, Mac, World},
    netlink::Follower,
};
use tokio::time::timeout;

/// The longest wait for a condition; far more than any takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A follower and what it last said.
pub(crate) struct Host {
    follower: Follower,
    pub(crate) world: Arc<World>,
}

impl Host {
    pub(crate) async fn start() -> Self {
        let (follower, world) = Follower::start([].into()).await.unwrap();
        Self { follower, world }
    }

    pub(crate) async fn with_receive_buffer(bytes: usize) -> Self {
        let (follower, world) = Follower::with_receive_buffer([].into(), bytes)
            .await
            .unwrap();
        Self { follower, world }
    }

    pub(crate) fn link(&self, name: &str) -> Interface {
        self.world.interface(name).unwrap().clone()
    }

    /// Follows until the condition holds for the link of that name.
    pub(crate) async fn until_link(&mut self, name: &str, condition: impl Fn(&Interface) -> bool) {
        self.until(|world| world.interface(name).is_some_and(&condition))
            .await;
    }

    pub(crate) fn watch(&self, addresses: &[&str]) {
        let addresses: BTreeSet<IpAddr> = addresses.iter().map(|text| address(text)).collect();
        self.follower.watch(addresses);
    }

    pub(crate) async fn resolve(&self, index: u32, address: IpAddr) -> anyhow::Result<()> {
        self.follower.resolve(index, address).await
    }

    /// Follows until the condition holds.
    pub(crate) async fn until(&mut self, condition: impl Fn(&World) -> bool) {
        let wait = async {
            while !condition(&self.world) {
                self.world = self.follower.changed().await.unwrap();
            }
        };
        if timeout(PATIENCE, wait).await.is_err() {
            panic!("the world never became what it should: {:#?}", self.world);
        }
    }
}

/// Runs a test on a thread with a network namespace of its own, in which it and the commands it
/// starts live.
pub(crate) fn in_namespace(test: impl AsyncFnOnce() + Send + 'static) {
    let outcome = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("make a network namespace: run as root");
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(test());
    })
    .join();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

pub(crate) fn ip(arguments: &str) {
    run(&format!("ip {arguments}"));
}

/// Runs a command in the namespace and returns what it printed.
pub(crate) fn run(command: &str) -> String {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().unwrap())
        .args(words)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Has `ip` run many commands in one process.
pub(crate) fn batch(commands: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), commands).unwrap();
    ip(&format!("-batch {}", file.path().display()));
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn station(last: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, last])
}

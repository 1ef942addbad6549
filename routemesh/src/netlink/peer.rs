//! The other end of a veth pair, in whatever network namespace it is.

use std::{
    collections::HashSet,
    fmt,
    fs::{self, File},
    os::{fd::AsRawFd as _, unix::fs::MetadataExt as _},
    panic,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context as _, Result, bail};
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::sched::{CloneFlags, setns};

use super::{
    devices::{has_native_xdp, links},
    features::features,
    raw::{ask, attribute, find, number},
};

// include/uapi/linux/rtnetlink.h, if_link.h, net_namespace.h
const RTM_GETNSID: u16 = 90;
const IFLA_LINK: u16 = 5;
const IFLA_LINK_NETNSID: u16 = 37;
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;
/// Bytes of `struct rtgenmsg`, filled up.
const RTGENMSG: usize = 4;
/// Where `ip netns` keeps its names.
const NAMES: &str = "/run/netns";

/// The other end of a veth pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What it is called where it is.
    pub name: String,
    /// Where that is.
    pub place: Place,
    /// Whether it polls, and so takes frames that XDP sends: GRO makes it do so, or XDP of its own.
    pub polls: bool,
    /// Whether it leaves it to the hardware, which it has not, to finish checksums.
    pub offloads_checksums: bool,
}

/// A network namespace, and how to enter it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// This one.
    Here,
    /// One that `ip netns` has a name for.
    Named(String),
    /// That of a process.
    Process(u32),
}

impl Place {
    /// What goes before a command that is to be run there.
    #[must_use]
    pub fn prefix(&self) -> String {
        match self {
            Self::Here => String::new(),
            Self::Named(name) => format!("ip netns exec {name} "),
            Self::Process(id) => format!("nsenter --net=/proc/{id}/ns/net "),
        }
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::Here => "/proc/thread-self/ns/net".into(),
            Self::Named(name) => Path::new(NAMES).join(name),
            Self::Process(id) => format!("/proc/{id}/ns/net").into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => write!(formatter, "this network namespace"),
            Self::Named(name) => write!(formatter, "the network namespace {name}"),
            Self::Process(id) => write!(formatter, "the network namespace of process {id}"),
        }
    }
}

/// The other end of the veth with that index.
///
/// # Errors
/// When its namespace is found nowhere or cannot be entered, or the kernel does not tell.
pub fn peer(ifindex: u32) -> Result<Peer> {
    let links = links()?;
    let link = links.iter().find(|(index, _)| *index == ifindex);
    let (_, attributes) = link.with_context(|| format!("there is no interface {ifindex}"))?;
    let index = find(attributes, IFLA_LINK).and_then(number);
    let index = index.with_context(|| format!("interface {ifindex} has no other end"))?;
    match find(attributes, IFLA_LINK_NETNSID).and_then(number) {
        None => at(index, Place::Here),
        Some(id) => {
            let (place, namespace) = namespace(id)?;
            within(&namespace, || at(index, place.clone()))
                .with_context(|| format!("look into {place}"))
        }
    }
}

fn at(ifindex: u32, place: Place) -> Result<Peer> {
    let features = features(ifindex)?;
    let mut active = features.active.iter();
    Ok(Peer {
        polls: features.active.iter().any(|name| name == "rx-gro") || has_native_xdp(ifindex)?,
        // For both families, or one for each.
        offloads_checksums: active.any(|name| name.starts_with("tx-checksum-ip")),
        name: features.device,
        place,
    })
}

/// The network namespace that has this id in our own, open.
fn namespace(id: u32) -> Result<(Place, File)> {
    let mut seen = HashSet::new();
    for place in places() {
        // A process may end at any moment, and some are not for everybody to see.
        let Ok(file) = File::open(place.path()) else {
            continue;
        };
        let is_new = file.metadata().is_ok_and(|data| seen.insert(data.ino()));
        if is_new && id_of(&file)? == Some(id) {
            return Ok((place, file));
        }
    }
    bail!(
        "neither a name in {NAMES} nor a process that can be seen from here leads to its network namespace"
    )
}

/// Where network namespaces may be found: first those with names, then those of processes, the
/// oldest first.
fn places() -> Vec<Place> {
    let names = |directory: &str| -> Vec<String> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    };
    let mut named = names(NAMES);
    named.sort_unstable();
    let mut processes: Vec<u32> = names("/proc")
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    processes.sort_unstable();
    let processes = processes.into_iter().map(Place::Process);
    named
        .into_iter()
        .map(Place::Named)
        .chain(processes)
        .collect()
}

/// What our own namespace calls another; none where it has no id for it, or is not one.
fn id_of(namespace: &File) -> Result<Option<u32>> {
    let descriptor = attribute(NETNSA_FD, &namespace.as_raw_fd().to_ne_bytes());
    let body = [&[0; RTGENMSG], descriptor.as_slice()].concat();
    let answers = ask(NETLINK_ROUTE, RTM_GETNSID, &body, false);
    // A file in the directory of names may be no namespace: then the kernel refuses.
    let Ok(answers) = answers else {
        return Ok(None);
    };
    let id = answers
        .first()
        .and_then(|answer| find(answer.get(RTGENMSG..)?, NETNSA_NSID).and_then(number));
    Ok(id)
}

/// Works on a thread that has entered another network namespace.
fn within<T: Send>(namespace: &File, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            setns(namespace, CloneFlags::CLONE_NEWNET)
                .context("enter it, which needs CAP_SYS_ADMIN")?;
            work()
        });
        inside
            .join()
            .unwrap_or_else(|cause| panic::resume_unwind(cause))
    })
}

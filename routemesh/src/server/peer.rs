//! Who is at the other end.
//!
//! Users and groups are read from their files. The C library's own way loads whatever modules
//! `nsswitch.conf` names, and those of another version of the library bring a static binary down.

use std::fs;

use nix::unistd::{Gid, Uid, geteuid};
use tokio::net::UnixStream;

/// The group whose members may talk to the daemon.
pub(super) const GROUP: &str = "routemesh";

/// Whether the process at the other end may use the control socket: root, the daemon's own
/// user, and members of [`GROUP`].
pub(super) fn may_control(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| {
        let uid = Uid::from_raw(peer.uid());
        uid.is_root() || uid == geteuid() || in_group(uid, Gid::from_raw(peer.gid()))
    })
}

/// The group's number, where there is such a group.
pub(super) fn group() -> Option<Gid> {
    Group::find(&fs::read_to_string("/etc/group").ok()?).map(|group| group.gid)
}

fn in_group(uid: Uid, gid: Gid) -> bool {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    Group::find(&read("/etc/group"))
        .is_some_and(|group| gid == group.gid || group.has(uid, &read("/etc/passwd")))
}

/// A line of `group(5)`.
struct Group<'a> {
    gid: Gid,
    members: &'a str,
}

impl<'a> Group<'a> {
    fn find(groups: &'a str) -> Option<Self> {
        groups.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (name, _, gid) = (fields.next()?, fields.next()?, fields.next()?);
            (name == GROUP).then_some(())?;
            Some(Self {
                gid: Gid::from_raw(gid.parse().ok()?),
                members: fields.next().unwrap_or_default(),
            })
        })
    }

    /// Whether the user is of it, by lines of `passwd(5)`: by name, or as their own group.
    fn has(&self, uid: Uid, users: &str) -> bool {
        users.lines().any(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let &[name, _, number, gid, ..] = fields.as_slice() else {
                return false;
            };
            number.parse() == Ok(uid.as_raw())
                && (gid.parse() == Ok(self.gid.as_raw())
                    || self.members.split(',').any(|member| member == name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_in_no_group_of_ours() {
        assert!(!in_group(Uid::from_raw(54_321), Gid::from_raw(54_321)));
    }

    #[test]
    fn members_are_those_named_and_those_whose_own_group_it_is() {
        let groups = "root:x:0:\nroutemesh-old:x:7:eve\nroutemesh:x:998:alice,bob\n";
        let users = "alice:x:1000:1000:::\nbob:x:1001:1001:::\ncarol:x:1002:998:::\n\
                     ali:x:1003:1003:::\ntorn:x\n";
        let group = Group::find(groups).unwrap();
        assert_eq!(group.gid, Gid::from_raw(998));
        for (uid, is_member) in [(1000, true), (1001, true), (1002, true), (1003, false)] {
            assert_eq!(group.has(Uid::from_raw(uid), users), is_member, "{uid}");
        }
        assert!(Group::find("root:x:0:\nroutemesh:x:many:\n").is_none());
    }
}

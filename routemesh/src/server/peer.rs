//! Who is at the other end.

use nix::unistd::{Gid, Group, Uid, User, geteuid};
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
    find_group().map(|group| group.gid)
}

fn find_group() -> Option<Group> {
    Group::from_name(GROUP).ok().flatten()
}

fn in_group(uid: Uid, gid: Gid) -> bool {
    let Some(group) = find_group() else {
        return false;
    };
    gid == group.gid
        || User::from_uid(uid)
            .ok()
            .flatten()
            .is_some_and(|user| user.gid == group.gid || group.mem.contains(&user.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_in_no_group_of_ours() {
        assert!(!in_group(Uid::from_raw(54_321), Gid::from_raw(54_321)));
    }
}

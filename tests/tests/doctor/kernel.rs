//! What the kernel lets us do.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use super::{Patient, findings, is_found, named, text};

#[test]
fn a_missing_capability_is_named_and_what_needs_it_is_unknown() {
    let mut patient = Patient::new("tc", "");
    patient.daemon.restrict(&["bpf", "net_admin"]);
    patient.finds("capabilities", "error", "CAP_PERFMON missing");
    for check in ["programs", "hooks", "memlock"] {
        let found = patient.check(check);
        assert!(found["unknown"].is_string(), "{found}");
    }
    // No command gives a process more than it was given: what the words name is enough.
    let fix = text(&patient.findings("capabilities")[0]["fix"]).to_lowercase();
    let words = fix.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let named: Vec<_> = words.filter_map(|word| word.strip_prefix("cap_")).collect();
    patient.daemon.restrict(&named);
    patient.is_content("capabilities");
    patient.is_content("programs");
}

#[test]
fn a_bpffs_that_is_not_mounted_is_found_and_mounted() {
    let patient = Patient::new("tc", "");
    let bpffs = "mount -t tmpfs none /sys/fs/bpf";
    let [broken, mended] = patient.in_mounts(bpffs, "mount -t bpf bpf /sys/fs/bpf");
    is_found(&broken, "bpffs", "error", "is not in a BPF file system");
    assert_eq!(
        findings(&broken, "bpffs")[0]["fix"],
        "mount -t bpf bpf /sys/fs/bpf"
    );
    assert!(findings(&mended, "bpffs").is_empty(), "{mended}");
}

#[test]
fn a_directory_of_someone_else_is_found_and_removed() {
    let patient = Patient::new("tc", "");
    let made = "mount -t bpf bpf /sys/fs/bpf; mkdir /sys/fs/bpf/doctor; \
        chown 4711 /sys/fs/bpf/doctor";
    let [broken, mended] = patient.in_mounts(made, "rm -r /sys/fs/bpf/doctor");
    is_found(&broken, "bpffs", "error", "belongs to user 4711");
    assert_eq!(
        findings(&broken, "bpffs")[0]["fix"],
        "rm -r /sys/fs/bpf/doctor"
    );
    assert!(findings(&mended, "bpffs").is_empty(), "{mended}");
}

#[test]
fn nobody_is_not_told_to_remove_the_directory_of_root() {
    let patient = Patient::new("tc", "");
    let folder = patient.daemon.folder();
    let program = folder.join("routemesh");
    fs::copy(routemesh_tests::lab::binary().unwrap(), &program).unwrap();
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let examined = |owner: u32| {
        let words = format!(
            "mount -t bpf bpf /sys/fs/bpf; mkdir /sys/fs/bpf/doctor; \
             chown {owner} /sys/fs/bpf/doctor; setpriv --reuid 65534 --clear-groups {} \
             doctor bpffs -j --bpffs /sys/fs/bpf/doctor || :",
            program.display()
        );
        let said = patient
            .host
            .run(["unshare", "--mount", "sh", "-ec", &words]);
        serde_json::from_str(&said.unwrap()).unwrap()
    };
    assert!(findings(&examined(0), "bpffs").is_empty());
    is_found(&examined(4711), "bpffs", "error", "belongs to user 4711");
}

#[test]
fn lockdown_and_an_interpreter_are_found() {
    // Both are the machine's, so what the kernel says of them is covered by other words.
    let patient = Patient::new("tc", "");
    let jit = "mount -t tmpfs none /proc/sys/net/core; echo 0 > /proc/sys/net/core/bpf_jit_enable";
    let fix = "sysctl -w net.core.bpf_jit_enable=1";
    let [broken, mended] = patient.in_mounts(jit, &format!("{fix} > /dev/null"));
    is_found(&broken, "jit", "warning", "BPF programs are interpreted");
    assert_eq!(findings(&broken, "jit")[0]["fix"], fix);
    assert!(findings(&mended, "jit").is_empty(), "{mended}");

    let security = "mount -t tmpfs none /sys/kernel/security; cd /sys/kernel/security; \
        echo 'none integrity [confidentiality]' > lockdown";
    let [broken, mended] = patient.in_mounts(security, "echo '[none] integrity' > lockdown");
    is_found(
        &broken,
        "lockdown",
        "warning",
        "locked down for confidentiality",
    );
    assert!(findings(&mended, "lockdown").is_empty(), "{mended}");
}

#[test]
fn programs_that_cannot_be_loaded_are_found_by_loading_them() {
    let patient = Patient::new("tc", "");
    // Descriptors for some of the maps.
    let [broken, mended] = patient.in_mounts("ulimit -S -n 19", "ulimit -n 4096");
    is_found(&broken, "programs", "error", "Too many open files");
    assert_eq!(findings(&broken, "programs")[0]["fix"], "ulimit -n 4096");
    assert!(named(&broken, "hooks")["unknown"].is_string(), "{broken}");
    for check in ["programs", "hooks"] {
        assert!(findings(&mended, check).is_empty(), "{mended}");
    }
}

#[test]
fn a_limit_that_counts_maps_is_found() {
    let patient = Patient::new("tc", "");
    patient.is_content("memlock");
    // As kernels before 5.11 answer. That they do not with the limit gone none of today's can show.
    let strace = "strace -f -qq -o /dev/null -e inject=bpf:error=EPERM";
    let found = patient.after(&format!("ulimit -S -l 64; {strace}"), "memlock");
    is_found(&found, "memlock", "error", "which is 65536 bytes");
    let fix = text(&findings(&found, "memlock")[0]["fix"]).to_owned();
    if patient.host.run(["sh", "-c", &fix]).is_err() {
        println!("left out: this process may not raise its limits (CAP_SYS_RESOURCE)");
        return;
    }
    let mended = patient.after(&format!("ulimit -S -l 64; {fix}; {strace}"), "memlock");
    assert!(findings(&mended, "memlock").is_empty(), "{mended}");
}

#[test]
fn programs_that_cannot_be_attached_are_found_by_attaching_them() {
    let patient = Patient::new("tc", "");
    patient.is_content("hooks");
    // Descriptors for programs and maps, and for none of their links.
    let mut limits = (19..64).map(|limit| format!("ulimit -S -n {limit};"));
    let found = limits.find_map(|limit| {
        let found = patient.after(&limit, "hooks");
        let what = text(&findings(&found, "hooks").first()?["what"]).to_owned();
        what.contains("attach a").then_some((found, what))
    });
    let (found, what) = found.expect("a limit in between");
    is_found(&found, "hooks", "error", &what);
}

//! The benchmark, in short: it measures what it says, and writes it down.

use std::{
    fs,
    process::{Command, Stdio},
};

use routemesh_tests::lab::interrupt;

#[test]
fn a_row_is_measured_and_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (json, chart, page) = (path("a.json"), path("a.svg"), path("a.md"));
    let shown = bench(&[
        "--quick", "--rows", "8", "--json", &json, "--chart", &chart, "--page", &page,
    ]);
    assert!(
        shown.contains("From exec to the first packet forwarded"),
        "{shown}"
    );
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    let samples = &report["comparisons"][0]["columns"][0]["samples"];
    assert_eq!(samples.as_array().unwrap().len(), 3, "{report}");
    assert!(fs::read_to_string(&chart).unwrap().ends_with("</svg>\n"));
    assert!(fs::read_to_string(&page).unwrap().contains("(a.svg)"));

    let again = bench(&["--from", &json, "--compare", &json]);
    assert!(again.contains("+0.0 %"), "{again}");
}

#[test]
fn figures_of_another_machine_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("other.json");
    let machine = r#"{ "processor": "abacus", "cores": 1, "kernel": "1.0", "memory": 1 }"#;
    let report = format!(
        r#"{{ "version": 3, "machine": {machine}, "quick": false, "date": "2026-11-21",
              "seconds": 9, "comparisons": [] }}"#
    );
    fs::write(&json, report).unwrap();
    let output = command().arg("--compare").arg(&json).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        errors.contains("of another machine") && errors.contains("abacus"),
        "{errors}"
    );
}

#[test]
fn an_interrupted_benchmark_leaves_nothing_behind() {
    let child = command()
        .args(["--quick", "--rows", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    interrupt(child, 2).unwrap();
}

fn bench(arguments: &[&str]) -> String {
    let output = command().args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_routemesh-bench"))
}

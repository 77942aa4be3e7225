//! The lab's folder: closed to others, whole in itself, and called by its name.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use chrono::TimeDelta;
use support::*;
use unseen_ids::Digest;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn it_is_closed_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let lab = Lab::empty();
        fs::create_dir(lab.path("lab")).unwrap();
        fs::set_permissions(lab.path("lab"), Permissions::from_mode(0o777)).unwrap();
        let typed = |args: &[&str]| {
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &format!("umask {umask} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_unseen")])
                .args(args);
            let done = shell.current_dir(lab.path("")).env("UNSEEN_LAB", "lab").output().unwrap();
            assert!(done.status.success(), "{done:?}");
        };
        typed(&["lab", "init", "lab", "--origin", ORIGIN, "--owner", "keys/owner.pem"]);
        typed(&["lab", "backup", "backup"]);
        typed(&["lab", "restore", "backup", "restored", "--unchecked"]);
        for folder in ["lab", "backup", "restored"] {
            let keys = lab.path(folder).join("keys");
            assert_eq!((mode(&lab.path(folder)), mode(&keys)), (0o700, 0o700), "{umask}: {folder}");
            for key in tree(&keys) {
                assert_eq!(mode(&keys.join(&key)), 0o600, "{umask}: {folder}/keys/{key}");
            }
        }
    }
}

/// A link would lead out of what is closed, and no backup could have what is behind it.
#[test]
fn links_in_it_are_refused_before_anything_else() {
    let lab = Lab::with_job();
    for linked in ["lab/snapshots", "lab/snapshots/firms", "lab/log"] {
        fs::rename(lab.path(linked), lab.path("elsewhere")).unwrap();
        symlink(lab.path("elsewhere"), lab.path(linked)).unwrap();
        for command in [
            "lab show",
            "doctor",
            "lab backup backup",
            "log export bundle",
            "job submit job --key keys/analyst.pem",
            "dataset import firms.csv --description firms.toml --key keys/steward.pem",
        ] {
            let said = lab.unseen(&command.split(' ').collect::<Vec<_>>());
            let sentence = format!("error: {linked} is a link, and what a lab holds lies in the lab's own folder");
            assert!(said.code == 1 && said.stderr.starts_with(&sentence), "{said:?}");
        }
        fs::remove_file(lab.path(linked)).unwrap();
        fs::rename(lab.path("elsewhere"), lab.path(linked)).unwrap();
    }
    lab.ok(&["lab", "backup", "backup"]);
    fs::rename(lab.path("backup/snapshots"), lab.path("elsewhere")).unwrap();
    symlink(lab.path("elsewhere"), lab.path("backup/snapshots")).unwrap();
    let said = lab.refuses(&["lab", "restore", "backup", "restored", "--unchecked"]);
    assert!(said.starts_with("backup/snapshots is a link"), "{said}");
}

#[test]
fn a_restore_names_the_backup_and_not_what_it_builds() {
    let lab = Lab::new();
    lab.ok(&["lab", "backup", "backup"]);
    for key in ["noise.key", "log.pem"] {
        fs::rename(lab.path("backup/keys").join(key), lab.path(key)).unwrap();
        let said = lab.refuses(&["lab", "restore", "backup", "restored", "--unchecked"]);
        assert!(said.starts_with(&format!("backup/keys/{key}: ")), "{said}");
        fs::rename(lab.path(key), lab.path("backup/keys").join(key)).unwrap();
    }
    lab.ok(&["lab", "restore", "backup", "restored", "--unchecked"]);
}

#[test]
fn times_that_go_back_are_shown() {
    let lab = Lab::with_job();
    let job = lab.approved("job");
    assert!(!lab.unseen(&["log", "show"]).stdout.contains("before"));
    let entry = start(&lab, &job, Digest::of(b"build"), TimeDelta::hours(1));
    let shown = lab.unseen(&["log", "show"]).stdout;
    assert!(shown.contains(&format!("Signed at a time before that of the entry before: {entry}. ")), "{shown}");
    let entries = lab.ok(&["log", "show"])["entries"].as_array().unwrap().clone();
    let back: Vec<bool> = entries.iter().map(|entry| entry["timeGoesBack"].as_bool().unwrap()).collect();
    assert_eq!(back.iter().position(|back| *back), Some(usize::try_from(entry).unwrap()));
}

#[test]
fn an_auditor_without_a_home_is_told_where_else_to_remember() {
    let lab = Lab::new();
    lab.ok(&["log", "export", "bundle"]);
    let verify = ["audit", "verify", "bundle"];
    let said = lab.command(&verify).env("XDG_STATE_HOME", lab.path("keys/owner.pem")).output().unwrap();
    let said = Done::from(said, &verify);
    assert!(said.code == 1 && said.stderr.contains("with --memory"), "{said:?}");
}

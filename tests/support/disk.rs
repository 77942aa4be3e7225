//! A disk with little room.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::support::copy_dir;

/// A file system of its own in the place of a folder, until it is dropped.
pub struct Disk(PathBuf);

impl Disk {
    /// Takes what is in the folder along. None where nothing may be mounted.
    pub fn mount(place: &Path, mib: u64) -> Option<Disk> {
        let aside = place.with_file_name("aside");
        std::fs::rename(place, &aside).unwrap();
        std::fs::create_dir(place).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "none"])
            .arg(place)
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            std::fs::remove_dir(place).unwrap();
            std::fs::rename(&aside, place).unwrap();
            return None;
        }
        copy_dir(&aside, place);
        Some(Disk(place.to_owned()))
    }

    /// Leaves room for so many KiB.
    pub fn fill(&self, left: u64) {
        let room = free_bytes(&self.0).saturating_sub(left << 10);
        let status = Command::new("fallocate").args(["-l", &room.to_string()]).arg(self.filler()).status();
        assert!(status.unwrap().success());
    }

    /// Makes room again.
    pub fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    /// Mounts it again: `ro`, or `rw`.
    pub fn remount(&self, how: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Bytes that are free on a file system.
fn free_bytes(place: &Path) -> u64 {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(place).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().last().unwrap().trim().parse().unwrap()
}

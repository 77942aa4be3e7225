//! Limits of one process by cgroup version 2, where the service was given a part of the tree to divide (systemd's
//! `Delegate=`; see the kernel's cgroup-v2.rst, "Delegation").
//!
//! ```text
//! unseen.service/           given to the service; holds no process itself once it is divided
//! |- service/               the service
//! |- unseen-run-4711/       a run's worker: so much memory, so many processors
//! `- unseen-import-4712/    an import
//! ```
//! A process goes into a group of its own by itself, before it has anything large. What a run may need was compared and
//! set aside before it was charged, so its limit is a second wall: what is beyond it ends the worker and nothing else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How much a process may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory, with what is cached of files for it. None of it goes to swap.
    pub memory: u64,
    /// Processors, when nobody else needs them.
    pub processors: u32,
    /// Its part of the processors when others need them, where 100 is usual.
    pub weight: u32,
}

impl Limits {
    /// What was set aside, and room for the program itself and for what is cached of files. Answers to people come first.
    pub fn of(set_aside: u64, processors: u32) -> Limits {
        let memory = set_aside.saturating_add(set_aside / 4).saturating_add(1 << 30);
        Limits { memory, processors, weight: 50 }
    }
}

/// What the service itself runs in.
const SERVICE: &str = "service";
/// What the name of a group for one process begins with.
const PREFIX: &str = "unseen-";
/// The period over which processors are counted, in microseconds.
const PERIOD: u64 = 100_000;

/// Puts this process into a group of its own, where a part of the tree was given to the service.
pub fn enter(kind: &str, limits: Limits) {
    let name = format!("{PREFIX}{kind}-{}", std::process::id());
    // Without it the walls and what was set aside hold as before.
    let _ = given().map(|base| confine(&base, &name, std::process::id(), limits));
}

/// Whether a part of the tree was given to this process to divide.
pub fn is_given() -> bool {
    given().is_some()
}

fn given() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mounted = mounts.lines().find(|line| line.contains(" - cgroup2 "))?.split(' ').nth(4)?.to_owned();
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    base(&Path::new(&mounted).join(path))
}

/// The group that may be divided: this one, or the one above where it is divided already.
fn base(own: &Path) -> Option<PathBuf> {
    let name = own.file_name()?.to_str()?;
    let above = own.parent().filter(|_| name == SERVICE || name.starts_with(PREFIX));
    let base = above.unwrap_or(own).to_owned();
    let controllers = fs::read_to_string(base.join("cgroup.controllers")).ok()?;
    let has = |wanted: &str| controllers.split_whitespace().any(|controller| controller == wanted);
    let writable = || rustix::fs::access(base.join("cgroup.subtree_control"), rustix::fs::Access::WRITE_OK).is_ok();
    (has("memory") && has("cpu") && writable()).then_some(base)
}

/// Divides a group and puts a process into a part of its own.
fn confine(base: &Path, name: &str, process: u32, limits: Limits) -> io::Result<()> {
    // A group with processes of its own cannot be divided.
    let service = base.join(SERVICE);
    let _ = fs::create_dir(&service);
    for found in fs::read_to_string(base.join("cgroup.procs"))?.lines() {
        // It may have ended meanwhile.
        let _ = fs::write(service.join("cgroup.procs"), found);
    }
    fs::write(base.join("cgroup.subtree_control"), "+memory +cpu")?;
    // Groups whose process has ended can be removed, and no others.
    for group in fs::read_dir(base)?.flatten().filter(|group| group.file_name().to_string_lossy().starts_with(PREFIX)) {
        let _ = fs::remove_dir(group.path());
    }
    let group = base.join(name);
    fs::create_dir(&group)?;
    fs::write(group.join("memory.max"), limits.memory.to_string())?;
    // Not there in a kernel without swap.
    let _ = fs::write(group.join("memory.swap.max"), "0");
    fs::write(group.join("cpu.max"), format!("{} {PERIOD}", u64::from(limits.processors.max(1)) * PERIOD))?;
    fs::write(group.join("cpu.weight"), limits.weight.to_string())?;
    fs::write(group.join("cgroup.procs"), process.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { memory: 1 << 30, processors: 3, weight: 50 };

    /// A folder that looks like a group: what the kernel makes in one.
    fn group(path: &Path, controllers: &str) {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join("cgroup.controllers"), controllers).unwrap();
        fs::write(path.join("cgroup.subtree_control"), "").unwrap();
        fs::write(path.join("cgroup.procs"), "").unwrap();
    }

    #[test]
    fn the_group_that_was_given_is_found_from_within_its_parts() {
        let dir = tempfile::tempdir().unwrap();
        let unit = dir.path().join("unseen.service");
        group(&unit, "cpuset cpu io memory pids\n");
        for own in [unit.clone(), unit.join(SERVICE), unit.join("unseen-run-7")] {
            group(&own, "cpu memory\n");
            assert_eq!(base(&own), Some(unit.clone()));
        }
        // Without the controllers there is nothing to divide.
        group(&dir.path().join("other"), "hugetlb\n");
        assert_eq!(base(&dir.path().join("other")), None);
        assert_eq!(base(&dir.path().join("nothing")), None);
    }

    #[test]
    fn a_process_has_what_its_limits_say_and_the_service_moves_aside() {
        let dir = tempfile::tempdir().unwrap();
        let unit = dir.path();
        group(unit, "cpu memory\n");
        fs::write(unit.join("cgroup.procs"), "41\n42\n").unwrap();
        fs::create_dir(unit.join("unseen-run-6")).unwrap();
        confine(unit, "unseen-run-7", 7, LIMITS).unwrap();
        let said = |file: &str| fs::read_to_string(unit.join(file)).unwrap();
        assert_eq!(said("cgroup.subtree_control"), "+memory +cpu");
        assert_eq!(said("service/cgroup.procs"), "42");
        assert!(!unit.join("unseen-run-6").exists(), "an empty group stayed");
        assert_eq!(said("unseen-run-7/memory.max"), "1073741824");
        assert_eq!(said("unseen-run-7/memory.swap.max"), "0");
        assert_eq!(said("unseen-run-7/cpu.max"), "300000 100000");
        assert_eq!(said("unseen-run-7/cpu.weight"), "50");
        assert_eq!(said("unseen-run-7/cgroup.procs"), "7");
    }
}

//! The memory that a run has: whether it is there, and whether it can end up in swap.
//!
//! A run that is short of memory ends for reasons that its rows may have caused, so all that it may
//! need is set aside before it is charged: compared with what the machine has, and touched page by
//! page. And what rows were in must not be read from a disk years later, so memory is locked, or kept
//! out of swap by a cgroup, or else the report says so.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::mm::{Advice, MapFlags, MlockAllFlags, ProtFlags, madvise, mlockall, mmap_anonymous, munmap};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use unseen_texts::{Sentence, say};

use crate::wall::Wall;

/// Touches so many bytes and gives them back. What cannot be had now is refused now, before anything
/// of the run depends on rows.
///
/// # Errors
/// One sentence for the operator.
pub fn set_aside(bytes: u64) -> Result<(), Sentence> {
    let short = |has: u64| {
        say!(
            "the run may need {needs} MiB of memory, and {has} MiB are free: run it with fewer threads, when the machine has less to do, or submit it with a lower `limits.memory`",
            "运行最多需要 {needs} MiB 内存，而现在只有 {has} MiB 空闲：请减少线程，或等机器空闲时再运行，或调低 `limits.memory` 后重新提交",
            needs = bytes.div_ceil(1 << 20),
            has = has >> 20
        )
    };
    let has = available();
    if bytes > has {
        return Err(short(has));
    }
    let length = usize::try_from(bytes).map_err(|_| short(has))?;
    // SAFETY: a fresh private mapping that only this function knows.
    let touched = unsafe {
        mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE).and_then(
            |start| {
                // Large pages make touching cheaper; where there are none it goes on with small ones.
                let _ = madvise(start, length, Advice::LinuxHugepage);
                let touched = madvise(start, length, Advice::LinuxPopulateWrite);
                munmap(start, length)?;
                touched
            },
        )
    };
    match touched {
        // Kernels before Linux 5.14 cannot be asked to touch pages: the comparison has to do.
        Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
        Err(_) => Err(short(has)),
    }
}

/// Bytes that can be had now, without swap: of the machine, of every cgroup above, and of this
/// process's own limit.
pub fn available() -> u64 {
    let cgroups = cgroups().into_iter().filter_map(|group| {
        let used = number(&group.join("memory.current"))?;
        // What was read from files can be dropped.
        let files = field(&fs::read_to_string(group.join("memory.stat")).ok()?, "inactive_file").unwrap_or(0);
        Some(number(&group.join("memory.max"))?.saturating_sub(used.saturating_sub(files)))
    });
    let limit = getrlimit(Resource::Data).current.map(|limit| limit.saturating_sub(in_use()));
    let machine = meminfo("MemAvailable");
    cgroups.chain(limit).chain(machine).min().unwrap_or(u64::MAX)
}

/// Total bytes of memory of this machine, or of the smallest cgroup around this process.
pub fn total() -> u64 {
    let cgroups = cgroups().into_iter().filter_map(|group| number(&group.join("memory.max")));
    cgroups.chain(meminfo("MemTotal")).min().unwrap_or(u64::MAX)
}

/// What a new lab leaves to its runs, of all there is: the rest is for everything else.
pub fn usual() -> u64 {
    total() / 4 * 3
}

/// Locks all memory that this process has and will have, as it is touched; where that is not allowed,
/// memory holds if there is no swap that it could go to. Call it while capabilities are still there.
pub fn lock() -> Wall {
    let unlimited = Rlimit { current: None, maximum: None };
    // Root may raise the limit, and needs to, since it is about to give up the right to ignore it.
    let _ = setrlimit(Resource::Memlock, unlimited);
    // Under a limit, locking would succeed now and take memory away later.
    let limited = getrlimit(Resource::Memlock).current.is_some();
    let free = !limited || capabilities(None).is_ok_and(|has| has.effective.contains(CapabilitySet::IPC_LOCK));
    let locked = if free { lock_all() } else { Err(rustix::io::Errno::PERM) };
    match locked {
        Ok(()) => Wall::Holds,
        Err(_) if !swaps() => Wall::Holds,
        Err(error) => Wall::Missing(say!(
            "swap is on and memory cannot be locked ({error}): rows may be written to the swap device; turn swap off, set MemorySwapMax=0 or LimitMEMLOCK=infinity for the service, and let the policy say machine.swap = false",
            "交换区已开启，而内存无法锁定（{error}）：数据行可能被写入交换设备；请关闭交换区，或为服务设置 MemorySwapMax=0 或 LimitMEMLOCK=infinity，并在规则中写 machine.swap = false",
            error = std::io::Error::from(error)
        )),
    }
}

fn lock_all() -> rustix::io::Result<()> {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
}

/// Whether the kernel could write this process's memory to swap if it were not locked.
pub fn swaps() -> bool {
    let devices = fs::read_to_string("/proc/swaps").map_or(0, |text| text.lines().skip(1).count());
    devices > 0 && !cgroups().iter().any(|group| number(&group.join("memory.swap.max")) == Some(0))
}

/// The cgroups (version 2) that this process is in, from its own to the root.
fn cgroups() -> Vec<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(path) = own.lines().find_map(|line| line.strip_prefix("0::/")) else { return Vec::new() };
    let root = Path::new("/sys/fs/cgroup");
    Path::new(path).ancestors().map(|group| root.join(group)).collect()
}

/// The number in a file of one; none for `max`.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn meminfo(name: &str) -> Option<u64> {
    let kilobytes = field(&fs::read_to_string("/proc/meminfo").ok()?, &format!("{name}:"))?;
    kilobytes.checked_mul(1024)
}

/// What `RLIMIT_DATA` counts.
fn in_use() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    field(&status, "VmData:").map_or(0, |kilobytes| kilobytes * 1024)
}

/// The number behind a name at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_can_be_set_aside_and_more_cannot() {
        assert!(available() <= total());
        set_aside(8 << 20).unwrap();
        let refused = set_aside(1 << 50).unwrap_err();
        let refused = refused.to_string();
        assert!(refused.starts_with("the run may need 1073741824 MiB of memory, and "), "{refused}");
    }

    #[test]
    fn fields_are_read_by_name() {
        let text = "MemTotal:       24576 kB\nMemAvailable:   1024 kB\n";
        assert_eq!((field(text, "MemAvailable:"), field(text, "Swap:")), (Some(1024), None));
    }
}

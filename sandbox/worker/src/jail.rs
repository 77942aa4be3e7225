//! The second wall: what the worker process gives up before the first raw row is decrypted.
//!
//! Memory is locked, capabilities are dropped, Landlock takes away the file system and the network,
//! seccomp every system call but those that computing and writing to open pipes need, rlimits the size of
//! files, core dumps and the address space. The order matters: descriptors and the engine come first, then
//! the walls, then the data keys are used.

use std::collections::BTreeMap;

use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use serde::{Deserialize, Serialize};
use unseen_texts::text;

use crate::memory;
use crate::wall::Wall;

/// Which walls hold on this kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls {
    /// Landlock: no file can be opened, no port bound or connected.
    pub landlock: Wall,
    /// Seccomp: a short list of system calls.
    pub seccomp: Wall,
    /// Resource limits: no byte of a file written, no core dump, a bounded address space.
    pub rlimits: Wall,
    /// Not dumpable and not traceable by others of the same user.
    pub undumpable: Wall,
    /// No capability is left, also where the lab is run by root.
    pub capabilities: Wall,
    /// Memory cannot be written to swap.
    pub memory: Wall,
}

impl Walls {
    /// All of them, by name.
    pub fn named(&self) -> [(&'static str, &Wall); 6] {
        [
            ("seccomp", &self.seccomp),
            ("landlock", &self.landlock),
            ("rlimits", &self.rlimits),
            ("undumpable", &self.undumpable),
            ("capabilities", &self.capabilities),
            ("memory", &self.memory),
        ]
    }
}

/// Address space the worker may map, in bytes. Wasmtime reserves pools of it without touching them,
/// so this bounds mistakes, not memory; memory is bounded by the pool and by bounded batches.
const ADDRESS_SPACE: u64 = 1 << 46;

/// The request of `/proc/self/pagemap` that finds written pages: `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: libc::c_int = 0xC060_6610_u32 as libc::c_int;

/// Shuts the calling process in, for ever. Call it while there is one thread only.
pub fn enter() -> Walls {
    // Each in its place: locking needs a capability, and the filter takes away what the others need.
    Walls {
        memory: memory::lock(),
        rlimits: limit_resources(),
        undumpable: hide(),
        capabilities: drop_capabilities(),
        landlock: lock_files(),
        seccomp: filter_calls(),
    }
}

/// What a process keeps to that has keys or rows and is not a worker, one that imports for example: it leaves no
/// core file, others do not look in, and its memory stays out of swap, where that can be had.
pub fn keep_to_itself() -> Wall {
    // Neither can fail on a kernel that a worker runs on; of those, `Walls` tells.
    let _ = limit(Resource::Core, 0);
    let _ = hide();
    memory::lock()
}

/// Ends this process when the one that started it ends.
pub fn die_with_parent() {
    // Fails on no kernel that a worker runs on.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

/// Lets this process have so many bytes of address space, and the processor when others do not need it.
pub fn keep_small(most: u64) {
    let _ = limit(Resource::As, most);
    let _ = rustix::process::nice(10);
}

fn limit(resource: Resource, most: u64) -> rustix::io::Result<()> {
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
}

/// No byte of a file, no core file, a bounded address space.
pub fn limit_resources() -> Wall {
    let done = limit(Resource::Fsize, 0)
        .and_then(|()| limit(Resource::Core, 0))
        .and_then(|()| limit(Resource::As, ADDRESS_SPACE));
    match done {
        Ok(()) => Wall::Holds,
        Err(error) => Wall::Missing(error.to_string().into()),
    }
}

/// Lets no other process of the same user look in, and no crash write a core.
pub fn hide() -> Wall {
    match rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        Ok(()) => Wall::Holds,
        Err(error) => Wall::Missing(error.to_string().into()),
    }
}

/// Gives up every right of root, should there be any, and the way to get one back. Locking what memory
/// is still to come is kept where the limit on locked memory would forbid it otherwise; it allows nothing
/// else.
pub fn drop_capabilities() -> Wall {
    let limited = getrlimit(Resource::Memlock).current.is_some();
    let wanted = if limited { CapabilitySet::IPC_LOCK } else { CapabilitySet::empty() };
    let attempt = || {
        let kept = capabilities(None)?.effective & wanted;
        clear_ambient_capability_set()?;
        // Only who may set it needs to empty the bounding set.
        if capabilities(None)?.effective.contains(CapabilitySet::SETPCAP) {
            for capability in CapabilitySet::all().iter() {
                // One that this kernel does not know cannot be had either.
                let _ = remove_capability_from_bounding_set(capability);
            }
        }
        let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
        set_capabilities(None, sets)?;
        capabilities(None)
    };
    match attempt() {
        Ok(left) if wanted.contains(left.permitted | left.effective) => Wall::Holds,
        Ok(_) => Wall::Missing(text!("capabilities are left", "仍有特权（capability）未放弃").into()),
        Err(error) => Wall::Missing(error.to_string().into()),
    }
}

/// Opens no file and reaches no port from here on.
pub fn lock_files() -> Wall {
    let attempt = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI::V6))?
            .handle_access(AccessNet::from_all(ABI::V6))?
            .scope(Scope::from_all(ABI::V6))?
            .create()?
            .restrict_self()
    };
    match attempt() {
        Ok(status) => match status.ruleset {
            RulesetStatus::FullyEnforced => Wall::Holds,
            RulesetStatus::PartiallyEnforced => {
                Wall::Partly(text!("the kernel is older than Linux 6.12", "内核版本低于 Linux 6.12").into())
            }
            RulesetStatus::NotEnforced => {
                Wall::Missing(text!("the kernel was built or booted without Landlock", "内核未启用 Landlock").into())
            }
        },
        Err(error) => Wall::Missing(error.to_string().into()),
    }
}

/// Lets only listed system calls through.
pub fn filter_calls() -> Wall {
    let attempt = || -> Result<(), seccompiler::Error> {
        let arch = std::env::consts::ARCH.try_into()?;
        let errno = |code: i32| SeccompAction::Errno(code as u32);
        // clone3 hides its flags from a filter. Told that it does not exist, the C library makes
        // threads with clone, whose flags can be seen. Of two filters the stricter answer counts.
        let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
        let no_clone3 = SeccompFilter::new(clone3, SeccompAction::Allow, errno(libc::ENOSYS), arch)?;
        let listed = SeccompFilter::new(allowed_calls()?, errno(libc::EPERM), SeccompAction::Allow, arch)?;
        for filter in [no_clone3, listed] {
            let program: BpfProgram = filter.try_into()?;
            seccompiler::apply_filter(&program)?;
        }
        Ok(())
    };
    match attempt() {
        Ok(()) => Wall::Holds,
        Err(error) => Wall::Missing(error.to_string().into()),
    }
}

/// Everything a worker may ask of the kernel: memory, threads of its own, time, signals to itself,
/// and reading and writing descriptors it already has.
fn allowed_calls() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::Error> {
    let mut calls: BTreeMap<i64, Vec<SeccompRule>> = [
        // Descriptors it was handed.
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_pread64,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_lseek,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_statx,
        libc::SYS_poll,
        libc::SYS_ppoll,
        // Memory.
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_membarrier,
        // Threads and waiting.
        libc::SYS_clone3,
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_set_tid_address,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_nanosleep,
        libc::SYS_clock_nanosleep,
        libc::SYS_clock_gettime,
        libc::SYS_restart_syscall,
        // Traps of guests arrive as signals.
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        // Hash maps want a seed; the end.
        libc::SYS_getrandom,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ]
    .into_iter()
    .map(|call| (call, Vec::new()))
    .collect();
    let masked = |arg, mask: u64, value: u64| -> Result<SeccompRule, seccompiler::Error> {
        let condition = SeccompCondition::new(arg, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), value)?;
        Ok(SeccompRule::new(vec![condition])?)
    };
    // A clone that makes a thread, never a process.
    calls.insert(libc::SYS_clone, vec![masked(0, libc::CLONE_THREAD as u64, libc::CLONE_THREAD as u64)?]);
    // Memory becomes readable and writable, never executable: the guest's code is loaded before.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        calls.insert(call, vec![masked(2, libc::PROT_EXEC as u64, 0)?]);
    }
    // Naming a thread is all of prctl that is left, and the page map scan that resets a guest all of
    // ioctl. Of fcntl there is what reads a descriptor's flags or copies it: F_SETOWN and F_SETSIG
    // would make the kernel send signals to other processes.
    let exactly = |arg, value: libc::c_int| masked(arg, u64::from(u32::MAX), u64::from(value as u32));
    calls.insert(libc::SYS_prctl, vec![exactly(0, libc::PR_SET_NAME)?]);
    calls.insert(libc::SYS_ioctl, vec![exactly(1, PAGEMAP_SCAN)?]);
    let harmless = [libc::F_GETFD, libc::F_GETFL, libc::F_DUPFD_CLOEXEC];
    calls.insert(libc::SYS_fcntl, harmless.into_iter().map(|command| exactly(1, command)).collect::<Result<_, _>>()?);
    Ok(calls)
}

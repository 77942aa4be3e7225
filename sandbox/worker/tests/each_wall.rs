//! Each wall by itself: behind all of them together, one that is not there does not show.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/skip.rs"]
mod skip;

use skip::skipped;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use unseen_worker::jail;
use unseen_worker::memory;
use unseen_worker::wall::Wall;

/// Set in the process that puts one wall up: its name, and a folder.
const WALL: &str = "UNSEEN_WALL";

/// A wall, what is tried in front of it and behind it.
type Try = fn(&Path);
const WALLS: [(&str, Try); 7] = [
    ("landlock", landlock),
    ("rlimits", rlimits),
    ("undumpable", undumpable),
    ("capabilities", capabilities),
    ("seccomp", seccomp),
    ("memory", locked),
    ("no_worker", no_worker),
];

/// No test harness: walls go round one thread, and stay.
fn main() {
    let asked = |flag: &str| std::env::args().any(|argument| argument == flag);
    if let Ok(wall) = std::env::var(WALL) {
        let (name, dir) = wall.split_once(':').unwrap();
        let (_, each) = WALLS.iter().find(|(wall, _)| *wall == name).unwrap();
        return each(Path::new(dir));
    }
    if asked("--list") {
        WALLS.iter().filter(|_| !asked("--ignored")).for_each(|(name, _)| println!("{name}: test"));
        return;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, _) in WALLS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|it| it == name)) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        let done = Command::new(std::env::current_exe().unwrap())
            .env(WALL, format!("{name}:{}", dir.path().display()))
            .status()
            .unwrap();
        assert!(done.success(), "{name}: {done}");
    }
}

fn status(name: &str) -> String {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().to_owned()
}

fn landlock(dir: &Path) {
    // SAFETY: asks for the version, and reads and writes no memory.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, 1) };
    if version < 4 {
        return skipped("this kernel has no Landlock for ports (Linux 6.7)");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    File::open(dir.join("secret")).unwrap();
    assert_eq!(jail::lock_files().holds(), version >= 6);
    let refused = |kind: std::io::Result<()>| assert_eq!(kind.unwrap_err().kind(), ErrorKind::PermissionDenied);
    refused(File::open(dir.join("secret")).map(drop));
    refused(File::create(dir.join("new")).map(drop));
    refused(std::fs::read_dir(dir).map(drop));
    refused(std::fs::remove_file(dir.join("secret")));
    refused(Command::new("/bin/true").spawn().map(drop));
    refused(TcpStream::connect(("127.0.0.1", port)).map(drop));
    refused(TcpListener::bind("127.0.0.1:0").map(drop));
    // SAFETY: reads a flag of this process.
    assert_eq!(unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) }, 1);
    // This wall alone: what others keep is open.
    UdpSocket::bind("127.0.0.1:0").unwrap();
}

fn rlimits(dir: &Path) {
    let mut file = File::create(dir.join("new")).unwrap();
    file.write_all(b"before").unwrap();
    assert_eq!(jail::limit_resources(), Wall::Holds);
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    for name in ["Max core file size", "Max file size"] {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert_eq!(line.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"], "{name}");
    }
    // SAFETY: to be told by an error and not by a signal.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    assert_eq!(file.write_all(b"after").unwrap_err().raw_os_error(), Some(libc::EFBIG));
}

fn undumpable(_: &Path) {
    // SAFETY: reads a flag of this process.
    let dumpable = || unsafe { libc::prctl(libc::PR_GET_DUMPABLE) };
    assert_eq!(dumpable(), 1);
    assert_eq!(jail::hide(), Wall::Holds);
    assert_eq!(dumpable(), 0);
}

fn capabilities(dir: &Path) {
    let had = status("CapEff");
    let root = had != "0000000000000000";
    let others = dir.join("others");
    if root {
        std::fs::write(&others, "not ours").unwrap();
        std::fs::set_permissions(&others, std::fs::Permissions::from_mode(0o600)).unwrap();
        chown(&others, Some(65_534), Some(65_534)).unwrap();
        File::open(&others).unwrap();
    } else {
        skipped("not run by root, so there is no capability to give up");
    }
    assert_eq!(jail::drop_capabilities(), Wall::Holds);
    let kept = 1_u64 << 14; // CAP_IPC_LOCK
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        let left = u64::from_str_radix(&status(set), 16).unwrap();
        assert_eq!(left & !kept, 0, "{set}: {left:x}");
    }
    if root {
        assert_eq!(File::open(&others).unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(status("CapBnd"), "0000000000000000");
    }
}

fn seccomp(dir: &Path) {
    File::open(dir.join("secret")).unwrap();
    assert_eq!(jail::filter_calls(), Wall::Holds);
    let refused = |outcome: std::io::Result<()>| assert_eq!(outcome.unwrap_err().raw_os_error(), Some(libc::EPERM));
    refused(File::open(dir.join("secret")).map(drop));
    refused(UdpSocket::bind("127.0.0.1:0").map(drop));
    refused(std::fs::remove_file(dir.join("secret")));
}

fn locked(_: &Path) {
    let wall = memory::lock();
    let kilobytes = || status("VmLck").strip_suffix(" kB").unwrap().parse::<u64>().unwrap();
    if kilobytes() == 0 {
        // Then it says so, unless there is nowhere that memory could go.
        assert_eq!(wall.holds(), !memory::swaps());
        return skipped("memory cannot be locked by this account");
    }
    assert_eq!(wall, Wall::Holds);
    // What comes later is locked as it is touched.
    let before = kilobytes();
    let later = vec![1_u8; 8 << 20];
    assert!(kilobytes() >= before + (8 << 10), "{before} kB and then {} kB", kilobytes());
    assert_eq!(later.iter().map(|byte| u64::from(*byte)).sum::<u64>(), 8 << 20);
}

/// What a process keeps to that imports rows or holds keys.
fn no_worker(dir: &Path) {
    jail::keep_to_itself();
    // SAFETY: reads a flag of this process.
    assert_eq!(unsafe { libc::prctl(libc::PR_GET_DUMPABLE) }, 0);
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"]);
    // It still writes files.
    std::fs::write(dir.join("new"), "new").unwrap();
}

//! The second wall, from inside: a process of its own shuts itself in and tries to get out.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::ffi::CString;
use std::fs::File;
use std::io::{Error, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

use unseen_worker::jail;

/// Set in the process that shuts itself in: a folder it may try to touch, and a port it may try.
const PROBE: &str = "UNSEEN_JAIL_PROBE";

/// No test harness: it would run a test beside a thread of its own, and walls go round one thread.
fn main() {
    // What test runners ask: which tests there are, and which of them are ignored.
    let asked = |flag: &str| std::env::args().any(|argument| argument == flag);
    match std::env::var(PROBE) {
        Ok(probe) => inside(&probe),
        Err(_) if asked("--list") && asked("--ignored") => {}
        Err(_) if asked("--list") => println!("{NAME}: test"),
        Err(_) => nothing_gets_out_of_the_jail_and_threads_still_work_in_it(),
    }
}

const NAME: &str = "nothing_gets_out_of_the_jail_and_threads_still_work_in_it";

fn nothing_gets_out_of_the_jail_and_threads_still_work_in_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), "secret").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let output = Command::new(std::env::current_exe().unwrap())
        .env(PROBE, format!("{}:{port}", dir.path().display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let tries: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("try ")).collect();
    let escaped: Vec<&&str> = tries.iter().filter(|line| !line.contains(": refused")).collect();
    assert!(escaped.is_empty(), "{escaped:#?}");
    assert!(
        tries.len() >= 40 && output.status.success(),
        "{:?}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("threads 6"), "{said}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "a file was made or removed");
    assert_eq!(std::fs::read_to_string(dir.path().join("secret")).unwrap(), "secret");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "somebody connected");
    println!("jail: {} ways out, all refused", tries.len());
}

fn inside(probe: &str) {
    let (dir, port) = probe.rsplit_once(':').unwrap();
    let port: u16 = port.parse().unwrap();
    let path = |name: &str| CString::new(format!("{dir}/{name}")).unwrap();
    let (secret, new) = (path("secret"), path("new"));
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    assert!(status.contains("Threads:\t1\n"), "{status}");

    // Held from before: what a worker holds, and what it should not be able to use.
    let folder = File::open(dir).unwrap();
    let file = File::options().write(true).open(format!("{dir}/secret")).unwrap();
    let (folder, file) = (folder.as_raw_fd(), file.as_raw_fd());
    let parent = unsafe { libc::getppid() };
    let page = unsafe { libc::mmap(std::ptr::null_mut(), 4096, 3, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
    let tcp = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };

    let walls = jail::enter();
    assert!(walls.seccomp.holds() && walls.rlimits.holds() && walls.undumpable.holds(), "{walls:?}");

    // As the standard library does it.
    told("open a file", File::open(format!("{dir}/secret")).map(drop));
    told("open a file below /proc", File::open("/proc/self/mem").map(drop));
    told("make a file", File::create(format!("{dir}/new")).map(drop));
    told("connect", TcpStream::connect(("127.0.0.1", port)).map(drop));
    told("bind", UdpSocket::bind("127.0.0.1:0").map(drop));
    told("pair of sockets", UnixStream::pair().map(drop));
    told("start a program", Command::new("/bin/true").spawn().map(drop));
    told("list a folder", std::fs::read_dir(dir).map(drop));
    told("change folder", std::env::set_current_dir("/"));
    // And as no library does it: -1 or a fault is a refusal, anything else an escape.
    let zero = [0_u64; 64];
    let zeros = zero.as_ptr() as i64;
    let text = |text: &CString| text.as_ptr() as i64;
    let (flags, here) = (i64::from(libc::O_RDONLY), i64::from(libc::AT_FDCWD));
    let at = i64::from(folder);
    call("open below a folder held", libc::SYS_openat, [at, c"secret".as_ptr() as i64, flags, 0, 0, 0]);
    call("openat2", libc::SYS_openat2, [at, c"secret".as_ptr() as i64, zeros, 24, 0, 0]);
    call("remove", libc::SYS_unlinkat, [here, text(&secret), 0, 0, 0, 0]);
    call("rename", libc::SYS_renameat2, [here, text(&secret), here, text(&new), 0, 0]);
    call("link", libc::SYS_linkat, [here, text(&secret), here, text(&new), 0, 0]);
    call("make a folder", libc::SYS_mkdirat, [here, text(&new), 0o700, 0, 0, 0]);
    call("make a pipe to others", libc::SYS_mknodat, [here, text(&new), i64::from(libc::S_IFIFO | 0o600), 0, 0, 0]);
    call("cut a file held", libc::SYS_ftruncate, [i64::from(file), 0, 0, 0, 0, 0]);
    call("write at a place of a file held", libc::SYS_pwrite64, [i64::from(file), zeros, 6, 0, 0, 0]);
    call("send a file held", libc::SYS_sendfile, [1, i64::from(file), 0, 6, 0, 0]);
    call("file in memory", libc::SYS_memfd_create, [c"x".as_ptr() as i64, 0, 0, 0, 0, 0]);
    call("socket", libc::SYS_socket, [i64::from(libc::AF_INET), i64::from(libc::SOCK_STREAM), 0, 0, 0, 0]);
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(std::net::Ipv4Addr::LOCALHOST).to_be() },
        sin_zero: [0; 8],
    };
    call("connect a socket held", libc::SYS_connect, [i64::from(tcp), (&raw const address) as i64, 16, 0, 0, 0]);
    call("message on a socket held", libc::SYS_sendto, [i64::from(tcp), zeros, 1, 0, (&raw const address) as i64, 16]);
    call("fork by clone", libc::SYS_clone, [i64::from(libc::SIGCHLD), 0, 0, 0, 0, 0]);
    call("fork by clone3", libc::SYS_clone3, [zeros, 64, 0, 0, 0, 0]);
    call("execute", libc::SYS_execve, [c"/bin/true".as_ptr() as i64, zeros, zeros, 0, 0, 0]);
    call(
        "execute a descriptor",
        libc::SYS_execveat,
        [i64::from(file), c"".as_ptr() as i64, zeros, zeros, i64::from(libc::AT_EMPTY_PATH), 0],
    );
    call("executable memory", libc::SYS_mmap, [0, 4096, 7, i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS), -1, 0]);
    call("memory made executable", libc::SYS_mprotect, [page as i64, 4096, 5, 0, 0, 0]);
    call("memory made executable by key", libc::SYS_pkey_mprotect, [page as i64, 4096, 5, -1, 0, 0]);
    call("end the parent", libc::SYS_kill, [i64::from(parent), 0, 0, 0, 0, 0]);
    call("signal a thread", libc::SYS_tgkill, [i64::from(parent), i64::from(parent), 0, 0, 0, 0]);
    call(
        "signal the parent by a descriptor",
        libc::SYS_fcntl,
        [1, i64::from(libc::F_SETOWN), i64::from(parent), 0, 0, 0],
    );
    call("choose that signal", libc::SYS_fcntl, [1, 10 /* F_SETSIG */, 9, 0, 0, 0]);
    call("lock a file held", libc::SYS_fcntl, [i64::from(file), i64::from(libc::F_SETLK), zeros, 0, 0, 0]);
    call("type on a terminal", libc::SYS_ioctl, [0, libc::TIOCSTI as i64, zeros, 0, 0, 0]);
    call("trace the parent", libc::SYS_ptrace, [i64::from(libc::PTRACE_ATTACH), i64::from(parent), 0, 0, 0, 0]);
    call("read the parent", libc::SYS_process_vm_readv, [i64::from(parent), zeros, 1, zeros, 1, 0]);
    call("raise a limit", libc::SYS_prlimit64, [0, libc::RLIMIT_FSIZE as i64, zeros, 0, 0, 0]);
    call("become dumpable", libc::SYS_prctl, [i64::from(libc::PR_SET_DUMPABLE), 1, 0, 0, 0, 0]);
    call("queue of requests", libc::SYS_io_uring_setup, [1, zeros, 0, 0, 0, 0]);
    call("kernel programs", libc::SYS_bpf, [0, zeros, 64, 0, 0, 0]);
    call("faults in user space", libc::SYS_userfaultfd, [1, 0, 0, 0, 0, 0]);
    call("counters", libc::SYS_perf_event_open, [zeros, 0, -1, -1, 0, 0]);
    call("a new user", libc::SYS_unshare, [i64::from(libc::CLONE_NEWUSER), 0, 0, 0, 0, 0]);
    call("another root", libc::SYS_chroot, [c"/tmp".as_ptr() as i64, 0, 0, 0, 0, 0]);
    call("shared memory", libc::SYS_shmget, [1, 4096, 0o1666, 0, 0, 0]);
    call("message queue", libc::SYS_msgget, [1, 0o1666, 0, 0, 0, 0]);
    call("kernel keys", libc::SYS_keyctl, [0, 0, 0, 0, 0, 0]);
    // A file held open for writing takes no byte; without the ignored signal the process would end.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    call("write to a file held", libc::SYS_write, [i64::from(file), zeros, 1, 0, 0, 0]);

    let sum: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=3).map(|number: u32| scope.spawn(move || vec![number; 100_000][99_999])).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    println!("threads {sum}");
    std::io::stdout().flush().unwrap();
}

fn told(what: &str, outcome: std::io::Result<()>) {
    match outcome {
        Ok(()) => println!("try {what}: DONE"),
        Err(error) => println!("try {what}: refused ({error})"),
    }
}

/// A system call that is to fail for lack of rights, not because its arguments are bad.
fn call(what: &str, number: i64, args: [i64; 6]) {
    let [a, b, c, d, e, f] = args;
    // SAFETY: the pointers among the arguments point at live, zeroed or constant memory.
    let done = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if done == 0 && number == libc::SYS_clone {
        // A child was made after all: it must not go on as a second test.
        unsafe { libc::_exit(9) };
    }
    let error = Error::last_os_error();
    let right = matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES | libc::ENOSYS | libc::EFBIG));
    match done {
        -1 if right => println!("try {what}: refused ({error})"),
        -1 => println!("try {what}: reached the kernel ({error})"),
        _ => println!("try {what}: DONE ({done})"),
    }
}

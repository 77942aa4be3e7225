//! Whole runs on a machine that swaps: a small virtual machine with too little memory, in which everything that
//! is not locked is pushed out while guests are at work. `make vm-test` runs it.
//!
//! It takes qemu (on Debian `apt-get install qemu-system-x86 busybox-static cpio`; 7.2 crashes the kernel now
//! and then where it emulates the processor, 10.0 does not) and a kernel that has NVMe
//! built in, as Debian's cloud kernels do: one under `/boot`, or the one that `UNSEEN_VM_KERNEL` names, such as
//! `boot/vmlinuz-*` of an unpacked `linux-image-*-cloud-amd64`. The page scan needs Linux 6.7 or newer.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::*;

/// Bytes of memory that a guest fills, and looks through.
const FILLED: u32 = 64 << 20;

/// One unit has the mark; every other looks for it, and so does `advance`.
const MARKED_ROWS: usize = 200;

#[test]
#[ignore = "takes a virtual machine: make vm-test"]
fn no_grain_sees_another_on_a_machine_that_swaps() {
    let (Some(kernel), Some(busybox)) = (kernel(), busybox()) else {
        return skipped(
            "vm-test: qemu-system-x86_64, cpio, a static busybox or a kernel (UNSEEN_VM_KERNEL) is not here",
        );
    };
    let lab = prepared();
    let image = initramfs(&lab, &busybox);
    let disk = lab.path("swap.img");
    std::fs::File::create(&disk).unwrap().set_len(2 << 30).unwrap();
    let said = played(&kernel, &image, &disk);
    let value = |name: &str| -> Option<&str> {
        said.lines().find_map(|line| line.trim_end().strip_prefix("VM ")?.strip_prefix(name)?.strip_prefix('='))
    };
    let number = |name: &str| -> f64 {
        value(name).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {name} in:\n{said}"))
    };
    assert_eq!(value("end"), Some("yes"), "{said}");
    for shape in ["put-back", "new"] {
        for who in ["locked", "huge", "small"] {
            let of = |what: &str| number(&format!("{who} {shape} {what}"));
            let (swapped, locked) = (of("swapped"), of("vmlck"));
            // Without this nothing would have been tried.
            if who == "locked" {
                // What went before the walls were up, and so before any row, may be out still.
                assert!(
                    locked > 0.0 && swapped < 4.0 * 1024.0,
                    "{who} {shape}: {swapped} kB were swapped out, {locked} kB locked"
                );
            } else {
                assert!(locked == 0.0 && swapped > 48.0 * 1024.0, "{who} {shape}: only {swapped} kB were swapped out");
            }
            // With this budget the deviation of the noise is 0.22.
            assert!(of("marked") > 0.1, "{who} {shape}: the marked grain was not run to its end");
            assert!(of("seen") < 0.9, "{who} {shape}: {} grains saw another's rows", of("seen"));
            assert!(of("advance") == 0.0, "{who} {shape}: `advance` saw rows");
        }
    }
    assert_eq!(value("doctor"), Some("proved"), "{said}");
    // Where the policy says so, no row is read where it could go to swap.
    assert_eq!(value("refused"), Some("yes"), "{said}");
}

fn kernel() -> Option<PathBuf> {
    let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !there("qemu-system-x86_64") || !there("cpio") {
        return None;
    }
    if let Some(named) = std::env::var_os("UNSEEN_VM_KERNEL") {
        return Some(named.into());
    }
    let mut found: Vec<PathBuf> =
        std::fs::read_dir("/boot").ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-")));
    found.sort();
    found.pop().filter(|path| std::fs::File::open(path).is_ok())
}

fn busybox() -> Option<PathBuf> {
    let found = ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from).into_iter().find(|path| path.exists())?;
    // One that needs libraries of its own would not start.
    let linked = Command::new("ldd").arg(&found).output().is_ok_and(|said| said.status.success());
    (!linked).then_some(found)
}

/// A lab with two approved jobs, which differ in how their guests get their memory.
fn prepared() -> Lab {
    let lab = Lab::new();
    lab.write("policy.toml", "approvals = 1\ndelta = 1e-6\nrelease_now = true\n[caps]\ndataset = \"10000\"\nanalyst = \"10000\"\njob = \"5000\"\n");
    lab.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
    lab.write("items.toml", ITEMS);
    let rows = (0..12).flat_map(|unit| {
        let rows = if unit == 3 { MARKED_ROWS } else { 2 };
        (0..rows).map(move |n| format!("u{unit:02},{n},\n"))
    });
    lab.write("items.csv", format!("who,n,code\n{}", rows.collect::<String>()));
    lab.ok(&["dataset", "import", "items.csv", "--description", "items.toml", "--key", "keys/steward.pem"]);
    lab.write("job/job.toml", MANIFEST);
    // A memory that is there from the start is put back in place; one that has grown is given up.
    for (shape, pages, grown) in [("put-back", 1100, 0), ("new", 4, 1096)] {
        lab.write("job/target/job.wasm", support::shaped(&guest(pages, grown), MANIFEST));
        lab.write(shape, lab.submit("job"));
        let job = std::fs::read_to_string(lab.path(shape)).unwrap();
        lab.approve(&job, "operator");
    }
    lab
}

const MANIFEST: &str = r#"
[job]
title = "Looks for others"
purpose = "To see whether a grain sees another."
release = "now"

[[input]]
dataset = "items"
columns = ["n"]

[grain]
kind = "unit"

[[output]]
name = "grains"
values = [
  { name = "marked", lower = 0, upper = 1, granularity = 1 },
  { name = "seen", lower = 0, upper = 1, granularity = 1 },
]

[privacy]
mechanism = "gaussian"
rho = 20

[limits]
fuel = 30_000_000_000
memory = "80MiB"
"#;

/// Fills its memory if its grain is the marked one, and lingers until it is pushed out; otherwise says
/// whether any of that memory holds the filling. `advance` says the same, and publishes it.
fn guest(pages: u32, grown: u32) -> Vec<u8> {
    let module = format!(
        r#"(module
  (memory (export "memory") {pages})
  (global $next (mut i32) (i32.const 8192))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $start i32)
    (local.set $start (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $start) (local.get 3)))
    (local.get $start))
  (func $grow (if (i32.const {grown}) (then (if (i32.eq (memory.grow (i32.const {grown})) (i32.const -1)) (then unreachable)))))
  (func $seen (result f64)
    (local $at i32)
    (local.set $at (i32.const 1048576))
    (loop $on
      (if (i64.eq (i64.load (local.get $at)) (i64.const 0x5353535353535353)) (then (return (f64.const 1))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $on (i32.lt_u (local.get $at) (i32.const {end}))))
    (f64.const 0))
  (func $linger (param $turns i64)
    (loop $on
      (local.set $turns (i64.sub (local.get $turns) (i64.const 1)))
      (br_if $on (i64.ne (local.get $turns) (i64.const 0)))))
  ;; ok with one contribution at 256: output 0, no group, two values at 512.
  (data (i32.const 132) "\00\01\00\00\01\00\00\00")
  (data (i32.const 260) "\08\00\00\00\00\00\00\00\00\02\00\00\02\00\00\00")
  (func (export "contribute") (param $grain i32) (param i32 i32 i32) (result i32)
    (call $grow)
    (if (i32.gt_u (i32.load (local.get $grain)) (i32.const 100))
      (then
        (memory.fill (i32.const 1048576) (i32.const 0x53) (i32.const {filled}))
        (call $linger (i64.const 1000000000))
        (f64.store (i32.const 512) (f64.const 1)))
      (else (f64.store (i32.const 520) (call $seen))))
    (i32.const 128))
  ;; ok, done, one table at 1024: "seen", one column "n", one row at 1088 of one number at 1096.
  (data (i32.const 896) "\00\00\00\00\01\00\00\00\00\04\00\00\01\00\00\00")
  (data (i32.const 1024) "\28\04\00\00\04\00\00\00\30\04\00\00\01\00\00\00\40\04\00\00\01\00\00\00")
  (data (i32.const 1064) "seen")
  (data (i32.const 1072) "\38\04\00\00\01\00\00\00n")
  (data (i32.const 1088) "\48\04\00\00\01\00\00\00")
  (func (export "advance") (param i32 i32 i32 i32 i32) (result i32)
    (call $grow)
    (f64.store (i32.const 1096) (call $seen))
    (i32.const 896)))"#,
        filled = FILLED,
        end = 1_048_576 + FILLED,
    );
    unseen_toolchain::componentize(&wat::parse_str(module).unwrap()).unwrap()
}

/// Everything the machine has: busybox, the lab, the program and its libraries, and what to do.
fn initramfs(lab: &Lab, busybox: &Path) -> PathBuf {
    let root = lab.path("root");
    for folder in ["bin", "proc", "sys", "dev", "cgroups", "tmp", "etc", "work"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    std::fs::copy(busybox, root.join("bin/busybox")).unwrap();
    let unseen = root.join("bin/unseen");
    std::fs::copy(env!("CARGO_BIN_EXE_unseen"), &unseen).unwrap();
    // Debug information is most of it, and memory is short.
    let _ = Command::new("strip").arg(&unseen).status();
    let linked = Command::new("ldd").arg(env!("CARGO_BIN_EXE_unseen")).output().unwrap();
    for library in String::from_utf8(linked.stdout).unwrap().split_whitespace().filter(|word| word.starts_with('/')) {
        let place = root.join(library.trim_start_matches('/'));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(library, place).unwrap();
    }
    for name in ["lab", "keys", "put-back", "new", "items.csv", "items.toml"] {
        let (from, to) = (lab.path(name), root.join("work").join(name));
        if from.is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy_dir(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
    std::fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n").unwrap();
    std::fs::write(root.join("etc/group"), "root:x:0:\nuser:x:1000:\n").unwrap();
    std::fs::write(root.join("init"), INIT).unwrap();
    let made = Command::new("sh")
        .args(["-c", "chmod 0755 init && find . | cpio --quiet -o -H newc | gzip -1 > ../image.gz"])
        .current_dir(&root)
        .status();
    assert!(made.unwrap().success());
    lab.path("image.gz")
}

const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin UNSEEN_LAB=lab HOME=/tmp
mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t devtmpfs dev /dev
mount -t cgroup2 cgroups /cgroups && echo +memory > /cgroups/cgroup.subtree_control && mkdir /cgroups/run
mkswap /dev/nvme0n1 > /tmp/mkswap && swapon /dev/nvme0n1
echo "VM kernel=$(uname -r)"
cd /work
unseen --json doctor > /tmp/doctor
grep -A1 '"freshness"' /tmp/doctor | grep -q '"holds"' && echo VM doctor=proved
# The kernel is told to take back memory, again and again: whatever is not locked is pushed out.
press() { while :; do echo 500M > /cgroups/run/memory.reclaim; usleep 50000; done 2> /dev/null; }
once() {
    who=$1; shape=$2; shift 2
    job=$(cat $shape)
    in_cgroup "$@" unseen job run $job --threads 1 --key keys/operator.pem > /tmp/ran 2>&1 &
    run=$!; swapped=0; locked=0; pressing=
    while kill -0 $run 2> /dev/null; do
        worker=
        for process in /proc/[0-9]*; do
            grep -qs __worker $process/cmdline && worker=${process#/proc/}
        done
        if [ -n "$worker" ]; then
            # From when its walls are up; before that there is no row.
            [ -z "$pressing" ] && grep -qs 'Seccomp:.2' /proc/$worker/status && { press & pressing=$!; }
            now=$(awk '/^VmSwap/ { print $2 }' /proc/$worker/status 2> /dev/null)
            [ "${now:-0}" -gt $swapped ] && swapped=$now
            lck=$(awk '/^VmLck/ { print $2 }' /proc/$worker/status 2> /dev/null)
            [ "${lck:-0}" -gt $locked ] && locked=$lck
        fi
        usleep 100000
    done
    kill $pressing
    cat /tmp/ran
    "$@" unseen --json job release $job --key keys/analyst.pem > /tmp/release
    value() { tr -d ' \n' < /tmp/release | grep -o '"values":\[{[^]]*' | head -n 1 | grep -o '"value":"[^"]*"' | sed -n "$1p" | cut -d'"' -f4; }
    echo "VM $who $shape swapped=$swapped"
    echo "VM $who $shape vmlck=$locked"
    echo "VM $who $shape marked=$(value 1)"
    echo "VM $who $shape seen=$(value 2)"
    echo "VM $who $shape advance=$(tr -d ' \n' < /tmp/release | grep -o '"rows":\[\[[^]]*' | tr -cd '0-9.e-')"
}
in_cgroup() { echo 0 > /cgroups/run/cgroup.procs; "$@"; }
as_user() { start-stop-daemon -S -c user -x /bin/sh -- -c 'ulimit -l 64; exec "$@"' sh "$@"; }
for copy in huge small; do cp -a /work /$copy; chown -R user /$copy; done
for shape in put-back new; do once locked $shape env; done
chmod 777 /tmp && rm -f /tmp/*
# Without a right to lock memory, with large pages and without.
cd /huge; echo always > /sys/kernel/mm/transparent_hugepage/enabled
for shape in put-back new; do once huge $shape as_user; done
cd /small; echo never > /sys/kernel/mm/transparent_hugepage/enabled
for shape in put-back new; do once small $shape as_user; done
unseen policy show | sed 's/^swap = true/swap = false/' > policy.toml
unseen policy set policy.toml --key keys/owner.pem > /tmp/set
as_user unseen dataset import items.csv --description items.toml --key keys/steward.pem 2>&1 | tee /tmp/import
grep -q 'the policy lets no row be read where it could be written to swap' /tmp/import && echo VM refused=yes
echo VM end=yes
sync; poweroff -f
"#;

/// Starts the machine and hears what it says until it is off.
fn played(kernel: &Path, image: &Path, disk: &Path) -> String {
    let mut machine = Command::new("qemu-system-x86_64");
    machine.args(["-m", "1024", "-smp", "2", "-nographic", "-no-reboot", "-cpu", "max"]);
    // Slow, and the same everywhere; UNSEEN_VM_ACCEL=kvm where that works.
    machine.arg("-accel").arg(std::env::var("UNSEEN_VM_ACCEL").unwrap_or_else(|_| "tcg,thread=multi".to_owned()));
    machine.arg("-kernel").arg(kernel).arg("-initrd").arg(image);
    machine.arg("-drive").arg(format!("file={},format=raw,if=none,id=swap", disk.display()));
    machine.args(["-device", "nvme,drive=swap,serial=swap", "-append", "console=ttyS0 quiet panic=-1 loglevel=3"]);
    let mut child = machine.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let heard = std::thread::spawn(move || {
        let lines = std::io::BufReader::new(out).split(b'\n').map_while(Result::ok);
        let said = lines.map(|line| String::from_utf8_lossy(&line).into_owned()).inspect(|line| println!("{line}"));
        said.collect::<Vec<_>>().join("\n")
    });
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(1_800) {
        std::thread::sleep(Duration::from_millis(200));
    }
    let _ = child.kill();
    heard.join().unwrap()
}

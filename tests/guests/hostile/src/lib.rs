//! A guest that misbehaves as the first number of its state says, or, where it has none, the first
//! cell of the second column. Modes that act on a victim do so when the text column holds "victim",
//! and else count one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use unseen_guest::{Contribution, Contributions, Grain, Job, Key, job};

struct Hostile;

static NUMBER: AtomicU64 = AtomicU64::new(0);
static LIST: Mutex<Vec<String>> = Mutex::new(Vec::new());
static CODE: Mutex<fn() -> f64> = Mutex::new(first);

fn first() -> f64 {
    1.0
}

fn second() -> f64 {
    2.0
}

impl Job for Hostile {
    fn contribute(grain: &Grain, state: &[f64], out: &mut Contributions) -> Result<(), String> {
        let mode = match state.first() {
            Some(&mode) => mode as u32,
            None => grain.input(0).column(1, "mode").ints()?.get(0).unwrap_or(99) as u32,
        };
        let is_victim = grain.input(0).column(0, "name").texts()?.valid().any(|text| text == "victim");
        match mode {
            // Remember: in a number, in allocated memory, in which code runs next.
            0 => {
                let before = NUMBER.fetch_add(1, Ordering::Relaxed);
                let mut list = LIST.lock().map_err(|_| "poisoned")?;
                list.push("seen".repeat(2000));
                let mut code = CODE.lock().map_err(|_| "poisoned")?;
                add(out, "number", &[before as f64]);
                add(out, "list", &[list.len() as f64]);
                add(out, "code", &[(*code)()]);
                *code = second;
                return Ok(());
            }
            // Remember far away: touch pages all over memory, and read them first.
            1 => {
                let mut pages = vec![0_u8; 150_000];
                let seen: u64 = pages.iter().step_by(512).map(|&byte| u64::from(byte)).sum();
                pages.iter_mut().step_by(512).for_each(|byte| *byte = 7);
                std::hint::black_box(&mut pages);
                add(out, "pages", &[seen as f64]);
                return Ok(());
            }
            2 if is_victim => panic!("a victim in mode {mode}"),
            3 if is_victim => loop {
                NUMBER.fetch_add(1, Ordering::Relaxed);
            },
            // All the memory there is, written.
            4 if is_victim => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    let mut more = Vec::new();
                    if more.try_reserve_exact(1 << 20).is_err() {
                        break;
                    }
                    more.resize(1 << 20, 0xAB);
                    hoard.push(more);
                }
                add(out, "hoard", &[hoard.len() as f64]);
                return Ok(());
            }
            // Allocate for ever, without minding.
            5 if is_victim => {
                let mut all = Vec::new();
                loop {
                    all.push(vec![1_u8; 1 << 16]);
                }
            }
            6 if is_victim => {
                for _ in 0..1_000_000 {
                    add(out, 1, &[1.0]);
                }
                return Ok(());
            }
            7 if is_victim => {
                add(out, "long".repeat(5_000_000), &[1.0]);
                return Ok(());
            }
            8 => {
                add(out, "nan", &[f64::NAN]);
                add(out, "inf", &[f64::INFINITY, f64::NEG_INFINITY]);
                out.add(Contribution { output: u32::MAX, group: vec![Key::Int(i64::MIN); 9], values: vec![1.0; 100] });
                out.add(Contribution { output: 0, group: vec![], values: vec![] });
                return Ok(());
            }
            9 if is_victim => {
                add(out, "deep", &[deep(u64::MAX) as f64]);
                return Ok(());
            }
            10 if is_victim => return Err("the victim is here".repeat(1000)),
            // Everything of memory, by address: whatever was left there shows.
            11 => {
                let mut sum = 0_u64;
                let pages = core::arch::wasm32::memory_size(0);
                for address in (1024..pages * 65_536).step_by(8) {
                    // SAFETY: inside linear memory; there is nothing else to be careful of.
                    let word = unsafe { std::ptr::read_volatile(address as *const u64) };
                    sum = sum.rotate_left(5) ^ word;
                }
                add(out, "digest", &[(sum >> 12) as f64, pages as f64]);
                return Ok(());
            }
            _ => {}
        }
        add(out, "count", &[1.0]);
        Ok(())
    }
}

/// By place, as a job without names would.
fn add(out: &mut Contributions, key: impl Into<Key>, values: &[f64]) {
    out.add(Contribution { output: 0, group: vec![key.into()], values: values.to_vec() });
}

#[inline(never)]
fn deep(n: u64) -> u64 {
    if n == 0 { 0 } else { std::hint::black_box(deep(std::hint::black_box(n - 1))) + 1 }
}

job!(Hostile);

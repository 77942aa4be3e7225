//! Which pages of a guest's memory were written, asked of the kernel.

use std::fs::File;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};

/// `/proc/self/pagemap`, on a kernel with the `PAGEMAP_SCAN` request (Linux 6.7 and later).
pub(crate) struct PageMap {
    file: File,
}

/// How many runs of pages one request can report; more take another request.
const REGIONS: usize = 16;

impl PageMap {
    /// `None` where the kernel, or the right to ask it, is missing.
    pub(crate) fn open() -> Option<PageMap> {
        // An open pagemap goes on describing the process that opened it. A forked child would
        // take its parent's pages for its own, so there the scan refuses for ever.
        static WATCHED: LazyLock<bool> = LazyLock::new(|| {
            // SAFETY: the handler only stores to an atomic, which is allowed after a fork.
            unsafe { libc::pthread_atfork(None, None, Some(after_fork)) == 0 }
        });
        if !*WATCHED || FORKED.load(Ordering::Relaxed) {
            return None;
        }
        let map = PageMap { file: File::open("/proc/self/pagemap").ok()? };
        map.selftest().then_some(map)
    }

    /// Every run of pages (as addresses) in `range` that is no longer backed by its file or by the
    /// shared page of zeros, that is: everything written since it was mapped, in memory or swapped
    /// out. Pages never written, or only read, are left out.
    ///
    /// None where the kernel did not answer for the whole range: then nothing may be concluded.
    pub(crate) fn written(&self, range: Range<usize>) -> Option<Vec<Range<usize>>> {
        if FORKED.load(Ordering::Relaxed) {
            return None;
        }
        let (mut start, mut found) = (range.start, Vec::new());
        while start < range.end {
            let mut regions = [const { MaybeUninit::<Region>::uninit() }; REGIONS];
            let mut argument = ScanArgument {
                size: size_of::<ScanArgument>() as u64,
                start: start as u64,
                end: range.end as u64,
                vec: regions.as_mut_ptr() as u64,
                vec_len: REGIONS as u64,
                category_inverted: FILE | PFNZERO,
                category_mask: FILE | PFNZERO,
                category_anyof_mask: PRESENT | SWAPPED,
                ..ScanArgument::default()
            };
            // SAFETY: `Scan` describes this request truly, and `vec` points at `vec_len` regions
            // that live until the request returns.
            let count = unsafe { ioctl(self.file.as_fd(), Scan(&mut argument)) }.ok()?;
            for region in regions.get(..count)? {
                // SAFETY: the kernel filled the first `count` regions.
                let region = unsafe { region.assume_init() };
                let (from, to) = (region.start as usize, region.end as usize);
                if from < start || to > range.end || from > to {
                    return None;
                }
                found.push(from..to);
            }
            let walked = argument.walk_end as usize;
            if walked <= start {
                return None;
            }
            start = walked;
        }
        Some(found)
    }

    /// Writes one page of three and asks which one it was: a kernel that answers otherwise is
    /// taken for one that cannot answer.
    fn selftest(&self) -> bool {
        use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
        let page = rustix::param::page_size();
        // SAFETY: a fresh private mapping, used only here.
        let Ok(base) = (unsafe {
            mmap_anonymous(std::ptr::null_mut(), 3 * page, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        }) else {
            return false;
        };
        let base_address = base as usize;
        // SAFETY: both addresses are inside the mapping.
        unsafe {
            std::ptr::read_volatile(base.cast::<u8>());
            std::ptr::write_volatile(base.cast::<u8>().add(page), 1);
        }
        let seen = self.written(base_address..base_address + 3 * page).unwrap_or_default();
        // SAFETY: the mapping made above, not used again.
        let unmapped = unsafe { munmap(base, 3 * page) }.is_ok();
        let expected = base_address + page..base_address + 2 * page;
        // Huge pages may widen the answer; it must hold the written page and may hold more.
        unmapped && seen.iter().any(|r| r.start <= expected.start && r.end >= expected.end)
    }
}

static FORKED: AtomicBool = AtomicBool::new(false);

unsafe extern "C" fn after_fork() {
    FORKED.store(true, Ordering::Relaxed);
}

// linux/fs.h: struct pm_scan_arg, struct page_region, PAGE_IS_*.
#[repr(C)]
#[derive(Default)]
struct ScanArgument {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

const FILE: u64 = 1 << 2;
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;
const PFNZERO: u64 = 1 << 5;

struct Scan<'a>(&'a mut ScanArgument);

// SAFETY: `PAGEMAP_SCAN` is `_IOWR('f', 16, struct pm_scan_arg)`: it reads and writes the argument,
// and returns the number of regions filled.
unsafe impl Ioctl for Scan<'_> {
    type Output = usize;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<ScanArgument>(b'f', 16)
    }

    fn as_ptr(&mut self) -> *mut rustix::ffi::c_void {
        std::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut rustix::ffi::c_void) -> rustix::io::Result<usize> {
        usize::try_from(out).map_err(|_| rustix::io::Errno::INVAL)
    }
}

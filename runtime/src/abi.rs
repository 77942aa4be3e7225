//! Calls `contribute` of a core instance by the component model's canonical ABI. What is copied in goes into the guest's
//! own memory; what is read from there is checked and bounded first.

use unseen_texts::{Text, text};
use wasmtime::{Global, Memory, Store, TypedFunc};

use crate::call::{Failure, Tally};
use crate::engine::Limits;
use crate::marks::Written;
use crate::types::{Cells, Contribution, Key, Table};

/// An instance at its first state.
pub(crate) struct Ready {
    pub(crate) store: Store<Tally>,
    pub(crate) memory: Memory,
    /// What the guest has written, where its code notes that.
    pub(crate) marks: Option<Global>,
    /// What was written into its memory from here.
    pub(crate) written: Written,
    pub(crate) globals: Vec<Global>,
    pub(crate) realloc: TypedFunc<(u32, u32, u32, u32), u32>,
    pub(crate) contribute: TypedFunc<(u32, u32, u32, u32), u32>,
    /// Whether the guest is asked for room once for all lists of a grain.
    pub(crate) keeps_lists: bool,
    /// Where the next list may lie, if it was.
    pub(crate) room: Option<u32>,
}

impl Ready {
    /// Calls `contribute` by the canonical ABI: copies the lists in, calls, reads the answer.
    pub(crate) fn contribute(
        &mut self,
        limits: &Limits,
        grain: &[Table<'_>],
        state: &[f64],
    ) -> Result<Vec<Contribution>, Failure> {
        self.store.set_fuel(limits.fuel).expect("invariant: the engine counts fuel");
        self.room = None;
        if self.keeps_lists {
            self.room = Some(self.room(8, room_for(grain, state), 1)?);
        }
        let tables = self.room(4, grain.len(), TABLE)?;
        for (i, table) in grain.iter().enumerate() {
            let columns = self.room(4, table.columns.len(), COLUMN)?;
            self.words(tables + (i * TABLE) as u32, &[table.rows, columns, table.columns.len() as u32])?;
            for (i, column) in table.columns.iter().enumerate() {
                let at = columns + (i * COLUMN) as u32;
                let (kind, first, second) = match column.cells {
                    Cells::Ints(cells) => (0, self.list(cells)?, None),
                    Cells::Floats(cells) => (1, self.list(cells)?, None),
                    Cells::Bools(cells) => (2, self.list(cells)?, None),
                    Cells::Texts(texts) => (3, self.list(texts.offsets)?, Some(self.list(texts.bytes)?)),
                };
                let second = second.unwrap_or([0, 0]);
                let validity = self.list(column.validity)?;
                self.words(at, &[kind, first[0], first[1], second[0], second[1], validity[0], validity[1]])?;
            }
        }
        let [state, states] = self.list(state)?;
        let answer = self
            .contribute
            .call(&mut self.store, (tables, grain.len() as u32, state, states))
            .map_err(|e| Failure::of_call(&e, self.store.data()))?;
        Answer { memory: self.memory.data(&self.store), left: limits.answer as usize }.contributions(answer, limits)
    }

    /// Asks the guest for room for `count` items of `size` bytes; for none too, as wasmtime does, since some free it.
    fn room(&mut self, align: u32, count: usize, size: usize) -> Result<u32, Failure> {
        let too_long =
            || Failure::Trap(text!("the grain does not fit the guest's memory", "数据粒放不进作业代码的内存").into());
        let bytes = count.checked_mul(size).ok_or_else(too_long)?;
        let bytes = u32::try_from(bytes).map_err(|_| too_long())?;
        if let Some(room) = &mut self.room {
            let start = room.checked_next_multiple_of(align).ok_or_else(too_long)?;
            *room = start.checked_add(bytes).ok_or_else(too_long)?;
            return Ok(start);
        }
        let start = self
            .realloc
            .call(&mut self.store, (0, 0, align, bytes))
            .map_err(|e| Failure::of_call(&e, self.store.data()))?;
        if !start.is_multiple_of(align) {
            return Err(Failure::Trap(
                text!("`cabi_realloc` returned a misaligned address", "`cabi_realloc` 返回了未对齐的地址").into(),
            ));
        }
        Ok(start)
    }

    /// Copies a list in; its address and length.
    fn list<T: Plain>(&mut self, items: &[T]) -> Result<[u32; 2], Failure> {
        let start = self.room(align_of::<T>() as u32, items.len(), size_of::<T>())?;
        // SAFETY: `Plain` types have no padding and no invalid bytes.
        let bytes = unsafe { std::slice::from_raw_parts(items.as_ptr().cast::<u8>(), size_of_val(items)) };
        self.write(start, bytes)?;
        Ok([start, items.len() as u32])
    }

    fn words(&mut self, at: u32, words: &[u32]) -> Result<(), Failure> {
        // SAFETY: as in `list`.
        let bytes = unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), size_of_val(words)) };
        self.write(at, bytes)
    }

    /// Writes into the guest's memory, and notes it.
    pub(crate) fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        let at = at as usize;
        self.written = self.written.and(at..at + bytes.len());
        let room = self.memory.data_mut(&mut self.store).get_mut(at..at + bytes.len());
        let room = room.ok_or_else(|| {
            Failure::Trap(
                text!("`cabi_realloc` returned an address outside memory", "`cabi_realloc` 返回了内存之外的地址")
                    .into(),
            )
        })?;
        room.copy_from_slice(bytes);
        Ok(())
    }
}

/// Bytes that all lists of a grain take, in the order in which they are copied in.
fn room_for(grain: &[Table<'_>], state: &[f64]) -> usize {
    let mut end = 0usize;
    let mut list = |align: usize, count: usize, size: usize| end = end.next_multiple_of(align) + count * size;
    list(4, grain.len(), TABLE);
    for table in grain {
        list(4, table.columns.len(), COLUMN);
        for column in table.columns {
            match column.cells {
                Cells::Ints(cells) => list(8, cells.len(), 8),
                Cells::Floats(cells) => list(8, cells.len(), 8),
                Cells::Bools(cells) => list(1, cells.len(), 1),
                Cells::Texts(texts) => {
                    list(4, texts.offsets.len(), 4);
                    list(1, texts.bytes.len(), 1);
                }
            }
            list(1, column.validity.len(), 1);
        }
    }
    list(8, state.len(), 8);
    end
}

// Sizes in the canonical ABI, in bytes.
const TABLE: usize = 12;
const COLUMN: usize = 28;
const CONTRIBUTION: usize = 20;
const KEY: usize = 16;

/// Types that lie in WebAssembly's memory as they lie in a little-endian host's.
trait Plain {}
impl Plain for u8 {}
impl Plain for u32 {}
impl Plain for i64 {}
impl Plain for f64 {}

/// Reads an answer where the guest left it. `left` is how many more bytes the host is willing to
/// hold for it: lists may point at one another's items, so an answer can be far larger than the
/// memory that describes it.
struct Answer<'a> {
    memory: &'a [u8],
    left: usize,
}

impl Answer<'_> {
    fn contributions(mut self, at: u32, limits: &Limits) -> Result<Vec<Contribution>, Failure> {
        let at = at as usize;
        if !at.is_multiple_of(4) {
            return Err(refused(text!("it is misaligned", "未对齐")));
        }
        match self.byte(at)? {
            0 => {}
            1 => {
                let text = self.text(at + 4)?;
                return Err(Failure::Guest(text.into()));
            }
            _ => return Err(refused(text!("it is neither a list nor an error", "既不是列表也不是错误"))),
        }
        let (start, count) = self.list(at + 4, CONTRIBUTION, 4, size_of::<Contribution>())?;
        if count > limits.contributions as usize {
            return Err(refused(text!("it has too many contributions", "贡献过多")));
        }
        (0..count).map(|i| self.contribution(start + i * CONTRIBUTION)).collect()
    }

    fn contribution(&mut self, at: usize) -> Result<Contribution, Failure> {
        let output = self.word(at)?;
        let (keys, count) = self.list(at + 4, KEY, 8, size_of::<Key>())?;
        let group = (0..count).map(|i| self.key(keys + i * KEY)).collect::<Result<_, _>>()?;
        let (values, count) = self.list(at + 12, 8, 8, 8)?;
        let (values, _) = self.bytes(values, count * 8)?.as_chunks::<8>();
        let values = values.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        Ok(Contribution { output, group, values })
    }

    fn key(&mut self, at: usize) -> Result<Key, Failure> {
        match self.byte(at)? {
            0 => {
                let (low, high) = (self.word(at + 8)?, self.word(at + 12)?);
                Ok(Key::Int((u64::from(high) << 32 | u64::from(low)) as i64))
            }
            1 => self.text(at + 8).map(Key::Text),
            _ => Err(refused(text!("a key is neither a number nor a text", "键既不是数字也不是文本"))),
        }
    }

    fn text(&mut self, at: usize) -> Result<String, Failure> {
        let (start, count) = self.list(at, 1, 1, 1)?;
        let text = std::str::from_utf8(self.bytes(start, count)?);
        text.map(str::to_owned).map_err(|_| refused(text!("a text is not UTF-8", "文本不是 UTF-8")))
    }

    /// Address and length of the list described at `at`, paid for with `cost` bytes an item.
    fn list(&mut self, at: usize, size: usize, align: usize, cost: usize) -> Result<(usize, usize), Failure> {
        let (start, count) = (self.word(at)? as usize, self.word(at + 4)? as usize);
        let fits = count
            .checked_mul(size)
            .and_then(|bytes| bytes.checked_add(start))
            .is_some_and(|end| end <= self.memory.len());
        if !fits {
            return Err(refused(text!("a list lies outside memory", "列表位于内存之外")));
        }
        if start % align != 0 {
            return Err(refused(text!("a list is misaligned", "列表未对齐")));
        }
        self.left = count
            .checked_mul(cost)
            .and_then(|bytes| self.left.checked_sub(bytes))
            .ok_or_else(|| refused(text!("it is too large", "过大")))?;
        Ok((start, count))
    }

    fn byte(&self, at: usize) -> Result<u8, Failure> {
        Ok(self.bytes(at, 1)?[0])
    }

    fn word(&self, at: usize) -> Result<u32, Failure> {
        let bytes = self.bytes(at, 4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn bytes(&self, at: usize, count: usize) -> Result<&[u8], Failure> {
        let bytes = at.checked_add(count).and_then(|end| self.memory.get(at..end));
        bytes.ok_or_else(|| refused(text!("it lies outside memory", "位于内存之外")))
    }
}

fn refused(reason: Text) -> Failure {
    Failure::Answer(reason.into())
}

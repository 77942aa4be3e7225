//! A checked, compiled module, and its two functions.

use unseen_texts::{Sentence, say, text};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};
use wasmtime::{Store, Trap};

use crate::call::{Failure, Tally, store};
use crate::check::{self, ModuleError, World};
use crate::engine::Engine;
use crate::last_words;
use crate::plain::plain;
use crate::reset::Resettable;
use crate::types::{Contribution, Table, Totals, Verdict};

/// A module ready to run on any number of grains, from any number of threads.
pub struct Module {
    engine: Engine,
    world: World,
    component: Component,
    pre: InstancePre<Tally>,
    contribute: ComponentExportIndex,
    advance: Option<ComponentExportIndex>,
    resettable: Option<Resettable>,
}

type ContributeParams<'a> = (&'a [Table<'a>], &'a [f64]);
type ContributeResult = (Result<Vec<Contribution>, String>,);
type AdvanceParams<'a> = (u32, &'a [f64], &'a [Totals<'a>]);
type AdvanceResult = (Result<Verdict, String>,);

impl Module {
    /// Checks `bytes` (a component), compiles them, and instantiates them once without calling
    /// anything.
    ///
    /// # Errors
    /// One clear sentence about the first thing that is wrong with the module.
    pub fn compile(engine: &Engine, bytes: &[u8]) -> Result<Self, ModuleError> {
        let world = check::check(bytes, &engine.limits)?;
        let refused = |e: wasmtime::Error| ModuleError::Compile { reason: format!("{e:#}") };
        let plain = plain(bytes).map_err(|error| refused(wasmtime::Error::new(error)))?;
        let component = plain.as_ref().map_or(bytes, |plain| &plain.component);
        let component = Component::from_binary(&engine.wasmtime, component).map_err(refused)?;
        let resettable = plain.map(|plain| Resettable::compile(engine, &plain.core)).transpose().map_err(refused)?;
        Module::assemble(engine, world, component, resettable)
    }

    /// The compiled module, for a cache. Whoever keeps it must authenticate it: see
    /// [`Module::deserialize`].
    ///
    /// # Errors
    /// When the host runs out of memory.
    pub fn serialize(&self) -> Result<Vec<u8>, ModuleError> {
        let refused = |e: wasmtime::Error| ModuleError::Compile { reason: format!("{e:#}") };
        let component = self.component.serialize().map_err(refused)?;
        let resettable = match &self.resettable {
            Some(resettable) => resettable.serialize().map_err(refused)?,
            None => Vec::new(),
        };
        let mut bytes = MAGIC.to_vec();
        bytes.push(u8::from(self.world == World::IterativeJob));
        bytes.extend((component.len() as u64).to_le_bytes());
        bytes.extend(component);
        bytes.extend(resettable);
        Ok(bytes)
    }

    /// The module that [`Module::serialize`] wrote, without compiling.
    ///
    /// # Errors
    /// When the bytes come from another version, CPU or configuration: compile again.
    ///
    /// # Safety
    /// `bytes` are trusted as machine code is: they must be exactly what `serialize` returned on
    /// a host of this lab, which the caller must have authenticated, for example with an HMAC.
    pub unsafe fn deserialize(engine: &Engine, bytes: &[u8]) -> Result<Self, ModuleError> {
        let foreign = || ModuleError::Compile { reason: "the cached module is foreign".to_owned() };
        let refused = |e: wasmtime::Error| ModuleError::Compile { reason: format!("{e:#}") };
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(foreign)?;
        let (&[world], rest) = rest.split_first_chunk::<1>().ok_or_else(foreign)?;
        let world = if world == 1 { World::IterativeJob } else { World::Job };
        let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(foreign)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| foreign())?;
        let (component, rest) = rest.split_at_checked(length).ok_or_else(foreign)?;
        // SAFETY: the caller vouches for the bytes.
        let component = unsafe { Component::deserialize(&engine.wasmtime, component) }.map_err(refused)?;
        let resettable = if rest.is_empty() {
            None
        } else {
            // SAFETY: as above.
            Some(unsafe { Resettable::deserialize(engine, rest) }.map_err(refused)?)
        };
        Module::assemble(engine, world, component, resettable)
    }

    /// Which world the module implements.
    pub fn world(&self) -> World {
        self.world
    }

    /// Whether grains reuse an instance that is put back to its first state (`true`), or get an
    /// new instance (`false`: several core modules, or state that cannot be put back).
    /// Both give the same answers, except to a guest that looks at the addresses its input lies
    /// at. Which one it is depends on the module alone, never on the machine.
    pub fn resets_in_place(&self) -> bool {
        self.resettable.is_some()
    }

    /// Whether its code notes which pages it writes, where it is put back: else the kernel is asked. That depends on the
    /// module alone, too.
    pub fn notes_writes(&self) -> bool {
        self.resettable.as_ref().is_some_and(Resettable::has_marks)
    }

    /// Runs `contribute` on one grain, from the module's first state. `state` is empty in the
    /// first round. Blocks the calling thread; any number of threads up to the engine's may call.
    ///
    /// # Errors
    /// A [`Failure`], never with an effect on another call.
    pub fn contribute(&self, grain: &[Table<'_>], state: &[f64]) -> Result<Vec<Contribution>, Failure> {
        match &self.resettable {
            Some(resettable) => resettable.contribute(&self.engine, grain, state),
            None => self.contribute_in_new_instance(grain, state),
        }
    }

    /// [`Module::contribute`] in an instance made for this call alone.
    ///
    /// # Errors
    /// As there.
    pub fn contribute_in_new_instance(&self, grain: &[Table<'_>], state: &[f64]) -> Result<Vec<Contribution>, Failure> {
        self.contribute_with(&mut self.store(self.engine.limits.answer), grain, state)
    }

    /// The same, and the units of fuel it took. That depends on rows: it is for synthetic ones.
    pub fn contribute_metered(&self, grain: &[Table<'_>], state: &[f64]) -> (Result<Vec<Contribution>, Failure>, u64) {
        let mut store = self.store(self.engine.limits.answer);
        let answer = self.contribute_with(&mut store, grain, state);
        (answer, self.engine.limits.fuel - left(&store))
    }

    fn contribute_with(
        &self,
        store: &mut Store<Tally>,
        grain: &[Table<'_>],
        state: &[f64],
    ) -> Result<Vec<Contribution>, Failure> {
        let instance = self.instantiate(store)?;
        let function = instance
            .get_typed_func::<ContributeParams<'_>, ContributeResult>(&mut *store, self.contribute)
            .map_err(|e| Failure::Host(format!("{e:#}").into()))?;
        let (answer,) = function.call(&mut *store, (grain, state)).map_err(|e| last_words::of_call(&e, store))?;
        let answer = answer.map_err(|said| Failure::Guest(said.into()))?;
        if answer.len() > self.engine.limits.contributions as usize {
            return Err(Failure::Answer(text!("too many contributions", "贡献过多").into()));
        }
        Ok(answer)
    }

    /// Runs `advance` on the noised totals of round `round` (from 0), in a fresh instance.
    ///
    /// # Errors
    /// A [`Failure`]; of [`Failure::Guest`] when the module is of world [`World::Job`].
    pub fn advance(&self, round: u32, state: &[f64], noisy: &[Totals<'_>]) -> Result<Verdict, Failure> {
        self.advance_metered(round, state, noisy).0
    }

    /// The same, and the units of fuel it took.
    pub fn advance_metered(&self, round: u32, state: &[f64], noisy: &[Totals<'_>]) -> (Result<Verdict, Failure>, u64) {
        let mut store = self.store(MAX_VERDICT);
        let verdict = self.advance_with(&mut store, round, state, noisy);
        (verdict, self.engine.limits.fuel - left(&store))
    }

    fn advance_with(
        &self,
        store: &mut Store<Tally>,
        round: u32,
        state: &[f64],
        noisy: &[Totals<'_>],
    ) -> Result<Verdict, Failure> {
        let index =
            self.advance.ok_or_else(|| Failure::Guest(text!("there is no `advance`", "没有 `advance`").into()))?;
        let instance = self.instantiate(store)?;
        let function = instance
            .get_typed_func::<AdvanceParams<'_>, AdvanceResult>(&mut *store, index)
            .map_err(|e| Failure::Host(format!("{e:#}").into()))?;
        let (verdict,) =
            function.call(&mut *store, (round, state, noisy)).map_err(|e| last_words::of_call(&e, store))?;
        verdict.map_err(|said| Failure::Guest(said.into()))
    }

    /// Links, instantiates once, and checks the exports' types.
    fn assemble(
        engine: &Engine,
        world: World,
        component: Component,
        resettable: Option<Resettable>,
    ) -> Result<Self, ModuleError> {
        let refused = |e: wasmtime::Error| ModuleError::Compile { reason: format!("{e:#}") };
        let pre = Linker::new(&engine.wasmtime).instantiate_pre(&component).map_err(refused)?;
        let export =
            |name: &'static str| component.get_export_index(None, name).ok_or(ModuleError::MissingExport { name });
        let contribute = export("contribute")?;
        let advance = match world {
            World::Job => None,
            World::IterativeJob => Some(export("advance")?),
        };
        let engine = engine.clone();
        let module = Module { engine, world, component, pre, contribute, advance, resettable };

        let mut store = module.store(0);
        let instance = module.instantiate(&mut store).map_err(|failure| ModuleError::Start {
            reason: match failure {
                Failure::Fuel => text!(
                    "its start function uses up the fuel of a whole grain",
                    "其启动函数耗尽了一个数据粒的全部燃料"
                )
                .into(),
                Failure::Trap(reason) => say!("its start function trapped: {reason}", "其启动函数触发陷阱：{reason}"),
                other => Sentence::of(&other),
            },
        })?;
        let wrong = |name, e: wasmtime::Error| {
            let reason = format!("{e:#}");
            ModuleError::WrongType { name, reason }
        };
        instance
            .get_typed_func::<ContributeParams<'_>, ContributeResult>(&mut store, contribute)
            .map_err(|e| wrong("contribute", e))?;
        if let Some(advance) = advance {
            instance
                .get_typed_func::<AdvanceParams<'_>, AdvanceResult>(&mut store, advance)
                .map_err(|e| wrong("advance", e))?;
        }
        drop(store);
        Ok(module)
    }

    fn store(&self, answer: u32) -> Store<Tally> {
        store(&self.engine, answer)
    }

    fn instantiate(&self, store: &mut Store<Tally>) -> Result<wasmtime::component::Instance, Failure> {
        self.pre.instantiate(&mut *store).map_err(|e| match e.downcast_ref::<Trap>() {
            Some(_) => last_words::of_call(&e, store),
            None => Failure::Host(format!("{e:#}").into()),
        })
    }
}

/// First bytes of a serialized module; the last one is the version of this layout.
const MAGIC: &[u8] = b"unseen-module\x02";

/// Bytes a verdict may take: it is computed from noised totals only, once per round.
const MAX_VERDICT: u32 = 64 << 20;

/// The fuel that is left in one.
fn left(store: &Store<Tally>) -> u64 {
    store.get_fuel().expect("invariant: the engine counts fuel")
}

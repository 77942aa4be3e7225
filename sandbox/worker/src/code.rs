//! What runs on grains: an analyst's component, or a map that comes with the lab.

use std::sync::atomic::{AtomicU64, Ordering};

use unseen_policies::shape::{SECTION, Shape, ShapeError};
use unseen_policies::{Manifest, Plan};
use unseen_runtime::{
    Contribution, Engine, EngineError, Failure, Limits, Module, ModuleError, Table, Totals, World, custom_section,
};
use unseen_texts::{Say, Sentence, text};

use crate::guest::{Guest, Verdict};
use crate::ready_made::{self, ReadyMade};
use crate::rows::Rows;

/// Code that is ready to run under one plan.
pub enum Code {
    /// Untrusted: in wasmtime, a fresh state for each grain.
    Component(Box<Module>),
    /// The lab's own.
    ReadyMade(Box<ReadyMade>),
}

/// Why code is refused. Depends on the code and the manifest only.
#[derive(Debug, thiserror::Error, Say)]
#[code("code")]
pub enum CodeError {
    /// The component.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// It was built for another manifest.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The plan has more rounds than the code can go.
    #[error("the manifest asks for {0} rounds, but the component has no `advance`: export it, or set rounds = 1")]
    #[zh("清单要求 {0} 轮，但组件没有 `advance`：请导出它，或设 rounds = 1")]
    Rounds(u32),
    /// The ready-made map cannot do what the manifest asks.
    #[error("{0}")]
    #[zh("{0}")]
    ReadyMade(Sentence),
}

/// What code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Runs, on so many threads.
    Runs(usize),
    /// Synthetic rows: a trap comes with what the guest said before.
    Trials,
}

impl Use {
    fn engine(self, plan: &Plan) -> Result<Engine, EngineError> {
        let limits = Limits { answer: plan.limits.answer(), ..Limits::new(plan.limits.fuel, plan.limits.memory) };
        match self {
            Use::Runs(threads) => Engine::new(&limits, threads),
            Use::Trials => Engine::for_trials(&limits),
        }
    }

    /// Tells compiled code of this plan's engine from that of another version, configuration or CPU.
    pub(crate) fn fingerprint(self, plan: &Plan) -> Result<u64, CodeError> {
        Ok(self.engine(plan)?.fingerprint())
    }
}

impl Code {
    /// Checks and compiles `code`: the bytes of a component, or of a map in [`ready_made`].
    pub fn compile(code: &[u8], manifest: &Manifest, plan: &Plan, purpose: Use) -> Result<Code, CodeError> {
        if ready_made::is_one(code) {
            return Code::ready_made(code, manifest, plan);
        }
        let module = Module::compile(&purpose.engine(plan)?, code)?;
        Code::check_shape(code, manifest)?;
        match module.world() {
            World::Job if plan.rounds > 1 => Err(CodeError::Rounds(plan.rounds)),
            _ => Ok(Code::Component(Box::new(module))),
        }
    }

    /// Whether `code` was built for the names that the manifest has.
    pub fn check_shape(code: &[u8], manifest: &Manifest) -> Result<(), ShapeError> {
        if ready_made::is_one(code) {
            return Ok(());
        }
        Shape::of(manifest).check(custom_section(code, SECTION))
    }

    /// For a cache and for the worker; see [`Code::load`].
    pub fn serialize(&self) -> Result<Vec<u8>, CodeError> {
        match self {
            Code::Component(module) => Ok(module.serialize()?),
            Code::ReadyMade(map) => Ok(map.code().to_vec()),
        }
    }

    /// What [`Code::serialize`] wrote, without compiling.
    ///
    /// # Safety
    /// `bytes` are trusted as machine code is: the lab wrote them itself and authenticated them.
    pub unsafe fn load(bytes: &[u8], manifest: &Manifest, plan: &Plan, purpose: Use) -> Result<Code, CodeError> {
        if ready_made::is_one(bytes) {
            return Code::ready_made(bytes, manifest, plan);
        }
        // SAFETY: the caller vouches for the bytes.
        Ok(Code::Component(Box::new(unsafe { Module::deserialize(&purpose.engine(plan)?, bytes) }?)))
    }

    /// The same code, tied to the rows it will see.
    ///
    /// # Errors
    /// A ready-made map whose expressions do not fit the columns' types.
    pub fn reading(self, rows: &Rows) -> Result<Code, CodeError> {
        match self {
            Code::ReadyMade(map) => {
                let map = map.with_kinds(&rows.kinds()).map_err(CodeError::ReadyMade)?;
                Ok(Code::ReadyMade(Box::new(map)))
            }
            component => Ok(component),
        }
    }

    fn ready_made(code: &[u8], manifest: &Manifest, plan: &Plan) -> Result<Code, CodeError> {
        // An older map would read such a manifest as if nothing stood in its section.
        if ready_made::of(manifest).is_some_and(|meant| meant != code) {
            return Err(CodeError::ReadyMade(
                text!(
                    "the manifest and the ready-made map it was submitted with are of two kinds: submit it again",
                    "清单与提交时所用的现成映射不是同一种：请重新提交"
                )
                .into(),
            ));
        }
        let map = ReadyMade::new(manifest, plan).map_err(CodeError::ReadyMade)?;
        match plan.rounds {
            2.. if !map.has_model() => Err(CodeError::Rounds(plan.rounds)),
            _ => Ok(Code::ReadyMade(Box::new(map))),
        }
    }
}

/// Code that says how much fuel its grains take. That depends on rows: it is for synthetic ones.
pub struct Metered<'a> {
    code: &'a Code,
    most: AtomicU64,
}

impl<'a> Metered<'a> {
    /// Code to be measured; it runs as usual.
    pub fn new(code: &'a Code) -> Metered<'a> {
        Metered { code, most: AtomicU64::new(0) }
    }

    /// The most that one call has taken so far; 0 of the lab's own code, which takes none.
    pub fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    fn took<T>(&self, (answer, fuel): (T, u64)) -> T {
        self.most.fetch_max(fuel, Ordering::Relaxed);
        answer
    }
}

impl Guest for Metered<'_> {
    fn contribute(&self, grain: &[Table<'_>], state: &[f64]) -> Result<Vec<Contribution>, Failure> {
        match self.code {
            Code::Component(module) => self.took(module.contribute_metered(grain, state)),
            Code::ReadyMade(map) => map.contribute(grain, state),
        }
    }

    fn advance(&self, round: u32, state: &[f64], noisy: &[Totals<'_>]) -> Option<Result<Verdict, Failure>> {
        match self.code {
            Code::Component(module) if module.world() == World::IterativeJob => {
                Some(self.took(module.advance_metered(round, state, noisy)).map(Verdict::from))
            }
            other => other.advance(round, state, noisy),
        }
    }
}

impl Guest for Code {
    fn contribute(&self, grain: &[Table<'_>], state: &[f64]) -> Result<Vec<Contribution>, Failure> {
        match self {
            Code::Component(module) => module.contribute(grain, state),
            Code::ReadyMade(map) => map.contribute(grain, state),
        }
    }

    fn advance(&self, round: u32, state: &[f64], noisy: &[Totals<'_>]) -> Option<Result<Verdict, Failure>> {
        match self {
            Code::Component(module) => Guest::advance(module.as_ref(), round, state, noisy),
            Code::ReadyMade(map) => map.advance(round, state, noisy),
        }
    }
}

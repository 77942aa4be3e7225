//! One core module instead of the several that the tools of interpreters link in a component.
//!
//! Between two grains a lab puts a component of one core module back to its first state, and makes any other one anew,
//! which takes several times as long. What those tools link at instantiation (one memory, tables filled once, globals and
//! functions imported from each other) can as well be linked beforehand. Functions of the system, which they stub out
//! with traps, become traps here too.
//!
//! Whether a grain stays apart does not hang on this: the lab looks at the module as it gets it.

mod links;
mod merge;

use wasmparser::BinaryReaderError;

/// The core module that does what the core modules of a component do together; none where there is one only, or they are
/// linked in a way that this does not know.
///
/// # Errors
/// When the bytes are no component.
pub fn flatten(component: &[u8]) -> Result<Option<Vec<u8>>, BinaryReaderError> {
    match links::scope_of(component, "contribute")? {
        Some(scope) if scope.modules.len() > 1 => merge::merged(&scope),
        _ => Ok(None),
    }
}

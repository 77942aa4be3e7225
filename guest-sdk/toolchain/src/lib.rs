//! Makes jobs: a new project, its build, and the component a lab runs.
//!
//! ```text
//! new_project(dir, name, ...)        a ready project, with the SDK's source beside it
//! build(dir)                         the language's own tool, then a component
//! build_from(dir, bytes)             the same from a module that was built in another way
//! write_shape(dir, language)         the file of names alone, from job.toml
//! componentize(bytes)                a component from anybody's core module
//! flatten(component)                 the one core module that does what a component's several do
//! with_shape(component, shape)       says which names a component was built for that does not say so itself
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod build;
mod component;
mod flatten;
mod language;
mod project;
mod shape;

pub use build::{BuildError, BuiltModule, build, build_from, build_package, write_shape};
pub use component::{ComponentError, componentize, with_shape};
pub use flatten::flatten;
pub use language::Language;
pub use project::{Measure, NewError, Subject, Template, new_project};

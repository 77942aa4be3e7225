//! Makes jobs: a new project, its build, and the component a lab runs.
//!
//! ```text
//! new_project(dir, name, template)   a ready project, with the SDK's source beside it
//! build(dir)                         cargo for wasm32, then a component, in this process
//! componentize(bytes)                a component from anybody's core module
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod build;
mod component;
mod project;

pub use build::{BuildError, BuiltModule, build, build_package};
pub use component::{ComponentError, componentize};
pub use project::{NewError, Template, new_project};

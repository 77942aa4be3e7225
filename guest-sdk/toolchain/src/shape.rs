//! The names of a job's manifest, for its code: a file that each build writes anew.

mod c;
mod js;
mod names;
mod python;
mod rust;

use unseen_policies::shape::Shape;

use crate::language::Language;

/// The text of the file ([`Language::shape_file`]) for a shape.
pub(crate) fn source(shape: &Shape, language: Language) -> String {
    let written = match language {
        Language::Rust => rust::source(shape),
        Language::Python => python::source(shape),
        Language::JavaScript => js::source(shape),
        Language::C => c::source(shape),
    };
    written.expect("invariant: a String takes what is written")
}

/// A name as the code of a language calls an input or a column.
pub(crate) fn field(name: &str, language: Language) -> String {
    match language {
        Language::Rust => rust::identifier(name),
        Language::Python => python::attribute(name),
        Language::JavaScript => names::letters(name),
        Language::C => c::identifier(name),
    }
}

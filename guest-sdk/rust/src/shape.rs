//! The names that a job's code was built for.

/// What a job reads and says, by name and in order. `src/shape.rs` has it as `SHAPE`.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The tables of a grain.
    pub inputs: &'static [InputShape],
    /// The tables of totals.
    pub outputs: &'static [OutputShape],
}

/// A table of a grain.
#[derive(Clone, Copy, Debug)]
pub struct InputShape {
    /// Whose rows.
    pub dataset: &'static str,
    /// Its columns, then the looked-up ones.
    pub columns: &'static [&'static str],
}

/// A table of totals.
#[derive(Clone, Copy, Debug)]
pub struct OutputShape {
    /// The output.
    pub name: &'static str,
    /// Its group columns.
    pub groups: &'static [&'static str],
    /// Its values.
    pub values: &'static [&'static str],
}

/// The bytes of a text, for the custom section that tells the lab which names the code was built for.
pub const fn section<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let mut at = 0;
    while at < LENGTH {
        bytes[at] = text.as_bytes()[at];
        at += 1;
    }
    bytes
}

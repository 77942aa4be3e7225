// Written from job.toml by `unseen job build`: change that file, and not this one.
#![allow(dead_code, non_snake_case, non_camel_case_types, clippy::all)]

/// The inputs of a grain, by name.
pub trait Inputs<'a> {
    /// The rows of `adult`.
    fn adult(&self) -> inputs::Adult<'a>;
}

impl<'a> Inputs<'a> for unseen_guest::Grain<'a> {
    fn adult(&self) -> inputs::Adult<'a> {
        inputs::Adult(self.input(0))
    }
}

/// The tables of a grain.
pub mod inputs {
    /// The rows of `adult`.
    #[derive(Clone, Copy)]
    pub struct Adult<'a>(pub(super) unseen_guest::Table<'a>);

    impl<'a> Adult<'a> {
        /// Column `sex`.
        pub fn sex(&self) -> unseen_guest::Cells<'a> {
            self.0.column(0, "sex")
        }
        /// Column `age`.
        pub fn age(&self) -> unseen_guest::Cells<'a> {
            self.0.column(1, "age")
        }
    }

    impl<'a> std::ops::Deref for Adult<'a> {
        type Target = unseen_guest::Table<'a>;
        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }
}

/// One group of the output `median`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median<G1 = unseen_guest::Key> {
    /// Group column `sex`.
    pub sex: G1,
    /// Value `years_over_40`.
    pub years_over_40: f64,
}

impl<G1: Into<unseen_guest::Key>> unseen_guest::Output for Median<G1> {
    fn into_contribution(self) -> unseen_guest::Contribution {
        let (group, values) = (vec![self.sex.into()], vec![self.years_over_40]);
        unseen_guest::Contribution { output: 0, group, values }
    }
}

impl<'a, G1: From<unseen_guest::KeyRef<'a>>> unseen_guest::FromTotals<'a> for Median<G1> {
    const OUTPUT: &'static str = "median";
    const PLACE: u32 = 0;
    fn from_group(group: &unseen_guest::Group<'_, 'a>) -> Self {
        Median {
            sex: group.key(0).into(),
            years_over_40: group.value(0),
        }
    }
}

impl<'a> Median<unseen_guest::KeyRef<'a>> {
    /// Every group, with its noised totals.
    pub fn of(noisy: &unseen_guest::Noisy<'a>) -> Vec<Self> {
        noisy.groups()
    }
}

/// The names of job.toml, for tests.
pub static SHAPE: unseen_guest::Shape = unseen_guest::Shape {
    inputs: &[
        unseen_guest::InputShape { dataset: "adult", columns: &["sex", "age"] },
    ],
    outputs: &[
        unseen_guest::OutputShape { name: "median", groups: &["sex"], values: &["years_over_40"] },
    ],
};

// By this the lab knows which names the code was built for.
#[cfg(target_arch = "wasm32")]
#[used]
#[unsafe(link_section = "unseen:shape")]
static SECTION: [u8; 160] = unseen_guest::section("{\"contract\":\"unseen:job@0.2.0\",\"inputs\":[{\"columns\":[\"sex\",\"age\"],\"dataset\":\"adult\"}],\"outputs\":[{\"groups\":[\"sex\"],\"name\":\"median\",\"values\":[\"years_over_40\"]}]}");

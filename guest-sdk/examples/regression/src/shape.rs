// Written from job.toml by `unseen job build`: change that file, and not this one.
#![allow(dead_code, non_snake_case, non_camel_case_types, clippy::all)]

/// The inputs of a grain, by name.
pub trait Inputs<'a> {
    /// The rows of `monthly`.
    fn monthly(&self) -> inputs::Monthly<'a>;
}

impl<'a> Inputs<'a> for unseen_guest::Grain<'a> {
    fn monthly(&self) -> inputs::Monthly<'a> {
        inputs::Monthly(self.input(0))
    }
}

/// The tables of a grain.
pub mod inputs {
    /// The rows of `monthly`.
    #[derive(Clone, Copy)]
    pub struct Monthly<'a>(pub(super) unseen_guest::Table<'a>);

    impl<'a> Monthly<'a> {
        /// Column `output`.
        pub fn output(&self) -> unseen_guest::Cells<'a> {
            self.0.column(0, "output")
        }
        /// Column `energy`.
        pub fn energy(&self) -> unseen_guest::Cells<'a> {
            self.0.column(1, "energy")
        }
        /// Column `tax`.
        pub fn tax(&self) -> unseen_guest::Cells<'a> {
            self.0.column(2, "tax")
        }
        /// Column `jobs`.
        pub fn jobs(&self) -> unseen_guest::Cells<'a> {
            self.0.column(3, "jobs")
        }
    }

    impl<'a> std::ops::Deref for Monthly<'a> {
        type Target = unseen_guest::Table<'a>;
        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }
}

/// One group of the output `gradient`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gradient {
    /// Value `enterprises`.
    pub enterprises: f64,
    /// Value `intercept`.
    pub intercept: f64,
    /// Value `output`.
    pub output: f64,
    /// Value `energy_per_output`.
    pub energy_per_output: f64,
    /// Value `output_per_person`.
    pub output_per_person: f64,
}

impl unseen_guest::Output for Gradient {
    fn into_contribution(self) -> unseen_guest::Contribution {
        let (group, values) = (vec![], vec![self.enterprises, self.intercept, self.output, self.energy_per_output, self.output_per_person]);
        unseen_guest::Contribution { output: 0, group, values }
    }
}

impl<'a> unseen_guest::FromTotals<'a> for Gradient {
    const OUTPUT: &'static str = "gradient";
    const PLACE: u32 = 0;
    fn from_group(group: &unseen_guest::Group<'_, 'a>) -> Self {
        Gradient {
            enterprises: group.value(0),
            intercept: group.value(1),
            output: group.value(2),
            energy_per_output: group.value(3),
            output_per_person: group.value(4),
        }
    }
}

impl Gradient {
    /// Every group, with its noised totals.
    pub fn of(noisy: &unseen_guest::Noisy<'_>) -> Vec<Self> {
        noisy.groups()
    }
}

/// The names of job.toml, for tests.
pub static SHAPE: unseen_guest::Shape = unseen_guest::Shape {
    inputs: &[
        unseen_guest::InputShape { dataset: "monthly", columns: &["output", "energy", "tax", "jobs"] },
    ],
    outputs: &[
        unseen_guest::OutputShape { name: "gradient", groups: &[], values: &["enterprises", "intercept", "output", "energy_per_output", "output_per_person"] },
    ],
};

// By this the lab knows which names the code was built for.
#[cfg(target_arch = "wasm32")]
#[used]
#[unsafe(link_section = "unseen:shape")]
static SECTION: [u8; 237] = unseen_guest::section("{\"contract\":\"unseen:job@0.2.0\",\"inputs\":[{\"columns\":[\"output\",\"energy\",\"tax\",\"jobs\"],\"dataset\":\"monthly\"}],\"outputs\":[{\"groups\":[],\"name\":\"gradient\",\"values\":[\"enterprises\",\"intercept\",\"output\",\"energy_per_output\",\"output_per_person\"]}]}");

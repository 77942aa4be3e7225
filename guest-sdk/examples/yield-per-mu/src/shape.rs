// Written from job.toml by `unseen job build`: change that file, and not this one.
#![allow(dead_code, non_snake_case, non_camel_case_types, clippy::all)]

/// The inputs of a grain, by name.
pub trait Inputs<'a> {
    /// The rows of `enterprises`.
    fn enterprises(&self) -> inputs::Enterprises<'a>;
    /// The rows of `monthly`.
    fn monthly(&self) -> inputs::Monthly<'a>;
}

impl<'a> Inputs<'a> for unseen_guest::Grain<'a> {
    fn enterprises(&self) -> inputs::Enterprises<'a> {
        inputs::Enterprises(self.input(0))
    }
    fn monthly(&self) -> inputs::Monthly<'a> {
        inputs::Monthly(self.input(1))
    }
}

/// The tables of a grain.
pub mod inputs {
    /// The rows of `enterprises`.
    #[derive(Clone, Copy)]
    pub struct Enterprises<'a>(pub(super) unseen_guest::Table<'a>);

    impl<'a> Enterprises<'a> {
        /// Column `town`.
        pub fn town(&self) -> unseen_guest::Cells<'a> {
            self.0.column(0, "town")
        }
        /// Column `land`.
        pub fn land(&self) -> unseen_guest::Cells<'a> {
            self.0.column(1, "land")
        }
        /// Column `name`.
        pub fn name(&self) -> unseen_guest::Cells<'a> {
            self.0.column(2, "name")
        }
    }

    impl<'a> std::ops::Deref for Enterprises<'a> {
        type Target = unseen_guest::Table<'a>;
        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }

    /// The rows of `monthly`.
    #[derive(Clone, Copy)]
    pub struct Monthly<'a>(pub(super) unseen_guest::Table<'a>);

    impl<'a> Monthly<'a> {
        /// Column `month`.
        pub fn month(&self) -> unseen_guest::Cells<'a> {
            self.0.column(0, "month")
        }
        /// Column `output`.
        pub fn output(&self) -> unseen_guest::Cells<'a> {
            self.0.column(1, "output")
        }
        /// Column `energy`.
        pub fn energy(&self) -> unseen_guest::Cells<'a> {
            self.0.column(2, "energy")
        }
        /// Column `tax`.
        pub fn tax(&self) -> unseen_guest::Cells<'a> {
            self.0.column(3, "tax")
        }
    }

    impl<'a> std::ops::Deref for Monthly<'a> {
        type Target = unseen_guest::Table<'a>;
        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }
}

/// One group of the output `yield`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Yield<G1 = unseen_guest::Key, G2 = unseen_guest::Key> {
    /// Group column `town`.
    pub town: G1,
    /// Group column `industry`.
    pub industry: G2,
    /// Value `enterprises`.
    pub enterprises: f64,
    /// Value `output_per_mu`.
    pub output_per_mu: f64,
    /// Value `energy_per_output`.
    pub energy_per_output: f64,
    /// Value `tax_per_mu`.
    pub tax_per_mu: f64,
}

impl<G1: Into<unseen_guest::Key>, G2: Into<unseen_guest::Key>> unseen_guest::Output for Yield<G1, G2> {
    fn into_contribution(self) -> unseen_guest::Contribution {
        let (group, values) = (vec![self.town.into(), self.industry.into()], vec![self.enterprises, self.output_per_mu, self.energy_per_output, self.tax_per_mu]);
        unseen_guest::Contribution { output: 0, group, values }
    }
}

impl<'a, G1: From<unseen_guest::KeyRef<'a>>, G2: From<unseen_guest::KeyRef<'a>>> unseen_guest::FromTotals<'a> for Yield<G1, G2> {
    const OUTPUT: &'static str = "yield";
    const PLACE: u32 = 0;
    fn from_group(group: &unseen_guest::Group<'_, 'a>) -> Self {
        Yield {
            town: group.key(0).into(),
            industry: group.key(1).into(),
            enterprises: group.value(0),
            output_per_mu: group.value(1),
            energy_per_output: group.value(2),
            tax_per_mu: group.value(3),
        }
    }
}

impl<'a> Yield<unseen_guest::KeyRef<'a>, unseen_guest::KeyRef<'a>> {
    /// Every group, with its noised totals.
    pub fn of(noisy: &unseen_guest::Noisy<'a>) -> Vec<Self> {
        noisy.groups()
    }
}

/// One group of the output `grades`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grades<G1 = unseen_guest::Key, G2 = unseen_guest::Key> {
    /// Group column `town`.
    pub town: G1,
    /// Group column `grade`.
    pub grade: G2,
    /// Value `enterprises`.
    pub enterprises: f64,
}

impl<G1: Into<unseen_guest::Key>, G2: Into<unseen_guest::Key>> unseen_guest::Output for Grades<G1, G2> {
    fn into_contribution(self) -> unseen_guest::Contribution {
        let (group, values) = (vec![self.town.into(), self.grade.into()], vec![self.enterprises]);
        unseen_guest::Contribution { output: 1, group, values }
    }
}

impl<'a, G1: From<unseen_guest::KeyRef<'a>>, G2: From<unseen_guest::KeyRef<'a>>> unseen_guest::FromTotals<'a> for Grades<G1, G2> {
    const OUTPUT: &'static str = "grades";
    const PLACE: u32 = 1;
    fn from_group(group: &unseen_guest::Group<'_, 'a>) -> Self {
        Grades {
            town: group.key(0).into(),
            grade: group.key(1).into(),
            enterprises: group.value(0),
        }
    }
}

impl<'a> Grades<unseen_guest::KeyRef<'a>, unseen_guest::KeyRef<'a>> {
    /// Every group, with its noised totals.
    pub fn of(noisy: &unseen_guest::Noisy<'a>) -> Vec<Self> {
        noisy.groups()
    }
}

/// The names of job.toml, for tests.
pub static SHAPE: unseen_guest::Shape = unseen_guest::Shape {
    inputs: &[
        unseen_guest::InputShape { dataset: "enterprises", columns: &["town", "land", "name"] },
        unseen_guest::InputShape { dataset: "monthly", columns: &["month", "output", "energy", "tax"] },
    ],
    outputs: &[
        unseen_guest::OutputShape { name: "yield", groups: &["town", "industry"], values: &["enterprises", "output_per_mu", "energy_per_output", "tax_per_mu"] },
        unseen_guest::OutputShape { name: "grades", groups: &["town", "grade"], values: &["enterprises"] },
    ],
};

// By this the lab knows which names the code was built for.
#[cfg(target_arch = "wasm32")]
#[used]
#[unsafe(link_section = "unseen:shape")]
static SECTION: [u8; 368] = unseen_guest::section("{\"contract\":\"unseen:job@0.2.0\",\"inputs\":[{\"columns\":[\"town\",\"land\",\"name\"],\"dataset\":\"enterprises\"},{\"columns\":[\"month\",\"output\",\"energy\",\"tax\"],\"dataset\":\"monthly\"}],\"outputs\":[{\"groups\":[\"town\",\"industry\"],\"name\":\"yield\",\"values\":[\"enterprises\",\"output_per_mu\",\"energy_per_output\",\"tax_per_mu\"]},{\"groups\":[\"town\",\"grade\"],\"name\":\"grades\",\"values\":[\"enterprises\"]}]}");

// Written from job.toml by `unseen job build`: change that file, and not this one.
#![allow(dead_code, non_snake_case, non_camel_case_types, clippy::all)]

/// The inputs of a grain, by name.
pub trait Inputs<'a> {
    /// The rows of `flights`.
    fn flights(&self) -> inputs::Flights<'a>;
    /// The rows of `planes`.
    fn planes(&self) -> inputs::Planes<'a>;
}

impl<'a> Inputs<'a> for unseen_guest::Grain<'a> {
    fn flights(&self) -> inputs::Flights<'a> {
        inputs::Flights(self.input(0))
    }
    fn planes(&self) -> inputs::Planes<'a> {
        inputs::Planes(self.input(1))
    }
}

/// The tables of a grain.
pub mod inputs {
    /// The rows of `flights`.
    #[derive(Clone, Copy)]
    pub struct Flights<'a>(pub(super) unseen_guest::Table<'a>);

    impl<'a> Flights<'a> {
        /// Column `month`.
        pub fn month(&self) -> unseen_guest::Cells<'a> {
            self.0.column(0, "month")
        }
        /// Column `day`.
        pub fn day(&self) -> unseen_guest::Cells<'a> {
            self.0.column(1, "day")
        }
        /// Column `sched_dep_time`.
        pub fn sched_dep_time(&self) -> unseen_guest::Cells<'a> {
            self.0.column(2, "sched_dep_time")
        }
        /// Column `dep_delay`.
        pub fn dep_delay(&self) -> unseen_guest::Cells<'a> {
            self.0.column(3, "dep_delay")
        }
        /// Column `arr_delay`.
        pub fn arr_delay(&self) -> unseen_guest::Cells<'a> {
            self.0.column(4, "arr_delay")
        }
        /// Column `carrier`.
        pub fn carrier(&self) -> unseen_guest::Cells<'a> {
            self.0.column(5, "carrier")
        }
        /// Column `tzone`.
        pub fn tzone(&self) -> unseen_guest::Cells<'a> {
            self.0.column(6, "tzone")
        }
    }

    impl<'a> std::ops::Deref for Flights<'a> {
        type Target = unseen_guest::Table<'a>;
        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }

    /// The rows of `planes`.
    #[derive(Clone, Copy)]
    pub struct Planes<'a>(pub(super) unseen_guest::Table<'a>);

    impl<'a> Planes<'a> {
        /// Column `seats`.
        pub fn seats(&self) -> unseen_guest::Cells<'a> {
            self.0.column(0, "seats")
        }
    }

    impl<'a> std::ops::Deref for Planes<'a> {
        type Target = unseen_guest::Table<'a>;
        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }
}

/// One group of the output `carriers`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Carriers<G1 = unseen_guest::Key> {
    /// Group column `carrier`.
    pub carrier: G1,
    /// Value `flights`.
    pub flights: f64,
    /// Value `delay`.
    pub delay: f64,
}

impl<G1: Into<unseen_guest::Key>> unseen_guest::Output for Carriers<G1> {
    fn into_contribution(self) -> unseen_guest::Contribution {
        let (group, values) = (vec![self.carrier.into()], vec![self.flights, self.delay]);
        unseen_guest::Contribution { output: 0, group, values }
    }
}

impl<'a, G1: From<unseen_guest::KeyRef<'a>>> unseen_guest::FromTotals<'a> for Carriers<G1> {
    const OUTPUT: &'static str = "carriers";
    const PLACE: u32 = 0;
    fn from_group(group: &unseen_guest::Group<'_, 'a>) -> Self {
        Carriers {
            carrier: group.key(0).into(),
            flights: group.value(0),
            delay: group.value(1),
        }
    }
}

impl<'a> Carriers<unseen_guest::KeyRef<'a>> {
    /// Every group, with its noised totals.
    pub fn of(noisy: &unseen_guest::Noisy<'a>) -> Vec<Self> {
        noisy.groups()
    }
}

/// One group of the output `delays`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delays<G1 = unseen_guest::Key, G2 = unseen_guest::Key> {
    /// Group column `carrier`.
    pub carrier: G1,
    /// Group column `bin`.
    pub bin: G2,
    /// Value `flights`.
    pub flights: f64,
}

impl<G1: Into<unseen_guest::Key>, G2: Into<unseen_guest::Key>> unseen_guest::Output for Delays<G1, G2> {
    fn into_contribution(self) -> unseen_guest::Contribution {
        let (group, values) = (vec![self.carrier.into(), self.bin.into()], vec![self.flights]);
        unseen_guest::Contribution { output: 1, group, values }
    }
}

impl<'a, G1: From<unseen_guest::KeyRef<'a>>, G2: From<unseen_guest::KeyRef<'a>>> unseen_guest::FromTotals<'a> for Delays<G1, G2> {
    const OUTPUT: &'static str = "delays";
    const PLACE: u32 = 1;
    fn from_group(group: &unseen_guest::Group<'_, 'a>) -> Self {
        Delays {
            carrier: group.key(0).into(),
            bin: group.key(1).into(),
            flights: group.value(0),
        }
    }
}

impl<'a> Delays<unseen_guest::KeyRef<'a>, unseen_guest::KeyRef<'a>> {
    /// Every group, with its noised totals.
    pub fn of(noisy: &unseen_guest::Noisy<'a>) -> Vec<Self> {
        noisy.groups()
    }
}

/// One group of the output `zones`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Zones<G1 = unseen_guest::Key> {
    /// Group column `zone`.
    pub zone: G1,
    /// Value `flights`.
    pub flights: f64,
}

impl<G1: Into<unseen_guest::Key>> unseen_guest::Output for Zones<G1> {
    fn into_contribution(self) -> unseen_guest::Contribution {
        let (group, values) = (vec![self.zone.into()], vec![self.flights]);
        unseen_guest::Contribution { output: 2, group, values }
    }
}

impl<'a, G1: From<unseen_guest::KeyRef<'a>>> unseen_guest::FromTotals<'a> for Zones<G1> {
    const OUTPUT: &'static str = "zones";
    const PLACE: u32 = 2;
    fn from_group(group: &unseen_guest::Group<'_, 'a>) -> Self {
        Zones {
            zone: group.key(0).into(),
            flights: group.value(0),
        }
    }
}

impl<'a> Zones<unseen_guest::KeyRef<'a>> {
    /// Every group, with its noised totals.
    pub fn of(noisy: &unseen_guest::Noisy<'a>) -> Vec<Self> {
        noisy.groups()
    }
}

/// One group of the output `chains`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chains<G1 = unseen_guest::Key, G2 = unseen_guest::Key> {
    /// Group column `size`.
    pub size: G1,
    /// Group column `longest`.
    pub longest: G2,
    /// Value `aircraft`.
    pub aircraft: f64,
}

impl<G1: Into<unseen_guest::Key>, G2: Into<unseen_guest::Key>> unseen_guest::Output for Chains<G1, G2> {
    fn into_contribution(self) -> unseen_guest::Contribution {
        let (group, values) = (vec![self.size.into(), self.longest.into()], vec![self.aircraft]);
        unseen_guest::Contribution { output: 3, group, values }
    }
}

impl<'a, G1: From<unseen_guest::KeyRef<'a>>, G2: From<unseen_guest::KeyRef<'a>>> unseen_guest::FromTotals<'a> for Chains<G1, G2> {
    const OUTPUT: &'static str = "chains";
    const PLACE: u32 = 3;
    fn from_group(group: &unseen_guest::Group<'_, 'a>) -> Self {
        Chains {
            size: group.key(0).into(),
            longest: group.key(1).into(),
            aircraft: group.value(0),
        }
    }
}

impl<'a> Chains<unseen_guest::KeyRef<'a>, unseen_guest::KeyRef<'a>> {
    /// Every group, with its noised totals.
    pub fn of(noisy: &unseen_guest::Noisy<'a>) -> Vec<Self> {
        noisy.groups()
    }
}

/// The names of job.toml, for tests.
pub static SHAPE: unseen_guest::Shape = unseen_guest::Shape {
    inputs: &[
        unseen_guest::InputShape { dataset: "flights", columns: &["month", "day", "sched_dep_time", "dep_delay", "arr_delay", "carrier", "tzone"] },
        unseen_guest::InputShape { dataset: "planes", columns: &["seats"] },
    ],
    outputs: &[
        unseen_guest::OutputShape { name: "carriers", groups: &["carrier"], values: &["flights", "delay"] },
        unseen_guest::OutputShape { name: "delays", groups: &["carrier", "bin"], values: &["flights"] },
        unseen_guest::OutputShape { name: "zones", groups: &["zone"], values: &["flights"] },
        unseen_guest::OutputShape { name: "chains", groups: &["size", "longest"], values: &["aircraft"] },
    ],
};

// By this the lab knows which names the code was built for.
#[cfg(target_arch = "wasm32")]
#[used]
#[unsafe(link_section = "unseen:shape")]
static SECTION: [u8; 462] = unseen_guest::section("{\"contract\":\"unseen:job@0.2.0\",\"inputs\":[{\"columns\":[\"month\",\"day\",\"sched_dep_time\",\"dep_delay\",\"arr_delay\",\"carrier\",\"tzone\"],\"dataset\":\"flights\"},{\"columns\":[\"seats\"],\"dataset\":\"planes\"}],\"outputs\":[{\"groups\":[\"carrier\"],\"name\":\"carriers\",\"values\":[\"flights\",\"delay\"]},{\"groups\":[\"carrier\",\"bin\"],\"name\":\"delays\",\"values\":[\"flights\"]},{\"groups\":[\"zone\"],\"name\":\"zones\",\"values\":[\"flights\"]},{\"groups\":[\"size\",\"longest\"],\"name\":\"chains\",\"values\":[\"aircraft\"]}]}");

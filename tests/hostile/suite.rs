//! The attacks of this folder, read. Whoever tries another system needs none of this: the README says what to do.
#![allow(dead_code, reason = "each test needs a part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One file of `attacks/`.
pub struct Attack {
    pub name: String,
    /// What a grain of anybody else's, and the victim's, adds to each group, clamped; groups that are not there: nothing.
    pub others: Said,
    pub victim: Said,
    /// Whether a sound system may refuse the module.
    pub may_be_refused: bool,
    /// How Unseen runs it.
    pub way: Way,
    text: String,
}

/// Groups and what is added to them.
pub type Said = BTreeMap<usize, i128>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    PutBack,
    New,
    Refused,
}

/// All of them, by name.
pub fn attacks() -> Vec<Attack> {
    let files = std::fs::read_dir(folder().join("attacks")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<Attack> = files.map(|path| Attack::read(&path)).collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// `tests/hostile`.
pub fn folder() -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|above| above.join("tests/hostile"));
    above.into_iter().find(|folder| folder.join("frame.wat").exists()).unwrap()
}

/// Writes all that another system needs into a folder: components, what they are to say, rows and the job.
pub fn write(out: &Path) {
    std::fs::create_dir_all(out).unwrap();
    let mut said = String::new();
    for attack in attacks() {
        let groups =
            |said: &Said| said.iter().map(|(group, value)| format!("{group} = {value}")).collect::<Vec<_>>().join(", ");
        let (others, victim) = (groups(&attack.others), groups(&attack.victim));
        said += &format!(
            "[{}]\nothers = {{ {others} }}\nvictim = {{ {victim} }}\nmay_be_refused = {}\n\n",
            attack.name, attack.may_be_refused
        );
        std::fs::write(out.join(attack.name.clone() + ".wasm"), attack.component(|text| text)).unwrap();
    }
    std::fs::write(out.join("suite.toml"), said).unwrap();
    for (name, victim) in [("marked", Victim::Marked), ("plain", Victim::Plain), ("absent", Victim::Absent)] {
        std::fs::write(out.join(format!("{name}.csv")), rows(victim)).unwrap();
    }
    for name in ["job.toml", "rows.toml"] {
        std::fs::copy(folder().join(name), out.join(name)).unwrap();
    }
}

impl Attack {
    fn read(path: &Path) -> Attack {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let head: String =
            text.lines().filter_map(|line| line.split_once(";;! ")).map(|(_, line)| line.to_owned() + "\n").collect();
        let mut head: toml::Table = head.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        for field in ["tries", "leaks_by"] {
            assert!(head.remove(field).is_some_and(|text| text.is_str()), "{name} does not say {field}");
        }
        let mut said = |field| {
            let groups = head.remove(field)?.as_table()?.clone();
            Some(
                groups
                    .iter()
                    .map(|(group, value)| (group.parse().unwrap(), value.as_integer().unwrap().into()))
                    .collect(),
            )
        };
        let others = said("others").unwrap_or_else(|| Said::from([(0, 1)]));
        let victim = said("victim").unwrap_or_else(|| others.clone());
        let way = match head.remove("unseen").as_ref().and_then(toml::Value::as_str) {
            None => Way::PutBack,
            Some("new") => Way::New,
            Some("refused") => Way::Refused,
            Some(other) => panic!("{name}: {other}"),
        };
        let may_be_refused = head.remove("may_be_refused").is_some();
        assert!(head.is_empty(), "{name}: {head}");
        assert!(may_be_refused || way != Way::Refused, "{name} is refused for no reason that is the suite's");
        Attack { name, others, victim, may_be_refused, way, text }
    }

    /// The attack as a job's component, its text changed as somebody likes.
    pub fn component(&self, change: impl Fn(String) -> String) -> Vec<u8> {
        if !self.text.starts_with(";;") {
            return compiled();
        }
        let whole: String = self
            .text
            .lines()
            .map(|line| match line.trim().strip_prefix('@') {
                Some(part) => std::fs::read_to_string(folder().join(part).with_extension("wat")).unwrap(),
                None => line.to_owned() + "\n",
            })
            .collect();
        let bytes = wat::parse_str(change(whole)).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        match bytes.get(4..8) {
            Some([1, 0, 0, 0]) => {
                unseen_toolchain::componentize(&bytes).unwrap_or_else(|error| panic!("{}: {error}", self.name))
            }
            _ => bytes,
        }
    }
}

pub const UNITS: i128 = 40;

/// The victim of the three datasets: with many rows of which one says so, as anybody else, or not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Victim {
    Marked,
    Plain,
    Absent,
}

/// A dataset, as CSV.
pub fn rows(victim: Victim) -> String {
    let mut text = "owner,mark\n".to_owned();
    for unit in 0..UNITS {
        let rows = match (unit, victim) {
            (17, Victim::Marked) => 50,
            (17, Victim::Absent) => 0,
            _ => 1 + unit % 3,
        };
        let mark = |row| i128::from(rows == 50 && row == 37);
        text.extend((0..rows).map(|row| format!("o{unit:05},{}\n", mark(row))));
    }
    text
}

/// The one that is written in Rust. Needs the WebAssembly target.
fn compiled() -> Vec<u8> {
    let target = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from).join("guests");
    unseen_toolchain::build_package(&folder().join("../guests"), "guest-hostile", &target)
        .unwrap_or_else(|error| panic!("the compiled attack is needed: {error}"))
}

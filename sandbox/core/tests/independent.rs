//! Our noise beside that of others: a program that shares no line with ours draws the golden numbers again, word for
//! word, and libraries by others draw from the distributions that ours come from. `scripts/verifiers.sh` gets them.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/skip.rs"]
mod skip;

use std::path::{Path, PathBuf};
use std::process::Command;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rand_distr::Distribution;
use skip::skipped;
use unseen_core::noise::Sampler;
use unseen_policies::Rational;
use unseen_policies::plan::Noise;
use unseen_policies::rational::parse_decimal;

const THEIRS: usize = 300_000;
const OURS: usize = 1_000_000;

#[test]
fn another_program_draws_the_golden_numbers() {
    let golden = root().join("tests/golden/draws.txt");
    let script = root().join("tests/verifiers/golden_draws.py");
    let judge = |file: &Path| match Command::new("python3").arg(&script).arg(file).output() {
        Ok(output) => String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
        Err(_) => String::new(),
    };
    let said = judge(&golden);
    if said.is_empty() {
        return skipped("python3 is not here to draw the golden numbers again");
    }
    assert!(said.starts_with("OK "), "{said}");
    // It would see another number, and a word more or less.
    let text = std::fs::read_to_string(&golden).unwrap();
    for (right, wrong) in [("laplace 1 29 89 ", "laplace 1 29 90 "), ("gaussian 25 44 382 -6", "gaussian 25 44 382 6")]
    {
        let damaged = Path::new(env!("CARGO_TARGET_TMPDIR")).join("draws.txt");
        assert!(text.contains(right), "{right}");
        std::fs::write(&damaged, text.replace(right, wrong)).unwrap();
        assert!(judge(&damaged).starts_with("OTHER "), "{wrong}");
    }
}

#[test]
fn opendp_draws_from_the_same_distributions() {
    same_as("opendp", &[("laplace", "0.3"), ("laplace", "10"), ("laplace", "1000000")]);
    same_as("opendp", &[("gaussian", "0.5"), ("gaussian", "4"), ("gaussian", "1000000")]);
}

#[test]
fn diffprivlib_draws_from_the_same_distributions() {
    same_as("diffprivlib", &[("laplace", "0.3"), ("laplace", "10"), ("laplace", "1000000")]);
    same_as("diffprivlib", &[("gaussian", "0.5"), ("gaussian", "4")]);
}

/// Ours and theirs do not differ; ours with a width that is 2 % off, and theirs, do.
fn same_as(library: &str, cases: &[(&str, &str)]) {
    for (kind, width) in cases {
        let Some(theirs) = theirs(library, kind, width) else { return };
        let width = parse_decimal(width).unwrap();
        let alike = difference(&ours(kind, &width), &theirs);
        assert_eq!(alike, None, "{library}: {kind} {width}");
        let off = width * Rational::new(51.into(), 50.into());
        assert!(difference(&ours(kind, &off), &theirs).is_some(), "{library}: {kind}: a width of {off} is not noticed");
    }
}

fn ours(kind: &str, width: &Rational) -> Vec<i128> {
    let noise = match kind {
        "laplace" => Noise::Laplace { scale: width.clone() },
        _ => Noise::Gaussian { variance: width * width },
    };
    Sampler::new(&noise).unwrap().sample_iter(ChaCha20Rng::from_seed([11; 32])).take(OURS).collect()
}

fn theirs(library: &str, kind: &str, width: &str) -> Option<Vec<i128>> {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("verifiers").join("venv/bin/python");
    let script = root().join("tests/verifiers/draws.py");
    let output = Command::new(python).arg(script).args([library, kind, width, &THEIRS.to_string()]).output().ok();
    let missing = |stderr: &[u8]| String::from_utf8_lossy(stderr).contains("No module named");
    let Some(output) = output.filter(|output| !missing(&output.stderr)) else {
        skipped(&format!("{library} is not installed: see scripts/verifiers.sh"));
        return None;
    };
    let (drawn, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    let drawn: Vec<i128> = drawn.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(drawn.len(), THEIRS, "{said}");
    Some(drawn)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Why two samples cannot be from one distribution: their mean sizes, the share that is at most some number
/// (Kolmogorov and Smirnov), or the shares in bins (chi-square). If they are from one, each of the three says so once in
/// a million times.
fn difference(one: &[i128], other: &[i128]) -> Option<String> {
    const SIGMAS: [f64; 2] = [4.753, 4.892];
    let [n, m] = [one, other].map(|sample| sample.len() as f64);
    let [(mean, spread), (mean2, spread2)] = [one, other].map(sizes);
    let sigmas = (mean - mean2) / (spread / n + spread2 / m).sqrt();
    if sigmas.abs() > SIGMAS[1] {
        return Some(format!("mean sizes of {mean} and {mean2} are {sigmas:.1} deviations apart"));
    }

    let mut both: Vec<(i128, bool)> = one.iter().map(|x| (*x, true)).chain(other.iter().map(|x| (*x, false))).collect();
    both.sort_unstable();
    let (mut seen, mut bin, mut apart) = ([0.0f64; 2], [0.0f64; 2], 0.0f64);
    let (mut chi_square, mut bins, least) = (0.0, 0, (n + m) / 40.0);
    for run in both.chunk_by(|one, other| one.0 == other.0) {
        let ours = run.iter().filter(|(_, ours)| *ours).count() as f64;
        let counts = [ours, run.len() as f64 - ours];
        seen = [seen[0] + counts[0], seen[1] + counts[1]];
        bin = [bin[0] + counts[0], bin[1] + counts[1]];
        apart = apart.max((seen[0] / n - seen[1] / m).abs());
        let rest = n + m - seen[0] - seen[1];
        if bin[0] + bin[1] >= least && rest >= least || rest == 0.0 {
            chi_square += (bin[0] * (m / n).sqrt() - bin[1] * (n / m).sqrt()).powi(2) / (bin[0] + bin[1]);
            (bin, bins) = ([0.0; 2], bins + 1);
        }
    }
    let furthest = (1e6f64 * 2.0).ln().sqrt() * ((n + m) / (2.0 * n * m)).sqrt();
    // Wilson and Hilferty's limit.
    let freedom = f64::from(bins - 1);
    let part = 2.0 / (9.0 * freedom.max(1.0));
    let limit = freedom * (1.0 - part + SIGMAS[0] * part.sqrt()).powi(3);
    match (apart > furthest, chi_square > limit) {
        (true, _) => Some(format!("shares are {apart:.5} apart, and may be {furthest:.5}")),
        (_, true) => Some(format!("chi-square {chi_square:.1} in {bins} bins, and may be {limit:.1}")),
        _ => None,
    }
}

/// Mean and variance of how far the numbers are from zero.
fn sizes(sample: &[i128]) -> (f64, f64) {
    let count = sample.len() as f64;
    let mean = sample.iter().map(|x| x.abs() as f64).sum::<f64>() / count;
    (mean, sample.iter().map(|x| (x.abs() as f64 - mean).powi(2)).sum::<f64>() / (count - 1.0))
}

//! Latencies of the real binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use unseen_ids::{JobId, PublicKey, Role};
use unseen_lab::{Lab, write_new_key};
use unseen_policies::event::{PersonEnrolled, PolicySet};
use unseen_policies::policy::Policy;
use unseen_tlog::Signer;

use crate::cost::{Cost, Fallible};
use crate::inside;

/// The best of several `unseen --help`.
pub fn help(_: &Path) -> Fallible<Cost> {
    let program = unseen()?;
    best(20, || time(Command::new(&program).arg("--help")))
}

/// A lab with a hundred rows and an approved job; the time of `unseen job run` to the release.
pub fn run(bench: &Path) -> Fallible<Cost> {
    let program = unseen()?;
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let lines: Vec<String> = (0..100).map(|i| format!("{i},{},a,{}.5,2.5", i % 10, 10 + i)).collect();
    std::fs::write(dir.join("bench.csv"), format!("unit,month,district,output,energy\n{}\n", lines.join("\n")))?;
    std::fs::write(dir.join("bench.toml"), inside::description(100))?;
    let keys: Vec<_> =
        ["owner", "other"].iter().map(|name| write_new_key(&dir.join(name))).collect::<Result<_, _>>()?;
    let mut lab = Lab::init(&dir.join("lab"), "bench/tiny", "owner", &keys[0])?;
    let origin = lab.ledger().origin().to_owned();
    let roles = vec![Role::Steward, Role::Analyst];
    let key = PublicKey::from(keys[1].verifying_key());
    let proof = unseen_entries::sign::prove_enrolment(&keys[1], &origin, "other", &roles)?;
    lab.sign_and_accept(PersonEnrolled { name: "other".into(), roles, key, proof }, &keys[0], &[])?;
    let mut policy = Policy { release_now: true, ..Policy::default() };
    policy.caps.job = "0.5".parse()?;
    policy.caps.analyst = "1".parse()?;
    lab.sign_and_accept(PolicySet { policy }, &keys[0], &[])?;
    let importing = lab.begin_import(&dir.join("bench.csv"), &dir.join("bench.toml"), Vec::new(), &key)?;
    lab.finish_import(importing.carry_out(&mut |_| ())?, &keys[1])?;
    let component = std::fs::read(bench.join("rolling.wasm"))?;
    let manifest = inside::ROLLING.replace("epsilon = 1", "epsilon = 0.1");
    let mut jobs = Vec::new();
    for _ in 0..5 {
        let (parsed, plan) = lab.plan("job.toml", &manifest)?;
        let module = unseen_ids::Digest::of(&component);
        let submission = unseen_lab::requests::submission(lab.ledger(), &parsed, &plan, &manifest, &module)?;
        let job = JobId(lab.sign_and_accept(submission, &keys[1], &[manifest.as_bytes(), &component])?);
        lab.sign_and_accept(
            unseen_lab::requests::approval(lab.ledger(), lab.log().checkpoint(), job, &parsed.job.purpose)?,
            &keys[0],
            &[],
        )?;
        jobs.push(job.to_string());
    }
    drop(lab);
    let mut jobs = jobs.into_iter();
    best(5, || {
        let job = jobs.next().unwrap_or_default();
        let mut command = Command::new(&program);
        time(command.args(["job", "run", &job]).arg("--lab").arg(dir.join("lab")).arg("--key").arg(dir.join("owner")))
    })
}

/// The binary that people type, built beside this one.
fn unseen() -> Fallible<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("unseen"))
}

fn best(times: usize, mut once: impl FnMut() -> Fallible<f64>) -> Fallible<Cost> {
    let mut wall = f64::INFINITY;
    for _ in 0..times {
        wall = wall.min(once()?);
    }
    Ok(Cost { wall, cpu: wall, peak: 0.0 })
}

fn time(command: &mut Command) -> Fallible<f64> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let wall = start.elapsed().as_secs_f64();
    if output.status.success() {
        Ok(wall)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into())
    }
}

//! `unseen-attack`: tries to prove that releases cost more privacy than they claim. It must fail, and come close; and it
//! must succeed wherever a fault is planted. `docs/attack.md` says how.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod audit;
mod bounds;
mod cases;
mod faults;
mod filter;
mod office;
mod path;
mod seen;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::process::ExitCode;

use audit::{Effort, Finding, audit, audit_changed};
use clap::Parser;
use faults::{FAULTS, HARMLESS};
use filter::{SLIPS, WISHES};
use path::Failure;

/// Try to prove that releases cost more privacy than they claim, and that faults are found
#[derive(Parser)]
#[command(name = "unseen-attack", version)]
struct Args {
    /// Few releases, in less than half a minute; bounds need to reach half of a claim only
    #[arg(long)]
    short: bool,
    /// Releases for each case, over both neighbours [default: 1000000; with --short, 12000]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(2000..))]
    releases: Option<u64>,
    /// Releases for each case and fault [default: 50000; with --short, 8000]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(2000..))]
    fault_releases: Option<u64>,
    /// Draw other noise
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Only cases and faults whose name contains this; a fault is tried on all cases
    #[arg(long, default_value = "", hide_default_value = true)]
    only: String,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the tables; how many lines of them are bad.
fn run(args: &Args) -> Result<usize, Failure> {
    let effort = |releases: Option<u64>, long, short| Effort {
        releases: releases.unwrap_or(if args.short { short } else { long }),
        seed: args.seed,
    };
    let claims = effort(args.releases, 1_000_000, 12_000);
    let slips = effort(args.fault_releases, 50_000, 8_000);
    let least = if args.short { 0.5 } else { 0.9 };
    let cases = cases::all();
    let wanted = |name: &str| name.contains(&args.only);
    let claimed: Vec<_> = cases.iter().filter(|case| wanted(case.name)).collect();
    let capped: Vec<_> = WISHES.iter().filter(|wishes| wanted(wishes.name)).collect();
    let faults: Vec<_> = FAULTS.iter().filter(|fault| wanted(fault.name)).collect();
    let slipped: Vec<_> = SLIPS.iter().filter(|slip| wanted(slip.name)).collect();
    let harmless: Vec<_> = HARMLESS.iter().filter(|change| wanted(change.name)).collect();
    let tried = [claimed.len() + capped.len(), faults.len() + slipped.len(), harmless.len()];
    if tried == [0; 3] {
        return Err(format!("no case and no fault has `{}` in its name", args.only).into());
    }
    let mut bad = 0;

    println!("| case | claim | lost at least | share |\n|---|---|---|---|");
    for case in &claimed {
        bad += usize::from(!claim(case.name, &audit(case, claims)?, least, case.tight_from <= claims.releases)?);
    }
    for wishes in &capped {
        bad += usize::from(!claim(wishes.name, &filter::audit(wishes, claims)?, least, true)?);
    }

    println!("\n| fault | found by | claim | lost at least | seen by |\n|---|---|---|---|---|");
    for fault in &faults {
        let found = cases.iter().map(|case| Ok((case.name, audit_changed(case, fault.name, fault.stages, slips)?)));
        bad += usize::from(!hunt(fault.name, found)?);
    }
    // A ledger's slip is a part of a cap and not twice of it: twice as many releases show it.
    let twice = Effort { releases: 2 * slips.releases, ..slips };
    for slip in &slipped {
        let found = WISHES.iter().map(|wishes| Ok((wishes.name, Some(filter::audit_slip(wishes, slip, twice)?))));
        bad += usize::from(!hunt(slip.name, found)?);
    }

    println!("\n| no fault | cases | largest share of a claim |\n|---|---|---|");
    for change in &harmless {
        let mut most = 0f64;
        for case in cases.iter().take(FEW) {
            most = most.max(audit_changed(case, change.name, change.stages, slips)?.map_or(0.0, |found| found.share()));
        }
        let verdict = if most > 1.0 { "FOUND" } else { "" };
        bad += usize::from(most > 1.0);
        say(&format!("| {} | {FEW} | {:.1} % {verdict} |", change.name, 100.0 * most))?;
    }

    match bad {
        0 => println!(
            "\nOf {} cases no claim was exceeded and no attack too weak; of {} faults every one was found.",
            tried[0], tried[1]
        ),
        _ => println!("\n{bad} lines are bad."),
    }
    Ok(bad)
}

/// What is no fault is tried on so many cases.
const FEW: usize = 4;

/// Prints what was found of a claim; whether it is good. Where nobody could come near, that is not asked.
fn claim(name: &str, finding: &Finding, least: f64, is_tight: bool) -> Result<bool, Failure> {
    let verdict = match finding.share() {
        _ if finding.exceeds() => "MORE THAN CLAIMED",
        share if share < least && is_tight => "TOO WEAK",
        _ => "",
    };
    let share = format!("{:.1} %", 100.0 * finding.share());
    let share = if is_tight { share } else { format!("({share})") };
    let (what, bound) = (charged(finding), finding.bound);
    say(&format!("| {name} | {what} | {bound:.4} | {share} {verdict} |"))?;
    Ok(verdict.is_empty())
}

/// Prints by which case a fault is found first, of those that it changes; whether any finds it.
fn hunt<'n>(
    name: &str,
    findings: impl Iterator<Item = Result<(&'n str, Option<Finding>), Failure>>,
) -> Result<bool, Failure> {
    let mut tried = 0;
    for finding in findings {
        let (case, Some(finding)) = finding? else { continue };
        tried += 1;
        if finding.exceeds() {
            let (what, bound) = (charged(&finding), finding.bound);
            say(&format!("| {name} | {case} | {what} | {bound:.4} | {} |", finding.by))?;
            return Ok(true);
        }
    }
    say(&format!("| {name} | NOT FOUND, in {tried} cases | | | |"))?;
    Ok(false)
}

fn charged(finding: &Finding) -> String {
    format!("{} {}", if finding.pure { "epsilon" } else { "rho" }, number(finding.claim))
}

/// Prints a line now.
fn say(line: &str) -> Result<(), Failure> {
    println!("{line}");
    Ok(std::io::stdout().flush()?)
}

fn number(x: f64) -> String {
    if x < 1e-3 { format!("{x:e}") } else { format!("{x}") }
}

//! A release proved from a single file: what `unseen job release --receipt` and the console write.

use std::path::PathBuf;

use chrono::DateTime;
use clap::Args;
use unseen_audit::receipt::{Known, Receipt, Shown};
use unseen_audit::report::Cosigner;
use unseen_policies::release::{ReleaseBody, ReleasedOutput};
use unseen_terminal::output::{Output, bold, facts};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::named_table;
use unseen_terminal::{FileError, Outcome};
use unseen_texts::{Lang, Say, say, text};

use crate::answers::ReceiptShown;
use crate::sections::{both, moment};
use crate::{known_key, witness_key};

/// More groups than this are cut, with a word about it.
const MOST_GROUPS: usize = 60;

/// Checking a receipt.
#[derive(Args)]
pub struct ReceiptArgs {
    /// The receipt
    pub file: PathBuf,
    /// The verifier key of the log, known from elsewhere; without it the key in the receipt is used
    #[arg(long, value_name = "VKEY")]
    pub log_key: Option<String>,
    /// The verifier key of a witness you trust; may be given several times
    #[arg(long, value_name = "VKEY")]
    pub witness: Vec<String>,
    /// How many of those witnesses must have cosigned; all of them when left out
    #[arg(long, value_name = "N", requires = "witness")]
    pub quorum: Option<usize>,
}

/// Checks a receipt, and says what it shows and the numbers in it.
pub fn receipt(args: &ReceiptArgs, lang: Lang) -> Outcome {
    let known = Known {
        log_key: args.log_key.as_deref().map(known_key).transpose()?,
        witnesses: args.witness.iter().map(|key| witness_key(key)).collect::<Result<_, _>>()?,
        quorum: args.quorum,
    };
    let receipt = Receipt::parse(&unseen_durable::read(&args.file).map_err(FileError::at(&args.file))?)?;
    let shown = receipt.verify(&known)?;
    let text = told(&shown, known.log_key.is_some(), lang);
    let Shown { log, entry, time, entries, root, job, digest, body, witnessed, quorum } = shown;
    let (ReleaseBody { rounds, derived, .. }, log_key_known) = (body, known.log_key.is_some());
    let answer = ReceiptShown {
        log,
        entry,
        time,
        entries,
        root,
        job: job.to_string(),
        digest,
        rounds,
        derived,
        witnessed,
        quorum,
        log_key_known,
    };
    Ok(Output::new(&answer, text))
}

fn told(shown: &Shown, key_known: bool, lang: Lang) -> String {
    let when = |seen: &Cosigner| DateTime::from_timestamp(i64::try_from(seen.at).unwrap_or(i64::MAX), 0).map(moment);
    let seen = shown.witnessed.iter().map(|seen| format!("{} ({})", seen.name, when(seen).unwrap_or_default()));
    let seen = match shown.witnessed.is_empty() {
        true => text!("nobody", "无").told(lang),
        false => seen.collect::<Vec<_>>().join(", "),
    };
    let mut known = vec![
        (text!("Job", "作业"), shown.job.to_string()),
        (text!("Log", "日志"), shown.log.clone()),
        (text!("Released by entry", "发布条目"), shown.entry.to_string()),
        (text!("Time, by the lab's clock (UTC)", "时间（UTC，以实验室时钟为准）"), moment(shown.time)),
        (text!("Digest of the release", "发布结果的摘要"), shown.digest.to_string()),
        (text!("Entries in the log", "日志条目数"), shown.entries.to_string()),
        (text!("Witnessed by", "见证方"), seen),
        (text!("Witnesses the policy asked for", "规则要求的见证方数"), shown.quorum.to_string()),
    ];
    known.extend(both(&shown.root));
    let mut text = facts(lang, &known);
    for output in shown.body.rounds.last().into_iter().flat_map(|round| &round.outputs) {
        text.push_str(&format!("\n{}\n{}\n", bold(&output.name), totals(output, lang)));
    }
    text.push_str(
        text!(
            "\n✓ These are the numbers that the log names, and the log holds that entry.",
            "\n✓ 这些数字就是日志所载的数字，且日志中有该条目。"
        )
        .to(lang),
    );
    if !shown.is_witnessed() {
        text.push_str(
            &say!(
                "\n✗ UNWITNESSED: {has} of the {needs} witnesses that the policy asked for have seen it. The lab could show others something else.",
                "\n✗ 未经见证：规则要求 {needs} 个见证方，只有 {has} 个见过。实验室可能向他人出示不同的内容。",
                has = shown.witnessed.len(),
                needs = shown.quorum
            )
            .told(lang),
        );
    }
    if !key_known {
        text.push_str(
            text!(
                "\nThe log's key was taken from the receipt itself: compare it with the one you know, or give that with --log-key.",
                "\n日志公钥取自凭证本身：请与您所知的公钥核对，或用 --log-key 给出。"
            )
            .to(lang),
        );
    }
    text
}

fn totals(output: &ReleasedOutput, lang: Lang) -> String {
    let limits = |name: &String| say!("{name}, 95 %", "{name}，95 %", name = name.clone()).told(lang);
    let columns = output.values.iter().flat_map(|name| [Right(name.clone()), Right(limits(name))]);
    let header: Vec<_> = output.keys.iter().cloned().map(Left).chain(columns).collect();
    let rows = output.groups.iter().take(MOST_GROUPS).map(|group| {
        let values =
            group.values.iter().flat_map(|value| [value.value.clone(), format!("{} .. {}", value.low, value.high)]);
        group.keys.iter().map(ToString::to_string).chain(values).collect()
    });
    let table = named_table(lang, &header, rows);
    match output.groups.len().checked_sub(MOST_GROUPS) {
        Some(more @ 1..) => {
            let said = say!(
                "{more} more groups are in the receipt; --json shows all.",
                "凭证中另有 {more} 组，用 --json 查看全部。"
            );
            format!("{table}\n{}", said.told(lang))
        }
        _ => table,
    }
}

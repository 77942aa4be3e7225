//! Packs for registers, archives and assessors, made here of what one may ask: whatever the lab's own program would
//! put into them.

use std::path::Path;

use unseen_api::address::Addressed;
use unseen_ids::{Answer, JobId};
use unseen_packs::{Asks, Pack, PackWritten};
use unseen_texts::{Lang, text};
use unseen_usecases::Query;
use unseen_usecases::release::ReadRelease;

use super::{Outcome, Problem, key};
use crate::args::{Globals, Signer};
use crate::place::{Place, known, with_key};
use unseen_terminal::output::{Output, facts};
use unseen_terminal::{may_be_made, write_new};

/// `dataset elements`.
pub fn elements(globals: &Globals, out: Option<&Path>, lang: Lang) -> Outcome {
    out.map_or(Ok(()), may_be_made)?;
    let found = unseen_packs::core_elements(&place(globals, lang)?)?;
    let json = serde_json::to_string_pretty(&found.to_json()?)?;
    match out {
        Some(out) => written(out, format!("{json}\n").as_bytes(), lang),
        None => Ok(Output::new(&found, json)),
    }
}

/// `dataset pack`.
pub fn registration(globals: &Globals, dataset: &str, out: &Path, lang: Lang) -> Outcome {
    may_be_made(out)?;
    put(&unseen_packs::registration(&place(globals, lang)?, dataset)?, out, lang)
}

/// `job crate`; whose key is given opens the release.
pub fn five_safes(globals: &Globals, job: JobId, out: &Path, opens: Option<&Signer>, lang: Lang) -> Outcome {
    may_be_made(out)?;
    let Some(signer) = opens else {
        return put(&unseen_packs::five_safes(&place(globals, lang)?, job, None)?, out, lang);
    };
    let key = key(globals, signer)?;
    let place = match Place::of(globals, lang)? {
        Place::Remote { client, .. } => Place::Remote { client: Box::new(with_key(&client, &*key)?), key: None },
        place => place,
    };
    let release = place.make(ReadRelease { job }, &*key)?;
    put(&unseen_packs::five_safes(&place, job, Some(&release))?, out, lang)
}

/// `audit pack`.
pub fn evidence(globals: &Globals, out: &Path, lang: Lang) -> Outcome {
    may_be_made(out)?;
    put(&unseen_packs::evidence(&place(globals, lang)?)?, out, lang)
}

/// The lab, where one logs in once for all that is asked.
fn place(globals: &Globals, lang: Lang) -> Result<Place, Problem> {
    Ok(match Place::of(globals, lang)? {
        Place::Remote { client, key } => Place::Remote { client: Box::new(known(&client, key.as_deref())?), key: None },
        place => place,
    })
}

fn put(pack: &Pack, out: &Path, lang: Lang) -> Outcome {
    written(out, &pack.bytes, lang)
}

fn written(out: &Path, bytes: &[u8], lang: Lang) -> Outcome {
    write_new(out, bytes)?;
    let done = PackWritten { file: out.display().to_string(), bytes: bytes.len() };
    let size = done.bytes.to_string();
    let text = facts(lang, &[(text!("Written", "已写出"), done.file.clone()), (text!("Bytes", "字节数"), size)]);
    Ok(Output::new(&done, text))
}

impl Asks for Place {
    type Error = Problem;

    fn ask<Q: Query + Addressed>(&self, query: Q) -> Result<Q::Answer, Problem>
    where
        Q::Answer: 'static,
    {
        Place::ask(self, query)
    }
}

//! A change signed on one's own machine, as a file: for whoever has no network to the lab.
//!
//! ```text
//! unseen job submit my-job --lab COPY --key wang.pem --out j.hand-in      signed, and sent nowhere
//! unseen receive j.hand-in --lab lab                                      at the lab, or to its address
//! ```
//! With an SSH public key (`id_ed25519.pub`, a security key's too) in the place of a private one, what is to be signed
//! stands in `FILE.to-sign`: `ssh-keygen -Y sign -n unseen -f KEY FILE.to-sign` puts the signature beside it.

use std::path::{Path, PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use unseen_api::address::{Addressed, Visitor, visit};
use unseen_api::answers::HandInWritten;
use unseen_entries::sign::{self, says, unverified, with_key, with_ssh};
use unseen_ids::Answer;
use unseen_policies::about;
use unseen_policies::event::Event;
use unseen_terminal::output::{Output, facts};
use unseen_terminal::{FileError, Outcome, Problem, may_be_made, write_new};
use unseen_texts::{Lang, Say, say, text};
use unseen_tlog::Signer;
use unseen_tlog::dsse::Envelope;
use unseen_tlog::signature::sshsig::{SshSignature, parse_public_key};
use unseen_usecases::{Change, Query};

use crate::place::Place;

/// A change with its signature and all that it names.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct HandIn {
    /// The address of its use-case: which change it is.
    at: String,
    /// What is wished.
    change: Value,
    /// What is signed, in base64.
    to_sign: String,
    /// The signed envelope, in base64; null where the signature is made with `ssh-keygen`.
    entry: Option<String>,
    /// What the change names by digest, in base64, in its order.
    blobs: Vec<String>,
}

/// Writes a change as a file, signed by this key.
pub fn write<C: Change + Addressed>(place: &Place, mut wish: C, key: &str, out: &Path, lang: Lang) -> Outcome {
    let beside = with_ending(out, "to-sign");
    [out, &beside].into_iter().try_for_each(may_be_made)?;
    let by_ssh = is_ssh_public_key(key)?;
    let key = if by_ssh { None } else { Some(unseen_lab::open_key(key)?) };
    let to_sign = place.draft(&wish, key.as_deref())?;
    let entry = key.map(|key| with_key(&to_sign, &*key)).transpose()?.map(|entry| BASE64_STANDARD.encode(entry));
    let blobs = wish.blobs().iter().map(|blob| BASE64_STANDARD.encode(blob.bytes())).collect();
    let change = serde_json::to_value(&wish)?;
    let hand_in = HandIn { at: C::PATH.to_owned(), change, to_sign: BASE64_STANDARD.encode(&to_sign), entry, blobs };
    write_new(out, &serde_json::to_vec_pretty(&hand_in)?)?;
    let mut text = facts(lang, &[(text!("Written", "已写入"), out.display().to_string())]);
    if by_ssh {
        write_new(&beside, &to_sign)?;
        text.push_str(&facts(lang, &[(text!("To sign", "待签文件"), beside.display().to_string())]));
        text.push_str(
            text!(
                "Next: sign it with `ssh-keygen -Y sign -n unseen -f KEY FILE`, and give all three files to the lab.",
                "下一步：用 `ssh-keygen -Y sign -n unseen -f KEY FILE` 签名，然后把三个文件都交给实验室。"
            )
            .to(lang),
        );
    } else {
        text.push_str(
            text!(
                "Next: give the file to the lab, where `unseen receive` takes it. Where the policy wants two signatures, have it signed with `unseen countersign` before.",
                "下一步：把文件交给实验室，由 `unseen receive` 接收。规则要求两人签名时，先请他人用 `unseen countersign` 加签。"
            )
            .to(lang),
        );
    }
    let to_sign = by_ssh.then(|| beside.display().to_string());
    Ok(Output::new(&HandInWritten { hand_in: out.display().to_string(), to_sign }, text))
}

/// Adds a signature to a file that [`write`] has written, after saying what is signed.
pub fn countersign(file: &Path, key: &dyn Signer, lang: Lang) -> Outcome {
    let (mut hand_in, to_sign, entry) = read(file)?;
    let said = says(&to_sign)?;
    if Envelope::from_bytes(&entry)?.key_ids().any(|signer| signer == key.verifying_key().key_id()) {
        return Err(
            text!("this key has signed it already: somebody else is to sign", "此密钥已签过：须由他人加签").into()
        );
    }
    let signed = sign::countersign(&entry, key)?;
    hand_in.entry = Some(BASE64_STANDARD.encode(&signed));
    unseen_durable::write(file, &serde_json::to_vec_pretty(&hand_in)?).map_err(FileError::at(file))?;
    let kind = Event::title(said.event.kind()).map_or_else(|| said.event.kind().to_owned(), |kind| kind.told(lang));
    let text = facts(
        lang,
        &[
            (text!("Signed too", "已加签"), kind),
            (text!("About", "内容"), about(&said.event, None).told(lang)),
            (text!("Log", "日志"), said.log),
        ],
    );
    Ok(Output::new(&HandInWritten { hand_in: file.display().to_string(), to_sign: None }, text))
}

/// A hand-in: what it says, what is signed, and the envelope.
fn read(file: &Path) -> Result<(HandIn, Vec<u8>, Vec<u8>), Problem> {
    let bytes = std::fs::read(file).map_err(FileError::at(file))?;
    let not_one = || Problem::from(say!("{file}: this is no hand-in", "{file}：这不是提交文件"));
    let hand_in: HandIn = serde_json::from_slice(&bytes).map_err(|_| not_one())?;
    let to_sign = BASE64_STANDARD.decode(&hand_in.to_sign).map_err(|_| not_one())?;
    let entry = match &hand_in.entry {
        Some(entry) => BASE64_STANDARD.decode(entry).map_err(|_| not_one())?,
        None => with_ssh(&to_sign, signature_beside(file)?)?,
    };
    Ok((hand_in, to_sign, entry))
}

/// Takes a file that [`write`] has written.
pub fn receive(place: &Place, file: &Path, lang: Lang) -> Outcome {
    let (hand_in, to_sign, entry) = read(file)?;
    // Said from what was signed, and not from what stands beside it.
    says(&to_sign)?;
    let kind = unverified(&entry)?.event.kind();
    let mut receiver = Receiver { place, hand_in, entry, done: None };
    visit(&mut receiver);
    let unknown = || Problem::from(say!("{file}: this is no hand-in", "{file}：这不是提交文件"));
    let answer = receiver.done.ok_or_else(unknown)??;
    let kind = Event::title(kind).map_or_else(|| kind.to_owned(), |title| title.told(lang));
    let mut about = vec![(text!("Received", "已接收"), kind)];
    let field =
        |name: &str| answer.0.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), Into::into));
    about.extend(field("job").map(|job| (text!("Job", "作业"), job)));
    about.extend(field("entry").map(|entry| (text!("Entry", "条目"), entry)));
    let mut text = facts(lang, &about);
    if answer.0.get("numbers").is_some() {
        text.push_str(&serde_json::to_string_pretty(&answer.0)?);
    }
    Ok(Output::new(&answer, text))
}

/// The answer of whatever was handed in.
#[derive(Serialize)]
#[serde(transparent)]
struct Received(Value);

impl Answer for Received {
    const NAME: &str = "received/v1";
    fn to_json(&self) -> serde_json::Result<Value> {
        Ok(self.0.clone())
    }
}

struct Receiver<'p> {
    place: &'p Place,
    hand_in: HandIn,
    entry: Vec<u8>,
    done: Option<Result<Received, Problem>>,
}

impl Visitor for Receiver<'_> {
    fn query<Q: Query + Addressed + Send + Sync + 'static>(&mut self) {}

    fn change<C: Change + Addressed + Send + Sync + 'static>(&mut self) {
        if self.hand_in.at == C::PATH {
            self.done = Some(self.take::<C>());
        }
    }
}

impl Receiver<'_> {
    fn take<C: Change + Addressed>(&self) -> Result<Received, Problem> {
        let mut wish: C = serde_json::from_value(self.hand_in.change.clone())?;
        let blobs = self.hand_in.blobs.iter();
        for (blob, bytes) in wish.blobs().into_iter().zip(blobs) {
            blob.fill(BASE64_STANDARD.decode(bytes).unwrap_or_default());
        }
        if let Some(missing) = wish.blobs().iter().find(|blob| !blob.is_whole()) {
            let digest = *missing.digest();
            return Err(say!("the hand-in lacks what it names as {digest}", "提交文件缺少其所指的 {digest}").into());
        }
        Ok(Received(self.place.hand_in(wish, &self.entry)?.to_json()?))
    }
}

fn is_ssh_public_key(key: &str) -> Result<bool, Problem> {
    if !key.ends_with(".pub") {
        return Ok(false);
    }
    let text = std::fs::read_to_string(key).map_err(FileError::at(key))?;
    parse_public_key(&text).map_err(|error| say!("{key}: {error}", "{key}：{error}"))?;
    Ok(true)
}

fn signature_beside(file: &Path) -> Result<SshSignature, Problem> {
    let beside = with_ending(&with_ending(file, "to-sign"), "sig");
    let text = std::fs::read_to_string(&beside).map_err(FileError::at(&beside))?;
    Ok(SshSignature::parse_armored(&text).map_err(|error| say!("{beside}: {error}", "{beside}：{error}"))?)
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

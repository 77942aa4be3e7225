//! Where the lab is: in a folder, or at an address. What one asks of it is the same, and so are the answers.

use std::path::PathBuf;

use unseen_api::address::Addressed;
use unseen_client::{Client, Way};
use unseen_ids::PublicKey;
use unseen_lab::open_key;
use unseen_terminal::Problem;
use unseen_terminal::output::json_language;
use unseen_texts::{Lang, text};
use unseen_tlog::Signer;
use unseen_usecases::{Change, Copy, Folder, Query, change};

use crate::args::Globals;
use crate::config::{Profile, Sessions};

/// A lab, wherever it is.
pub enum Place {
    /// A folder on this machine.
    Folder(Folder),
    /// A copy of a lab's log.
    Copy(Box<Copy>),
    /// A service.
    Remote {
        /// The way to it.
        client: Box<Client>,
        /// One's key, where the configuration names one: for questions that no key is given with.
        key: Option<String>,
    },
}

impl Place {
    /// The lab that a command is for.
    pub fn of(globals: &Globals, lang: Lang) -> Result<Place, Problem> {
        let profile = Profile::chosen(globals)?;
        let none = text!(
            "no lab is named: give its folder or address with --lab or in UNSEEN_LAB",
            "没有指定实验室：请用 --lab 或 UNSEEN_LAB 给出文件夹或地址"
        );
        let lab = profile.lab.clone().ok_or(none)?;
        if !is_address(&lab) {
            let folder = PathBuf::from(lab);
            let copy = if folder.join("lab.toml").exists() { None } else { Copy::open(&folder)? };
            return match copy {
                Some(copy) => Ok(Place::Copy(Box::new(copy))),
                None => Ok(Place::Folder(Folder { folder, program: program()? })),
            };
        }
        let lang = if globals.json { json_language() } else { lang };
        let session = Sessions::read()?.of(&lab, &profile.name);
        let way = Way {
            url: lab,
            certificate: profile.cert.clone().zip(profile.cert_key.clone()),
            authority: profile.ca.clone(),
            token: session.as_ref().map(|session| session.token.clone()),
            log: profile.log.clone().or_else(|| session.map(|session| session.log)),
        };
        Ok(Place::Remote { client: Box::new(Client::new(way, lang)?), key: profile.key.clone() })
    }

    /// Asks; over the network as whoever is logged in, or has the configured key.
    pub fn ask<Q: Query + Addressed>(&self, query: Q) -> Result<Q::Answer, Problem> {
        match self {
            Place::Folder(folder) => Ok(query.answer(folder, None)?),
            Place::Copy(copy) => Ok(query.answer(&**copy, None)?),
            Place::Remote { client, key: Some(key) } if !client.is_known() => {
                logged_in(client, &*open_key(key)?, query)
            }
            Place::Remote { client, .. } => Ok(client.ask(query)?),
        }
    }

    /// Asks what is answered to the holder of this key only.
    pub fn ask_as<Q: Query + Addressed>(&self, query: Q, key: &dyn Signer) -> Result<Q::Answer, Problem> {
        match self {
            Place::Folder(folder) => Ok(query.answer(folder, Some(&PublicKey::from(key.verifying_key())))?),
            Place::Copy(copy) => Ok(query.answer(&**copy, Some(&PublicKey::from(key.verifying_key())))?),
            Place::Remote { client, .. } => logged_in(client, key, query),
        }
    }

    /// Makes a change in the name of this key.
    pub fn make<C: Change + Addressed>(&self, wish: C, key: &dyn Signer) -> Result<C::Answer, Problem> {
        match self {
            Place::Folder(folder) => Ok(change::make(folder, &wish, key)?),
            Place::Copy(copy) => Ok(change::make(&**copy, &wish, key)?),
            Place::Remote { client, .. } => Ok(with_key(client, key)?.make(wish, key)?),
        }
    }

    /// What is to be signed elsewhere for a change; asked for in the name of this key where the lab does not know who
    /// asks.
    pub fn draft<C: Change + Addressed>(&self, wish: &C, key: Option<&dyn Signer>) -> Result<Vec<u8>, Problem> {
        match self {
            Place::Folder(folder) => Ok(change::draft(folder, wish, None)?.checked(wish, None)?),
            Place::Copy(copy) => Ok(change::draft(&**copy, wish, None)?.checked(wish, None)?),
            Place::Remote { client, .. } => match key.filter(|_| !client.is_known()) {
                Some(key) => Ok(with_key(client, key)?.draft(wish)?),
                None => Ok(client.draft(wish)?),
            },
        }
    }

    /// Hands in a change that was signed elsewhere.
    pub fn hand_in<C: Change + Addressed>(&self, wish: C, entry: &[u8]) -> Result<C::Answer, Problem> {
        match self {
            Place::Folder(folder) => Ok(change::hand_in(folder, &wish, entry)?),
            Place::Copy(copy) => Ok(change::hand_in(&**copy, &wish, entry)?),
            Place::Remote { client, key: Some(key) } if !client.is_known() => {
                Ok(with_key(client, &*open_key(key)?)?.hand_in(wish, entry)?)
            }
            Place::Remote { client, .. } => Ok(client.hand_in(wish, entry)?),
        }
    }

    /// The folder, for what is done on the lab's own machine only.
    pub fn folder(&self) -> Result<&Folder, Problem> {
        match self {
            Place::Folder(folder) => Ok(folder),
            Place::Remote { .. } | Place::Copy(_) => Err(text!(
                "this is done on the lab's own machine: give the lab's folder with --lab",
                "此操作只能在实验室所在的机器上执行：请用 --lab 给出实验室文件夹"
            )
            .into()),
        }
    }
}

/// Whether a lab is named by an address and not by a folder.
pub fn is_address(lab: &str) -> bool {
    lab.starts_with("https://") || lab.starts_with("http://")
}

/// The binary that becomes the worker: this one.
pub fn program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

fn logged_in<Q: Query + Addressed>(client: &Client, key: &dyn Signer, query: Q) -> Result<Q::Answer, Problem> {
    Ok(with_key(client, key)?.ask(query)?)
}

/// The client, known to the lab: by what it has, or else by the configured key.
pub fn known(client: &Client, key: Option<&str>) -> Result<Client, Problem> {
    match key {
        Some(key) if !client.is_known() => with_key(client, &*open_key(key)?),
        _ => Ok(client.clone()),
    }
}

/// A session of this key: the name that the lab knows decides what is answered.
pub fn with_key(client: &Client, key: &dyn Signer) -> Result<Client, Problem> {
    let session = client.log_in(key)?;
    Ok(client.clone().with_session(&session))
}

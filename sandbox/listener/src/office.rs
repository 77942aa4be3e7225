//! The folder of a small authority: what it has issued to people, and what of that is revoked.
//!
//! ```text
//! ca.pem           its certificate: for the server, and for whoever connects
//! ca-key.pem       its key: whoever has it can be anybody
//! issued/SERIAL    certificates of people that count, in PEM
//! revoked/SERIAL   those that do not
//! people.crl       the revocation list, made of the names in revoked/
//! ```

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustls::pki_types::{CertificateDer, pem::PemObject};
use unseen_durable::Building;

use crate::{
    ca::{Ca, CaError, Issued},
    peer::Identity,
};

/// An authority with its folder.
pub struct Office {
    ca: Ca,
    folder: PathBuf,
}

/// A certificate that was issued to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Whose it is.
    pub person: String,
    /// Its serial number, in lower-case hex digits.
    pub serial: String,
    /// Its last moment.
    pub not_after: SystemTime,
    /// Whether it is on the revocation list.
    pub revoked: bool,
}

const ISSUED: &str = "issued";
const REVOKED: &str = "revoked";
const LIST: &str = "people.crl";

impl Office {
    /// A new authority of this name in a new or empty folder, with a revocation list that is empty and counts for so
    /// many days.
    pub fn found(folder: &Path, name: &str, days: u32) -> Result<Office, CaError> {
        let ca = Ca::new(name)?;
        let building = Building::beside(folder, 0o700).map_err(at(folder))?;
        for part in [ISSUED, REVOKED] {
            fs::create_dir(building.path().join(part)).map_err(at(folder))?;
        }
        ca.save(building.path())?;
        write(&building.path().join(LIST), &ca.revoke(&[], days)?)?;
        building.publish().map_err(at(folder))?;
        Ok(Office { ca, folder: folder.to_owned() })
    }

    /// The authority in a folder.
    pub fn open(folder: &Path) -> Result<Office, CaError> {
        Ok(Office { ca: Ca::load(folder)?, folder: folder.to_owned() })
    }

    /// A certificate for a server: see [`Ca::server`].
    pub fn server(&self, hosts: &[&str], days: u32) -> Result<Issued, CaError> {
        self.ca.server(hosts, days)
    }

    /// A certificate for a person. It is noted before it is given away, so that each can be revoked.
    pub fn person(&self, name: &str, days: u32) -> Result<Issued, CaError> {
        let issued = self.ca.person(name, days)?;
        write(&self.place(ISSUED, &issued.serial), &issued.certificate)?;
        Ok(issued)
    }

    /// Everything that was issued to people, by person and then by when it ends.
    pub fn held(&self) -> Result<Vec<Held>, CaError> {
        let mut all = self.held_in(ISSUED)?;
        all.extend(self.held_in(REVOKED)?);
        all.sort_by(|a, b| (&a.person, a.not_after, &a.serial).cmp(&(&b.person, b.not_after, &b.serial)));
        Ok(all)
    }

    /// Revokes all certificates of these people and writes the list anew, with all that were ever revoked; without
    /// people it is only written anew. It counts for so many days. Returns what was revoked now.
    pub fn revoke(&self, people: &[&str], days: u32) -> Result<Vec<Held>, CaError> {
        let issued = self.held_in(ISSUED)?;
        if let Some(nobody) = people.iter().find(|name| !issued.iter().any(|held| held.person == **name)) {
            return Err(CaError::NotIssued((*nobody).to_owned()));
        }
        let mut now: Vec<Held> = issued.into_iter().filter(|held| people.contains(&held.person.as_str())).collect();
        for held in &mut now {
            let (from, to) = (self.place(ISSUED, &held.serial), self.place(REVOKED, &held.serial));
            fs::rename(&from, to).map_err(at(&from))?;
            held.revoked = true;
        }
        let serials = self.names(REVOKED)?;
        let serials: Vec<&str> = serials.iter().map(String::as_str).collect();
        write(&self.list(), &self.ca.revoke(&serials, days)?)?;
        Ok(now)
    }

    /// Where the revocation list is.
    pub fn list(&self) -> PathBuf {
        self.folder.join(LIST)
    }

    fn place(&self, part: &str, serial: &str) -> PathBuf {
        self.folder.join(part).join(serial)
    }

    fn names(&self, part: &str) -> Result<Vec<String>, CaError> {
        let folder = self.folder.join(part);
        let listed = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(at(&folder))?,
        };
        let mut names = Vec::new();
        for entry in listed {
            let name = entry.map_err(at(&folder))?.file_name().to_string_lossy().into_owned();
            // What a crash left of a file that was being written.
            if !name.ends_with(unseen_durable::TEMPORARY) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn held_in(&self, part: &str) -> Result<Vec<Held>, CaError> {
        let read = |serial: String| {
            let place = self.place(part, &serial);
            let pem = fs::read(&place).map_err(at(&place))?;
            let known = CertificateDer::from_pem_slice(&pem).ok().and_then(|der| Identity::read(&der).ok());
            let Identity { person, not_after, .. } = known.ok_or(CaError::NotOurs(place))?;
            Ok(Held { person, serial, not_after, revoked: part == REVOKED })
        };
        self.names(part)?.into_iter().map(read).collect()
    }
}

fn write(place: &Path, text: &str) -> Result<(), CaError> {
    unseen_durable::write(place, text.as_bytes()).map_err(at(place))
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> CaError {
    let path = path.to_owned();
    move |why| CaError::Io { path: path.clone(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_revoked_stays_on_the_list_and_all_of_a_person_goes() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("ca");
        let office = Office::found(&folder, "Wujin lab", 30).unwrap();
        assert!(matches!(Office::found(&folder, "again", 30), Err(CaError::Io { .. })), "nothing is overwritten");
        for name in ["王伟", "王伟", "li"] {
            office.person(name, 10).unwrap();
        }
        assert!(matches!(office.revoke(&["nobody"], 30), Err(CaError::NotIssued(_))));
        let now = Office::open(&folder).unwrap().revoke(&["王伟"], 30).unwrap();
        assert_eq!(now.iter().map(|held| held.person.as_str()).collect::<Vec<_>>(), ["王伟", "王伟"]);
        // A list that is renewed, or has one more, has those from before.
        let revoked = || office.held().unwrap().into_iter().filter(|held| held.revoked).count();
        assert!(office.revoke(&[], 30).unwrap().is_empty());
        assert_eq!(revoked(), 2);
        office.revoke(&["li"], 30).unwrap();
        assert_eq!(revoked(), 3);
        assert!(fs::read_to_string(office.list()).unwrap().starts_with("-----BEGIN X509 CRL-----"));
    }
}

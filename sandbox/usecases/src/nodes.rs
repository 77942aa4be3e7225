//! Nodes: machines that carry out parts of runs. Each makes keys of its own and asks to be enrolled; an operator signs
//! that it is.
//!
//! ```text
//! on the node    make(folder, ..)  -> node.pem, node.age, node.toml, NAME.node
//! an operator    EnrolNode(NAME.node), RevokeNode { node }, ListNodes {}
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_age::{Identity, Recipient};
use unseen_cluster::node::{CONFIG, Config, IDENTITY, KEY};
use unseen_durable::Building;
use unseen_entries::sign::prove_node;
use unseen_ids::{Answer, Digest, JobId, PublicKey};
use unseen_keys::{KeyStoreError, write_new_key, write_secret};
use unseen_lab::{LabError, View};
use unseen_policies::event::{Event, NodeEnrolled, NodeRevoked};
use unseen_policies::ledger::{Ledger, Refusal};
use unseen_policies::receipts::NodeSaid;
use unseen_policies::toml_fault;
use unseen_texts::Sentence;
use unseen_tlog::Signer;

use crate::change::{Change, reason};
use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::labs::LabShown;
use crate::query::Query;
use crate::wire::as_shown;

/// How the file is called that is carried to an operator: `NAME.node`.
pub const REQUEST: &str = "node";

/// A node's wish to be enrolled, signed by its key: in TOML as a file, in JSON over the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeRequest {
    /// What the node is called.
    pub name: String,
    /// The node's key.
    #[schemars(with = "String", regex(pattern = unseen_ids::pattern::KEY))]
    pub key: PublicKey,
    /// What keys of runs are encrypted to: an age recipient.
    pub recipient: String,
    /// Origin of the lab's log.
    pub log: String,
    /// The node's signature, in base64.
    pub proof: String,
}

/// Enrol the node of a request.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct EnrolNode(pub NodeRequest);

/// Revoke a node: it takes part in no run that starts later.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RevokeNode {
    /// The node's name, or its key.
    pub node: String,
    /// Why, for the record.
    pub reason: String,
}

/// List all nodes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ListNodes {}

/// A node was made on this machine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeMade {
    /// Its folder.
    pub folder: String,
    /// The file that an operator enrols it with.
    pub request: String,
    /// What the node is called.
    pub name: String,
    /// Its key.
    #[schemars(with = "String")]
    pub public_key: PublicKey,
    /// What keys of runs are encrypted to.
    pub recipient: String,
    /// Origin of the log of the lab that it is for.
    pub log: String,
}

/// A node was enrolled.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrolledNode {
    /// The entry that says so.
    pub entry: u64,
    /// Which.
    pub name: String,
    /// Its key.
    #[schemars(with = "String")]
    pub public_key: PublicKey,
}

/// A node was revoked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokedNode {
    /// The entry that says so.
    pub entry: u64,
    /// Its key.
    #[schemars(with = "String")]
    pub public_key: PublicKey,
}

/// Every node that was ever enrolled, in that order.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Nodes {
    /// One for each key.
    pub nodes: Vec<Node>,
}

/// A machine that carries out parts of runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// What it is called.
    pub name: String,
    /// Its key.
    #[schemars(with = "String")]
    pub public_key: PublicKey,
    /// What keys of runs are encrypted to.
    pub recipient: String,
    /// The entry that enrolled it.
    pub since: u64,
    /// The entry that revoked it.
    pub revoked: Option<u64>,
    /// The last run that it took part in, of the latest hundred that are released.
    #[serde(default)]
    pub last: Option<LastRun>,
}

/// What a node said of itself in a run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// SHA-256 of the program that it ran.
    #[schemars(with = "String")]
    pub build: Digest,
    /// The walls round its worker by their names, each `holds`, `partly` or `missing`.
    pub walls: BTreeMap<String, String>,
}

impl Answer for NodeMade {
    const NAME: &str = "node/v1";
}
impl Answer for EnrolledNode {
    const NAME: &str = "node-enrolled/v1";
}
impl Answer for RevokedNode {
    const NAME: &str = "node-revoked/v1";
}
impl Answer for Nodes {
    const NAME: &str = "nodes/v1";
}

/// Makes a node's keys in a new or empty folder, closed to others, and the request for an operator. Nothing is
/// overwritten, and the folder is there whole or not at all. `lab` is what the lab says of itself; it must have a
/// service key, which nodes go by.
pub fn make(folder: &Path, name: &str, lab: &LabShown) -> Result<NodeMade, UseCaseError> {
    // It becomes the name of a file.
    let fine = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
    if !fine {
        return Err(UseCaseError::NodeName { name: name.to_owned() });
    }
    unseen_policies::ledger::check_name(name)?;
    let service_key = lab.service_key.ok_or(UseCaseError::NoServiceKey)?;
    let config =
        Config { name: name.to_owned(), origin: lab.origin.clone(), log_key: lab.log_key.clone(), service_key };
    let file = format!("{name}.{REQUEST}");

    let io = |error| UseCaseError::from(LabError::io(folder)(error));
    let building = Building::beside(folder, 0o700).map_err(io)?;
    let at = building.path();
    let key = write_new_key(&at.join(KEY))?;
    let identity = Identity::generate().map_err(UseCaseError::NodeIdentity)?;
    write_secret(&at.join(IDENTITY), format!("{}\n", *identity.to_secret()).as_bytes())?;
    let recipient = identity.recipient().to_string();
    let proof = prove_node(&key, &lab.origin, name, &recipient)?;
    let public_key = PublicKey::from(key.verifying_key());
    let (named, log) = (name.to_owned(), lab.origin.clone());
    let request = NodeRequest { name: named, key: public_key, recipient: recipient.clone(), log, proof };
    write_secret(&at.join(CONFIG), written(&config)?.as_bytes())?;
    write_secret(&at.join(&file), written(&request)?.as_bytes())?;
    building.publish().map_err(|error| match error.kind() {
        std::io::ErrorKind::DirectoryNotEmpty | std::io::ErrorKind::NotADirectory => {
            KeyStoreError::Exists(folder.to_owned()).into()
        }
        _ => io(error),
    })?;
    let request = folder.join(file).display().to_string();
    let (folder, log) = (folder.display().to_string(), lab.origin.clone());
    Ok(NodeMade { folder, request, name: name.to_owned(), public_key, recipient, log })
}

/// A file of a few texts has a form in TOML.
fn written(value: &impl Serialize) -> Result<String, UseCaseError> {
    toml::to_string(value).map_err(|error| UseCaseError::Unwritten(error.to_string().into()))
}

impl NodeRequest {
    /// Reads the file that [`make`] wrote.
    pub fn parse(text: &str) -> Result<NodeRequest, Sentence> {
        toml::from_str(text).map_err(|error| toml_fault(error.message()))
    }
}

impl Change for EnrolNode {
    type Answer = EnrolledNode;

    fn event(&self, lab: &View) -> Result<Event, UseCaseError> {
        let NodeRequest { name, key, recipient, log, proof } = self.0.clone();
        if log != lab.ledger().origin() {
            return Err(LabError::from(Refusal::OtherLog(log, lab.ledger().origin().to_owned())).into());
        }
        // The ledger looks at its shape only, and a slip of the pen has that too.
        if recipient.parse::<Recipient>().is_err() {
            return Err(LabError::from(Refusal::BadRecipient(recipient)).into());
        }
        Ok(NodeEnrolled { name, key, recipient, proof }.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        let NodeRequest { name, key, recipient, proof, .. } = self.0.clone();
        *event == NodeEnrolled { name, key, recipient, proof }.into()
    }

    fn done(&self, _: Option<&View>, _: &View, entry: u64) -> Result<EnrolledNode, UseCaseError> {
        Ok(EnrolledNode { entry, name: self.0.name.clone(), public_key: self.0.key })
    }
}

impl Change for RevokeNode {
    type Answer = RevokedNode;
    const LOOKS_BACK: bool = true;

    fn event(&self, lab: &View) -> Result<Event, UseCaseError> {
        let key = find(lab.ledger(), &self.node)?;
        Ok(NodeRevoked { key, reason: reason(&self.reason)? }.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        // A name is the lab's to look up; a key says itself which node is meant.
        let named = self.node.parse::<PublicKey>().ok();
        matches!(event, Event::NodeRevoked(said)
            if said.reason == self.reason && named.is_none_or(|key| key == said.key))
    }

    fn done(&self, before: Option<&View>, lab: &View, entry: u64) -> Result<RevokedNode, UseCaseError> {
        Ok(RevokedNode { entry, public_key: find(before.unwrap_or(lab).ledger(), &self.node)? })
    }
}

impl Query for ListNodes {
    type Answer = Nodes;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<Nodes, UseCaseError> {
        let lab = desk.view()?;
        let mut said = lab.nodes_said();
        let mut last = |key| {
            let (job, NodeSaid { build, walls, .. }) = said.remove(key)?;
            Some(LastRun { job, build, walls })
        };
        let nodes = lab.ledger().nodes().iter().map(|(key, node)| Node {
            name: node.name.clone(),
            public_key: *key,
            recipient: node.recipient.clone(),
            since: node.since,
            revoked: node.revoked,
            last: last(key),
        });
        let mut nodes: Vec<_> = nodes.collect();
        nodes.sort_by_key(|node| node.since);
        Ok(Nodes { nodes })
    }
}

/// A name is that of the node that has it now; of one that was revoked, when no other has it.
fn find(ledger: &Ledger, node: &str) -> Result<PublicKey, LabError> {
    let nodes = ledger.nodes();
    let now = nodes.iter().find(|(_, found)| found.name == node && found.revoked.is_none());
    let once = || nodes.iter().filter(|(_, found)| found.name == node).max_by_key(|(_, found)| found.since);
    let by_key = || nodes.iter().find(|(key, _)| key.to_string() == node);
    let found = now.or_else(by_key).or_else(once);
    Ok(*found.ok_or_else(|| Refusal::NoSuchNode(node.to_owned()))?.0)
}

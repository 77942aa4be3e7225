//! `unseen node`.

use std::path::PathBuf;

use clap::Subcommand;
use unseen_terminal::examples;

use super::ChangeSigner;

#[derive(Subcommand)]
pub enum NodeCommand {
    /// Make a node's keys on its machine, and the request to carry to an operator; --lab names the lab, or a file with what `unseen --json lab show` printed there
    #[command(after_help = examples!("unseen node init /var/lib/unseen-node --name n7 --lab lab.json"))]
    Init {
        /// A new or empty folder
        dir: PathBuf,
        /// What the node is called; the folder's name when left out
        #[arg(long)]
        name: Option<String>,
    },
    /// Enrol a node: signed by an operator and by the node's own key
    #[command(alias = "enrol")]
    #[command(after_help = examples!("unseen node enroll n7.node --key owner.pem"))]
    Enroll {
        /// The file that `unseen node init` wrote
        request: PathBuf,
        #[command(flatten)]
        signer: ChangeSigner,
    },
    /// Revoke a node: it takes part in no run that starts later
    #[command(after_help = examples!("unseen node revoke n7 --reason \"sold\" --key owner.pem"))]
    Revoke {
        /// The node's name, or its public key
        node: String,
        /// Why, for the record
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        signer: ChangeSigner,
    },
    /// Compute parts of runs on this machine, for whoever hands tasks to the socket
    #[command(after_help = examples!("unseen node serve /var/lib/unseen-node --store /shared/unseen"))]
    Serve {
        /// The folder that `unseen node init` made
        dir: PathBuf,
        /// The folder that the lab and its nodes share, as this machine has it, or s3://BUCKET/PREFIX
        #[arg(long)]
        store: PathBuf,
        /// Where to listen
        #[arg(long, default_value = "/run/unseen/node.sock")]
        socket: PathBuf,
    },
    /// List every node that was ever enrolled
    #[command(after_help = examples!("unseen node list"))]
    List,
}

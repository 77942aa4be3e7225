//! What people type about certificates.

use std::path::PathBuf;

use clap::Subcommand;
use unseen_terminal::examples;

#[derive(Subcommand)]
pub enum CertificateCommand {
    /// Make an authority in a new folder; whoever has its key can be anybody, so it does not belong on the server
    #[command(after_help = examples!("unseen certificate ca ca --name \"Wujin data lab\""))]
    Ca {
        /// A new or empty folder
        dir: PathBuf,
        /// Its name, as people see it in a browser
        #[arg(long)]
        name: String,
        /// Days that the first revocation list counts
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
    /// Issue a certificate for the server under its names
    #[command(after_help = examples!("unseen certificate server ca lab.wujin.gov.cn --out server"))]
    Server {
        /// The authority's folder
        ca: PathBuf,
        /// DNS names and IP addresses; those of the machine itself are added
        #[arg(required = true)]
        host: Vec<String>,
        /// Writes NAME.pem and NAME-key.pem; existing files are never overwritten
        #[arg(long, value_name = "NAME")]
        out: PathBuf,
        /// Days that it counts
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
    /// Issue a certificate for a person, under the name that the lab knows
    #[command(after_help = examples!("unseen certificate person ca wang --out wang-tls"))]
    Person {
        /// The authority's folder
        ca: PathBuf,
        /// The name under which the person is enrolled
        name: String,
        /// Writes NAME.pem and NAME-key.pem; existing files are never overwritten
        #[arg(long, value_name = "NAME")]
        out: PathBuf,
        /// Days that it counts
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
    /// Revoke all certificates of people and write the revocation list anew; without names the list is renewed
    #[command(after_help = examples!("unseen certificate revoke ca wang", "unseen certificate revoke ca"))]
    Revoke {
        /// The authority's folder
        ca: PathBuf,
        /// Names of people
        person: Vec<String>,
        /// Days that the list counts; then no certificate is taken until there is a newer list
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
    /// List the certificates of people, and until when they count
    #[command(after_help = examples!("unseen certificate list ca"))]
    List {
        /// The authority's folder
        ca: PathBuf,
    },
}

//! `unseen node`: machines that carry out parts of runs.

use std::path::Path;
use std::sync::Arc;

use unseen_cluster::node::Node;
use unseen_shown::walls::open_walls;
use unseen_terminal::output::{Output, facts};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_texts::{Lang, Say, say, text};
use unseen_usecases::labs::{LabShown, ShowLab};
use unseen_usecases::nodes::{self, EnrolNode, ListNodes, NodeRequest, Nodes, RevokeNode};

use super::{Outcome, Problem, change, read_text};
use crate::args::{Globals, NodeCommand};
use crate::place::{Place, program};

pub fn run(globals: &Globals, command: &NodeCommand, lang: Lang) -> Outcome {
    match command {
        NodeCommand::Init { dir, name } => {
            let lab = what_lab(globals, lang)?;
            let last = || dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let made = nodes::make(dir, &name.clone().unwrap_or_else(last), &lab)?;
            let text = facts(
                lang,
                &[
                    (text!("Node", "计算节点"), made.name.clone()),
                    (text!("Lab", "实验室"), made.log.clone()),
                    (text!("Folder", "文件夹"), made.folder.clone()),
                    (text!("Public key", "公钥"), made.public_key.to_string()),
                    (text!("Request", "申请文件"), made.request.clone()),
                ],
            );
            let next = text!(
                "Keep the folder on this machine. Carry the request to an operator, and read the public key to them: `unseen node enroll` takes it.",
                "请把该文件夹留在本机。把申请文件交给运行管理员并当面核对公钥，由其用 `unseen node enroll` 登记。"
            );
            Ok(Output::new(&made, text + next.to(lang)))
        }
        NodeCommand::Enroll { request, signer } => {
            let request = read_request(request)?;
            change(globals, EnrolNode(request), signer, lang, |done| {
                let text = facts(
                    lang,
                    &[
                        (text!("Enrolled", "已登记"), done.name.clone()),
                        (text!("Public key", "公钥"), done.public_key.to_string()),
                        (text!("Entry", "条目"), done.entry.to_string()),
                    ],
                );
                Output::new(done, text)
            })
        }
        NodeCommand::Revoke { node, reason, signer } => {
            let wish = RevokeNode { node: node.clone(), reason: reason.clone() };
            change(globals, wish, signer, lang, |done| {
                let text = facts(
                    lang,
                    &[
                        (text!("Revoked", "已吊销"), done.public_key.to_string()),
                        (text!("Entry", "条目"), done.entry.to_string()),
                    ],
                );
                Output::new(done, text)
            })
        }
        NodeCommand::Serve { dir, store, socket } => {
            let node = Arc::new(Node::open(dir, store, &program()?)?);
            // It has keys of runs, and no rows.
            let _ = unseen_worker::jail::keep_to_itself();
            let listener = Node::bind(socket)?;
            let (name, key) = node.name();
            let (key, socket) = (key.short(), socket.display().to_string());
            let said = say!(
                "Node `{name}` ({key}) computes for the lab that it was made for. It listens at {socket} until it is ended.",
                "节点 `{name}`（{key}）为其所属实验室计算，在 {socket} 上监听，直至被终止。"
            );
            eprintln!("{}", said.told(lang));
            node.serve(&listener)
        }
        NodeCommand::List => {
            let nodes = Place::of(globals, lang)?.ask(ListNodes {})?;
            Ok(Output::new(&nodes, list(&nodes, lang)))
        }
    }
}

/// The lab that a node is for: asked, or out of a file with what it answered elsewhere.
fn what_lab(globals: &Globals, lang: Lang) -> Result<LabShown, Problem> {
    let Some(file) = globals.lab.as_deref().map(Path::new).filter(|path| path.is_file()) else {
        return Place::of(globals, lang)?.ask(ShowLab {});
    };
    let text = read_text(file)?;
    Ok(serde_json::from_str(&text).map_err(|_| {
        say!(
            "{file} is not what a lab says of itself: have it written where the lab is, with `unseen --json lab show`",
            "{file} 不是实验室的说明：请在实验室处用 `unseen --json lab show` 生成"
        )
    })?)
}

fn read_request(file: &Path) -> Result<NodeRequest, Problem> {
    let request = NodeRequest::parse(&read_text(file)?);
    Ok(request.map_err(|why| say!("{file} is not a node's request: {why}", "{file} 不是计算节点的申请：{why}"))?)
}

fn list(nodes: &Nodes, lang: Lang) -> String {
    let rows = nodes.nodes.iter().map(|node| {
        let revoked = node
            .revoked
            .map_or(String::new(), |entry| say!("revoked by entry {entry}", "由条目 {entry} 吊销").told(lang));
        let job = node.last.as_ref().map_or_else(String::new, |last| last.job.to_string());
        let walls = node.last.as_ref().map_or_else(String::new, |last| open_walls(&last.walls).told(lang));
        vec![node.name.clone(), node.public_key.short(), node.since.to_string(), revoked, job, walls]
    });
    table(
        lang,
        &[
            Left(text!("name", "名称")),
            Left(text!("key", "密钥")),
            Right(text!("entry", "条目")),
            Left(text!("status", "状态")),
            Left(text!("last run", "最近运行")),
            Left(text!("walls", "防护墙")),
        ],
        rows,
    )
}

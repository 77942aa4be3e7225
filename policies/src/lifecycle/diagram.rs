//! The life-cycle as the documents show it.

use std::fmt::Write;

use super::{SIGNERS, TRANSITIONS, Transition, Who};

/// The life-cycle as a Mermaid state diagram, for the documents.
pub fn states() -> String {
    let mut text = String::from("stateDiagram-v2\n");
    for Transition { from, event, enough, to, who } in TRANSITIONS {
        let from = from.map_or("[*]".to_owned(), |state| state.to_string());
        let given = enough.map_or("", |enough| if enough { ", the last one needed" } else { ", more are needed" });
        let _ = writeln!(text, "    {from} --> {to} : {event}{given} ({})", signed_by(*who));
    }
    text
}

/// Who signs what is not in the diagram, as a Markdown table.
pub fn signers() -> String {
    let mut text = String::from("| event | signed by |\n|---|---|\n");
    for (event, who) in SIGNERS {
        let _ = writeln!(text, "| `{event}` | {} |", signed_by(*who));
    }
    text
}

fn signed_by(who: Who) -> String {
    match who {
        Who::Owner => "the owner it names".to_owned(),
        Who::Person(role) => role.name().to_owned(),
        Who::PersonOrLab(role) => format!("{}, or the lab", role.name()),
        Who::NotAuthor(role) => format!("{}, not the author", role.name()),
        Who::Administrator => "operator, or security where these are separated; as many as `changes_need`".to_owned(),
        Who::Operators => "operator; as many as `changes_need`".to_owned(),
        Who::Author => "its author".to_owned(),
        Who::Anyone => "anyone enrolled".to_owned(),
        Who::Lab => "the lab".to_owned(),
    }
}

//! Between the inputs that are kept, many in one file, and folders of one file each, as libFuzzer has them.
//!
//! `unpack FOLDER` writes each target's seeds and past faults into `FOLDER/seeds/TARGET`, its corpus into
//! `FOLDER/corpus/TARGET`, and prints the targets' names. `pack TARGET FILE...` keeps these files as its corpus.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use unseen_fuzz::{TARGETS, Target};

fn main() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["unpack", folder] => TARGETS.iter().for_each(|target| unpack(target, folder.as_ref())),
        ["pack", name, files @ ..] => {
            let target = TARGETS.iter().find(|target| target.name == *name).unwrap();
            target.set_corpus(files.iter().map(|file| std::fs::read(file).unwrap()).collect());
        }
        _ => panic!("unpack FOLDER, or pack TARGET FILE..."),
    }
}

fn unpack(target: &Target, folder: &Path) {
    for (kind, inputs) in [("seeds", [(target.seeds)(), target.faults()].concat()), ("corpus", target.corpus())] {
        let folder = folder.join(kind).join(target.name);
        // What is kept no longer must not come back.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, input) in inputs.iter().enumerate() {
            std::fs::write(folder.join(number.to_string()), input).unwrap();
        }
    }
    println!("{}", target.name);
}

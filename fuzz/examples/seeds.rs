//! Writes the seeds of every target into a folder, one folder for each, and prints the targets' names.
#![allow(clippy::unwrap_used)]

fn main() {
    let out = std::path::PathBuf::from(std::env::args().nth(1).unwrap());
    for target in unseen_fuzz::TARGETS {
        let folder = out.join(target.name);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
        }
        println!("{}", target.name);
    }
}

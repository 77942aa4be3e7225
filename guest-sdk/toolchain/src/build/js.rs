//! JavaScript: componentize-qjs takes QuickJS and the job's modules as they are once everything is imported.

use std::path::Path;
use std::process::Command;

use super::BuildError;
use super::tool::{Tool, defines, of_its_package, run, sdk, workshop};
use crate::component::WIT;

const TOOL: Tool = Tool {
    program: "componentize-qjs",
    variable: "UNSEEN_COMPONENTIZE_QJS",
    version: "0.4.5",
    says: of_its_package,
    get: "npm install componentize-qjs@0.4.5",
    folders: &["node_modules/.bin"],
};

/// What the tool begins with; a job of several rounds exports one function more.
const ENTRY: &str = "\
import * as job from \"../../job.js\";
import * as shape from \"../../shape.js\";
import { world } from \"../../vendor/unseen-guest/wasm.js\";

const made = world(job, shape);
export const contribute = made.contribute;
";
const ADVANCE: &str = "export const advance = made.advance;\n";

/// The component, without the names it was built for.
pub(super) fn componentize(dir: &Path) -> Result<Vec<u8>, BuildError> {
    sdk(dir, "vendor/unseen-guest/wasm.js")?;
    let tool = TOOL.find(dir)?;
    let is_iterative = defines(dir, "job.js", &["export function advance(", "export const advance ="])?;
    let (world, advance) = if is_iterative { ("iterative-job", ADVANCE) } else { ("job", "") };
    let entry = format!("{ENTRY}{advance}");
    let workshop = workshop(dir, "js", &[("wit/job.wit", WIT), ("entry.js", &entry)])?;
    let made = workshop.join("job.wasm");
    let mut command = Command::new(tool);
    command.current_dir(dir);
    command.args(["--sync", "--stub-wasi", "--module-root", ".", "-n", world, "--wit"]).arg(workshop.join("wit"));
    command.args(["--js", "target/js/entry.js", "-o"]).arg(&made);
    run(command, &made).map_err(|error| match error {
        BuildError::Compile { diagnostics } => BuildError::Compile { diagnostics: of_the_job(&diagnostics) },
        other => other,
    })
}

/// What QuickJS says, without what the tool says of itself.
fn of_the_job(said: &str) -> String {
    let heads = ["Failed to declare JavaScript module: ", "Failed to evaluate user JavaScript module: "];
    let own = heads.iter().find_map(|head| said.split_once(head)).map_or(said, |(_, own)| own);
    own.replace(" /job.js", " job.js")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_about_the_job() {
        let said = "componentize-qjs\n  WIT:    /tmp/a/wit\nStubbing WASI imports...\nError: : Failed to evaluate user \
                    JavaScript module: Failed to declare JavaScript module: Error: invalid property name\n    at \
                    /job.js:2:1";
        assert_eq!(of_the_job(said), "Error: invalid property name\n    at job.js:2:1");
        assert_eq!(of_the_job("out of memory"), "out of memory");
    }
}

//! Python: componentize-py takes CPython, the standard library and the job as they are once everything is imported.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::BuildError;
use super::tool::{Tool, defines, run, said, said_by_itself, sdk, workshop};
use crate::component::WIT;

const TOOL: Tool = Tool {
    program: "componentize-py",
    variable: "UNSEEN_COMPONENTIZE_PY",
    version: "0.25.1",
    says: said_by_itself,
    get: "pip install componentize-py==0.25.1",
    folders: &[".venv/bin", "venv/bin"],
};
/// The version of Python in it.
const PYTHON: &str = "3.14";

/// What the tool begins with.
const APP: &str = "\
from unseen_guest.wasm import begin, world

begin()

import job
import shape

WitWorld = world(job, shape)
";

/// The component, without the names it was built for.
pub(super) fn componentize(dir: &Path) -> Result<Vec<u8>, BuildError> {
    sdk(dir, "vendor/unseen_guest/wasm.py")?;
    let tool = TOOL.find(dir)?;
    let workshop = workshop(dir, "python", &[("wit/job.wit", WIT), ("app/unseen_app.py", APP), ("empty/none", "")])?;
    let packages = packages(dir, &tool, &workshop)?;
    let is_iterative = defines(dir, "job.py", &["def advance(", "advance ="])?;
    let made = workshop.join("job.wasm");
    let mut command = Command::new(tool);
    command.current_dir(dir);
    command.arg("-d").arg(workshop.join("wit")).args(["-w", if is_iterative { "iterative-job" } else { "job" }]);
    command.args(["componentize", "--stub-wasi", "-p"]).arg(workshop.join("app"));
    command.args(["-p", ".", "-p", "vendor"]);
    packages.iter().for_each(|folder| {
        command.arg("-p").arg(folder);
    });
    // Nothing from the packages of this machine: what a job needs is named in requirements.txt.
    command.env("VIRTUAL_ENV", workshop.join("empty")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg("unseen_app").arg("-o").arg(&made);
    run(command, &made).map_err(|error| match error {
        BuildError::Compile { diagnostics } => of_the_job(&diagnostics),
        other => other,
    })
}

/// What Python says of the job, without the frames of the tool and of what it begins with.
fn of_the_job(said: &str) -> BuildError {
    let own = said.rsplit_once("Error: Traceback (most recent call last):\n").map_or(said, |(_, own)| own);
    let own = own.split("\n\nCaused by:").next().unwrap_or(own).trim_end();
    let mut diagnostics = String::new();
    let mut place = String::new();
    let mut is_ours = false;
    for line in own.lines() {
        let frame = line.strip_prefix("  File \"/").and_then(|rest| rest.split_once('/'));
        match frame {
            Some((_, rest)) => {
                is_ours = rest.starts_with("unseen_app.py");
                place = rest.split(", in ").next().unwrap_or(rest).replace("\", line ", ":");
            }
            None => is_ours &= line.starts_with("    "),
        }
        if !is_ours {
            let shown = frame.map_or_else(|| line.to_owned(), |(_, rest)| format!("  File \"{rest}"));
            diagnostics.push_str(&shown);
            diagnostics.push('\n');
        }
    }
    let missing = own.lines().last().and_then(|line| line.strip_prefix("ModuleNotFoundError: No module named '"));
    match missing.and_then(|rest| rest.split(['\'', '.']).next()) {
        Some(package) => BuildError::NoPackage { place, package: package.to_owned() },
        None => BuildError::Compile { diagnostics: diagnostics.trim_end().to_owned() },
    }
}

/// The folder of what requirements.txt names; none where there is no such file. Python alone runs in a job.
fn packages(dir: &Path, tool: &Path, workshop: &Path) -> Result<Option<PathBuf>, BuildError> {
    let file = dir.join("requirements.txt");
    if !file.is_file() {
        return Ok(None);
    }
    let folder = workshop.join("packages");
    // The Python that the tool was installed for, or any: it only fetches.
    let beside = tool.with_file_name("python3");
    let mut pip = Command::new(if beside.is_file() { beside } else { "python3".into() });
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile"]);
    pip.args(["--only-binary", ":all:", "--implementation", "py", "--abi", "none", "--platform", "any"]);
    pip.args(["--python-version", PYTHON, "--target"]).arg(&folder).arg("-r").arg(&file);
    let output = pip.output().map_err(|source| BuildError::Read { path: pip.get_program().into(), source })?;
    if output.status.success() {
        return Ok(Some(folder));
    }
    let said = said(&output);
    if said.contains("Retrying") {
        return Err(BuildError::Compile { diagnostics: said });
    }
    let package = said.lines().find_map(|line| line.split_once("No matching distribution found for "));
    Err(match package {
        Some((_, package)) if has_name(&file, package) => {
            BuildError::NativePackage { package: package.trim().to_owned() }
        }
        _ => BuildError::Compile { diagnostics: said },
    })
}

/// Whether the file names what pip says, and not a package that it needs beside.
fn has_name(file: &Path, package: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().any(|line| letters(line).starts_with(&letters(package)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_the_tool(traceback: &str) -> String {
        format!(
            "warning: site-packages directory not found under /tmp/a/target/python/empty/lib\nTraceback (most recent call \
             last):\n  File \"/usr/bin/componentize-py\", line 8, in <module>\n    sys.exit(script())\nAssertionError: \
             Traceback (most recent call last):\n  File \"/0/unseen_app.py\", line 5, in <module>\n    import job\n{traceback}\n\n\n\
             Caused by:\n    {}",
            traceback.lines().last().unwrap()
        )
    }

    #[test]
    fn what_is_said_is_about_the_job() {
        let syntax = "  File \"/1/job.py\", line 1\n    def contribute(grain, state:\n                  ^\nSyntaxError: '(' \
                      was never closed";
        let said = of_the_job(&of_the_tool(syntax)).to_string();
        assert_eq!(said, format!("the job does not compile:\n{}", syntax.replace("/1/", "")));
        let missing = "  File \"/1/job.py\", line 3, in <module>\n    import numpy.linalg\nModuleNotFoundError: No module \
                       named 'numpy'";
        let BuildError::NoPackage { place, package } = of_the_job(&of_the_tool(missing)) else { panic!() };
        assert_eq!((place.as_str(), package.as_str()), ("job.py:3", "numpy"));
        let deeper = "  File \"/1/job.py\", line 3, in <module>\n    import helper\n  File \"/1/helper.py\", line 1, in \
                      <module>\n    1 / 0\nZeroDivisionError: division by zero";
        let said = of_the_job(&of_the_tool(deeper)).to_string();
        assert!(said.contains("\n  File \"helper.py\", line 1, in <module>\n    1 / 0\nZeroDivisionError"), "{said}");
        assert!(!said.contains("unseen_app") && !said.contains("Caused by"), "{said}");
        assert_eq!(of_the_job("killed").to_string(), "the job does not compile:\nkilled");
    }
}

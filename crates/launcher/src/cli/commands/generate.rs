//! `completions` and `man`: made from the arguments as they are.

use clap::CommandFactory;

use crate::cli::args::client::{Completions, Man};
use crate::cli::output::{Output, say};
use crate::cli::{Cli, Failure};

pub(super) fn completions(wanted: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(wanted.shell, &mut Cli::command(), "launcher", &mut script);
    Output.text(&String::from_utf8_lossy(&script))
}

pub(super) fn man(man: &Man) -> Result<(), Failure> {
    let Some(dir) = &man.dir else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
        rendered.map_err(Failure::io("write the manual page"))?;
        return Output.text(&String::from_utf8_lossy(&page));
    };
    let write = || {
        std::fs::create_dir_all(dir)?;
        clap_mangen::generate_to(Cli::command(), dir)
    };
    write().map_err(Failure::io(format!("write the manual pages into {}", dir.display())))?;
    say(&format!("the manual pages are in {}", dir.display()));
    Ok(())
}

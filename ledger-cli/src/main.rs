//! `ledger`, the executable of Allocation Ledger.
//!
//! Output goes to stdout, everything else to stderr. Exit status: 0 success, 1 failure, 2 wrong
//! arguments or settings.
//!
//! Order of the files, each of which uses only those before it: `failure`, `output`, `subject`,
//! `telemetry`, `config`, `data_folder`, `server`, `database_args`, `submit`, the subcommands.

mod config;
mod data_folder;
mod database_args;
mod demo;
mod export;
mod failure;
mod import;
mod migrate;
mod openapi;
mod output;
mod rebuild;
mod replay;
mod serve;
mod server;
mod subject;
mod submit;
mod telemetry;
mod token;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use config::Settings;
use failure::Failure;

/// Decides who may spend a school's AI quota, and keeps the books on it
#[derive(Debug, Parser)]
#[command(
    name = "ledger",
    version,
    after_help = "To try the product, run `ledger demo`: it needs no database and no settings.",
    disable_help_subcommand = true
)]
struct Cli {
    /// Settings, a TOML file; environment variables LEDGER_… override it
    #[arg(
        long,
        global = true,
        env = "LEDGER_CONFIG",
        value_name = "FILE",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    Worker(worker::Worker),
    Migrate(migrate::Migrate),
    Token(token::Token),
    Replay(replay::Replay),
    Rebuild(rebuild::Rebuild),
    Export(export::Export),
    Import(import::Import),
    Openapi(openapi::Openapi),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ledger: {failure}");
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let settings = || Settings::load(cli.config.as_deref()).map_err(Failure::usage);
    match cli.command {
        Command::Demo(demo) => block_on(demo.run(settings()?)),
        Command::Serve(serve) => block_on(serve.run(settings()?)),
        Command::Worker(worker) => block_on(worker.run(settings()?)),
        Command::Migrate(migrate) => block_on(migrate.run(settings()?)),
        Command::Token(token) => token.run(settings()?),
        Command::Replay(replay) => block_on(replay.run(settings()?)),
        Command::Rebuild(rebuild) => block_on(rebuild.run(settings()?)),
        Command::Export(export) => block_on(export.run(settings()?)),
        Command::Import(import) => block_on(import.run(settings()?)),
        Command::Openapi(openapi) => openapi.run(),
    }
}

fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(command)
}

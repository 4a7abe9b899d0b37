//! `cargo xtask up`: the whole system on this machine, from nothing to the first full sync, then
//! supervised until it is told to stop.
//!
//! Every start is a fresh register: the data of a stack lives as long as the stack. Within that life a
//! server or service that dies comes back on its data, as under Kubernetes.

mod banner;
mod build;
mod detach;
mod first_sync;
mod ports;
mod services;
mod settings;
mod stack_file;
mod timings;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use premise_local_stack::{Durability, Error, Event, Guard, Interrupts, Place, Sources, Supervisor, Urls};
use tokio::sync::mpsc;

pub(crate) use self::banner::print_addresses;
pub(crate) use self::stack_file::{StackFile, state_folder};
use self::timings::Timings;
use crate::say;
use crate::workspace::Workspace;

/// What `up` can be told.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// Return when everything is ready; `cargo xtask down` stops it.
    #[arg(long)]
    detach: bool,
    /// Run the four services as separate processes in place of the all-in-one.
    #[arg(long)]
    split: bool,
    /// Port of the API on 127.0.0.1; probes and metrics get the next one.
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u16).range(1..65_535))]
    port: u16,
    /// We are the detached half; our stdin is the line to the other one.
    #[arg(long, hide = true)]
    background: bool,
    /// Milliseconds that the other half took for installing.
    #[arg(long, hide = true, default_value_t = 0)]
    installed_ms: u64,
}

/// Brings the stack up, or says where it is when it is up.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    let state = state_folder(&workspace);
    if Place::owner(&state)?.is_some() {
        return Ok(already_up(&workspace));
    }
    ports::check(options.port)?;
    let mut timings = Timings::installed(options.installed_ms);
    // In the foreground also for a detached stack: sudo may have to ask for a password.
    let sources = timings.install(|| Sources::provide(&state.join("install.log"), &mut say::step))?;
    if options.detach {
        return detach::run(&workspace, options, &timings).await;
    }
    let parent = if options.background { Some(detach::Parent::connect()?) } else { None };
    supervise(&workspace, options, sources, timings, parent).await
}

fn already_up(workspace: &Workspace) -> ExitCode {
    say::step("a stack of this clone is up already (or starting); `cargo xtask down` stops it");
    if let Ok(stack) = StackFile::read(workspace) {
        print_addresses(&stack);
    }
    ExitCode::SUCCESS
}

async fn supervise(
    workspace: &Workspace,
    options: Options,
    sources: Sources,
    timings: Timings,
    parent: Option<detach::Parent>,
) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::listen()?;
    let place = match Place::claim(&state_folder(workspace)) {
        // Another `up` was faster.
        Err(Error::Busy) => return Ok(already_up(workspace)),
        other => Arc::new(other?),
    };
    let (events, heard) = mpsc::unbounded_channel();
    let supervisor = Supervisor::new(Guard::this_executable()?, Arc::clone(&place), events);
    let up = Up { workspace, options, place: &place, supervisor: &supervisor };
    let outcome = tokio::select! {
        outcome = up.run(&sources, timings, parent, heard) => outcome,
        () = interrupts.next() => Ok(()),
    };
    say::step("stopping");
    tokio::select! {
        () = supervisor.stop() => {}
        // Everything ends with us all the same; only its data is left for the next start to remove.
        () = interrupts.next() => return Ok(ExitCode::from(130)),
    }
    forget(workspace)?;
    drop(supervisor);
    Arc::into_inner(place).context("the state folder is still in use")?.remove_data()?;
    say::step("stopped; nothing is left running");
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Removes what tells of a stack that is gone.
pub(crate) fn forget(workspace: &Workspace) -> anyhow::Result<()> {
    stack_file::remove(workspace)?;
    Ok(settings::remove(&state_folder(workspace))?)
}

/// Everything that a running `up` has at hand.
struct Up<'a> {
    workspace: &'a Workspace,
    options: Options,
    place: &'a Place,
    supervisor: &'a Supervisor,
}

impl Up<'_> {
    /// Starts all and keeps `stack.json` true; returns only with an error.
    async fn run(
        &self,
        sources: &Sources,
        mut timings: Timings,
        parent: Option<detach::Parent>,
        mut events: mpsc::UnboundedReceiver<Event>,
    ) -> anyhow::Result<()> {
        // In parallel: the servers need no build, and it hides their start.
        let (urls, ()) = tokio::try_join!(
            timings::note(&mut timings.servers, self.start_servers(sources)),
            timings::note(&mut timings.build, build::binaries(self.workspace)),
        )?;
        let plan = services::Plan::new(self.workspace, self.place, &self.options, &urls)?;
        timings::note(&mut timings.services, plan.start(self.supervisor)).await?;
        let mut stack = StackFile::new(&plan, &urls, self.options.split);
        self.publish(&mut stack)?;

        timings::note(&mut timings.first_sync, first_sync::run(&stack)).await?;
        stack.timings_ms = timings.in_ms();
        self.publish(&mut stack)?;
        banner::print(&stack, &timings);
        if let Some(parent) = parent {
            parent.tell_ready();
        }
        self.keep_true(stack, &mut events).await
    }

    async fn start_servers(&self, sources: &Sources) -> anyhow::Result<Urls> {
        say::step("starting PostgreSQL and RabbitMQ");
        let urls = sources.start(self.supervisor, self.place, Durability::Kept).await?;
        say::step("servers are ready");
        Ok(urls)
    }

    async fn keep_true(
        &self,
        mut stack: StackFile,
        events: &mut mpsc::UnboundedReceiver<Event>,
    ) -> anyhow::Result<()> {
        let mut pids = self.supervisor.pids();
        loop {
            tokio::select! {
                changed = pids.changed() => {
                    changed?;
                    self.publish(&mut stack)?;
                }
                Some(event) = events.recv() => say::step(&told(&event)),
            }
        }
    }

    fn publish(&self, stack: &mut StackFile) -> anyhow::Result<()> {
        stack.pids.clone_from(&self.supervisor.pids().borrow());
        stack.write(self.workspace)
    }
}

fn told(event: &Event) -> String {
    match event {
        Event::Ended(name, code) => format!("{name} ended (code {code}); starting it again"),
        Event::Restarted(name, pid) => format!("{name} is back (pid {pid})"),
        Event::StartFailed(_, why) => format!("{why}; trying again"),
    }
}

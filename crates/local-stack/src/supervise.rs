//! Keeps processes running as Kubernetes would: whatever dies is started again on its old data, after
//! a delay that doubles while it keeps dying. Ending the supervisor ends them in reverse order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::guard::Output;
use crate::place::Place;
use crate::process::{Guard, Launch, Process};
use crate::ready::Ready;
use crate::{Error, log_tail};

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// A process that ran this long is healthy again: the next delay is the first.
const HEALTHY: Duration = Duration::from_secs(30);
/// How often readiness is asked for.
const STEP: Duration = Duration::from_millis(25);

/// One process to keep running.
#[derive(Clone, Debug)]
pub struct Unit {
    /// How to start it; its name is the key of its pid.
    pub launch: Launch,
    /// When it counts as started.
    pub ready: Ready,
    /// Time it may take to become ready before it is ended and started again.
    pub patience: Duration,
    /// Whether its pid is published (helpers such as epmd are not).
    pub published: bool,
    /// Run to its end when the unit has been stopped for good, to remove what the unit keeps
    /// outside the data folder.
    pub afterwards: Option<Launch>,
}

impl Unit {
    /// A published unit with a minute to become ready.
    pub fn new(launch: Launch, ready: Ready) -> Self {
        Self { launch, ready, patience: Duration::from_mins(1), published: true, afterwards: None }
    }
}

/// What happened to a unit after its first start.
#[derive(Clone, Debug)]
pub enum Event {
    /// It ended by itself, with this exit code (128 + the signal that ended it).
    Ended(String, i32),
    /// It is ready again.
    Restarted(String, u32),
    /// It could not be started; the next try follows.
    StartFailed(String, String),
}

/// Owns all processes of a stack.
#[derive(Debug)]
pub struct Supervisor {
    shared: Arc<Shared>,
    kept: Mutex<Vec<Kept>>,
}

#[derive(Debug)]
struct Shared {
    guard: Guard,
    place: Arc<Place>,
    pids: watch::Sender<BTreeMap<String, u32>>,
    events: mpsc::UnboundedSender<Event>,
}

#[derive(Debug)]
struct Kept {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// A supervisor without processes. `events` gets what happens after the first starts; it may be
    /// dropped.
    pub fn new(guard: Guard, place: Arc<Place>, events: mpsc::UnboundedSender<Event>) -> Self {
        let (pids, _) = watch::channel(BTreeMap::new());
        Self { shared: Arc::new(Shared { guard, place, pids, events }), kept: Mutex::default() }
    }

    /// The current pids of published units, by name.
    pub fn pids(&self) -> watch::Receiver<BTreeMap<String, u32>> {
        self.shared.pids.subscribe()
    }

    /// Starts a unit and returns when it is ready; from then on it is kept running. A unit that ends
    /// or stays unready during this first start is an error and is not kept.
    pub async fn start(&self, unit: Unit) -> Result<(), Error> {
        let process = self.shared.start(&unit).await?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(Arc::clone(&self.shared).keep(process, unit, stopped));
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(Kept { stop, task });
        Ok(())
    }

    /// Runs a program to its end, under a guard like everything else.
    pub async fn run_once(&self, launch: &Launch) -> Result<(), Error> {
        self.shared.run_once(launch).await
    }

    /// Ends all units, the last started first; returns when everything is gone.
    pub async fn stop(&self) {
        let mut kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        while let Some(Kept { stop, task }) = kept.pop() {
            // The task may have panicked: then its process was dropped, which ends it as well.
            let _ = stop.send(());
            let _ = task.await;
        }
    }
}

impl Shared {
    fn remember(&self, launch: &Launch, process: &Process) -> Result<(), Error> {
        self.place.remember(&launch.name, process.pid())?;
        if let Some(guard) = process.guard_pid() {
            self.place.remember(&format!("{} (guard)", launch.name), guard)?;
        }
        Ok(())
    }

    async fn start(&self, unit: &Unit) -> Result<Process, Error> {
        let mut process = unit.launch.start(&self.guard).await?;
        self.remember(&unit.launch, &process)?;
        if unit.published {
            self.pids.send_modify(|pids| {
                pids.insert(unit.launch.name.clone(), process.pid());
            });
        }
        let deadline = Instant::now() + unit.patience;
        while !unit.ready.holds().await {
            if let Some(status) = process.ended()? {
                return Err(ended(&unit.launch, status.code()));
            }
            if Instant::now() > deadline {
                return Err(Error::NotReady { name: unit.launch.name.clone(), patience: unit.patience });
            }
            sleep(STEP).await;
        }
        Ok(process)
    }

    async fn keep(self: Arc<Self>, first: Process, unit: Unit, mut stopped: oneshot::Receiver<()>) {
        let mut process = first;
        let mut delay = FIRST_DELAY;
        loop {
            let born = Instant::now();
            tokio::select! {
                _ = &mut stopped => {
                    let _ = process.stop().await;
                    break;
                }
                status = process.wait() => self.tell_end(&unit, status.ok().and_then(|status| status.code())),
            }
            if born.elapsed() > HEALTHY {
                delay = FIRST_DELAY;
            }
            tokio::select! {
                _ = &mut stopped => break,
                again = self.start_again(&unit, &mut delay) => process = again,
            }
        }
        if let Some(afterwards) = &unit.afterwards
            && let Err(error) = self.run_once(afterwards).await
        {
            self.tell(Event::StartFailed(unit.launch.name.clone(), error.to_string()));
        }
    }

    async fn run_once(&self, launch: &Launch) -> Result<(), Error> {
        let mut process = launch.start(&self.guard).await?;
        self.remember(launch, &process)?;
        let status = process.wait().await?;
        if status.success() { Ok(()) } else { Err(ended(launch, status.code())) }
    }

    async fn start_again(&self, unit: &Unit, delay: &mut Duration) -> Process {
        loop {
            sleep(*delay).await;
            *delay = (*delay * 2).min(LONGEST_DELAY);
            match self.start(unit).await {
                Ok(process) => {
                    self.tell(Event::Restarted(unit.launch.name.clone(), process.pid()));
                    return process;
                }
                Err(error) => self.tell(Event::StartFailed(unit.launch.name.clone(), error.to_string())),
            }
        }
    }

    fn tell_end(&self, unit: &Unit, code: Option<i32>) {
        self.tell(Event::Ended(unit.launch.name.clone(), code.unwrap_or(-1)));
    }

    fn tell(&self, event: Event) {
        // Nobody needs to listen.
        let _ = self.events.send(event);
    }
}

fn ended(launch: &Launch, code: Option<i32>) -> Error {
    let log_tail = match &launch.guard.output {
        Output::Log(path) => log_tail::of(path),
        Output::Discard | Output::Relay => String::new(),
    };
    Error::Ended { name: launch.name.clone(), code: code.unwrap_or(-1), log_tail }
}

//! Watching and ending: what may end a process, and the order in which it goes.

use std::future::pending;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use tokio::task::{JoinHandle, JoinSet};

use super::{Ended, ProcessError};
use crate::Shutdown;

/// What a service gets after cancellation to return by itself before its task is dropped.
const AFTER_CANCEL: Duration = Duration::from_secs(2);

/// A running actix server.
pub(super) struct HttpTask {
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

impl HttpTask {
    pub(super) fn spawn(server: Server) -> Self {
        Self { handle: server.handle(), task: tokio::spawn(server) }
    }

    /// Resolves when the server ended although nobody stopped it.
    async fn ended(&mut self) -> ProcessError {
        match (&mut self.task).await {
            Ok(ended) => ProcessError::HttpEnded(ended.err()),
            Err(error) => ProcessError::HttpEnded(Some(std::io::Error::other(error))),
        }
    }

    /// Stops accepting and lets requests in hand finish, until `end` is cancelled. Says whether all did.
    async fn drain(self, end: &Shutdown) -> bool {
        let drained = tokio::select! {
            () = self.handle.stop(true) => true,
            () = end.cancelled() => false,
        };
        // Dropping the server closes what is left of it.
        self.task.abort();
        drained
    }
}

/// Owns everything that runs.
pub(super) struct Supervisor {
    pub(super) public: Option<HttpTask>,
    pub(super) admin: HttpTask,
    pub(super) services: JoinSet<Ended>,
    /// Drains after the public listener, so that a request in hand still finds its service at work.
    pub(super) services_end: Shutdown,
    /// Drains first.
    pub(super) process_end: Shutdown,
    pub(super) drain: Duration,
}

impl Supervisor {
    /// Runs until a drain is asked for or something ends by itself; then ends the rest in order.
    pub(super) async fn run(mut self) -> Result<(), ProcessError> {
        let mut fault = self.watch().await;
        self.process_end.drain();
        let deadline = self.cancel_at_deadline();
        if let Some(public) = self.public.take()
            && !public.drain(&self.process_end).await
        {
            fault = fault.or(Some(ProcessError::DrainCut));
        }
        self.services_end.drain();
        let ended = self.end_services().await;
        deadline.abort();
        self.admin.handle.stop(false).await;
        self.admin.task.abort();
        match fault.or(ended) {
            None => Ok(()),
            Some(fault) => Err(fault),
        }
    }

    /// Waits for a reason to end; a fault is returned, a request to drain is not one.
    async fn watch(&mut self) -> Option<ProcessError> {
        let public = async {
            match &mut self.public {
                Some(public) => public.ended().await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.process_end.draining() => None,
            Some(ended) = self.services.join_next() => Some(early_end(ended)),
            fault = public => Some(fault),
            fault = self.admin.ended() => Some(fault),
        }
    }

    fn cancel_at_deadline(&self) -> JoinHandle<()> {
        let (end, drain) = (self.process_end.clone(), self.drain);
        tokio::spawn(async move {
            tokio::time::sleep(drain).await;
            tracing::warn!(seconds = drain.as_secs_f64(), "drain deadline passed; giving up work in hand");
            end.cancel();
        })
    }

    /// Waits for the services and the guards; after cancellation only [`AFTER_CANCEL`] longer.
    async fn end_services(&mut self) -> Option<ProcessError> {
        let end = self.services_end.clone();
        let mut fault: Option<ProcessError> = None;
        let all = async {
            while let Some(ended) = self.services.join_next().await {
                match late_end(ended) {
                    Some(further) if fault.is_some() => tracing::error!("also at the end: {further}"),
                    first => fault = fault.take().or(first),
                }
            }
            end.work_done().await;
        };
        let cut = async {
            end.cancelled().await;
            tokio::time::sleep(AFTER_CANCEL).await;
        };
        let done = tokio::select! {
            () = all => !end.is_cancelled(),
            () = cut => false,
        };
        self.services.abort_all();
        fault.or((!done).then_some(ProcessError::DrainCut))
    }
}

/// The end of a service that was not asked to end: always a fault.
fn early_end(ended: Result<Ended, tokio::task::JoinError>) -> ProcessError {
    match ended {
        Ok((name, Ok(Ok(())))) => ProcessError::ServiceEnded(name),
        Ok((name, Ok(Err(source)))) => ProcessError::ServiceFailed { name, source },
        Ok((name, Err(_))) => ProcessError::ServicePanicked(name),
        Err(_) => ProcessError::ServicePanicked("(supervision)"),
    }
}

/// The end of a service during the drain: a fault unless it returned well.
fn late_end(ended: Result<Ended, tokio::task::JoinError>) -> Option<ProcessError> {
    match early_end(ended) {
        ProcessError::ServiceEnded(_) => None,
        fault => Some(fault),
    }
}

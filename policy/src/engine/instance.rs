//! One instance of the module: its store, its limits, and one call into it.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use opa_wasm::{DefaultContext, Policy, Runtime};
use serde::Serialize;
use serde_json::value::RawValue;
use wasmtime::{Config, Module, ResourceLimiter, Store};

use super::{
    ENTRYPOINT, LOAD_FUEL, MEMORY_BYTES,
    answer::Answers,
    failure::{EngineError, EventFailure},
};

/// Entries of a table of functions at most; OPA's modules have some hundreds.
const TABLE_ENTRIES: usize = 100_000;

/// An instance with the bundle's data loaded.
pub(super) struct Instance {
    store: Store<Limits>,
    policy: Policy<DefaultContext>,
}

/// What the store may take; also remembers that more was asked for.
#[derive(Default)]
struct Limits {
    memory_bytes: usize,
    refused: bool,
}

/// The input of one call.
#[derive(Serialize)]
struct Batch<'a> {
    events: Vec<&'a RawValue>,
}

/// Compiles the module, with fuel metering and without what OPA's modules do not use.
pub(super) fn compile(wasm: &[u8]) -> Result<Module, EngineError> {
    let mut config = Config::new();
    config.consume_fuel(true);
    let engine = wasmtime::Engine::new(&config).map_err(|_| EngineError::Compile)?;
    Module::from_binary(&engine, wasm).map_err(|_| EngineError::Compile)
}

impl Instance {
    /// A fresh instance with the data in it.
    pub(super) fn new(module: &Module, data: &RawValue) -> Result<Self, EngineError> {
        let mut store = Store::new(module.engine(), Limits::default());
        // Before anything else: the module asks for memory as soon as it starts.
        store.limiter(|limits| limits);
        store
            .set_fuel(LOAD_FUEL)
            .map_err(|_| EngineError::Instantiate)?;
        let runtime = complete(Runtime::new(&mut store, module)).and_then(Result::ok);
        let runtime = runtime.ok_or(EngineError::Instantiate)?;
        if !runtime.entrypoints().contains(ENTRYPOINT) {
            return Err(EngineError::Entrypoint);
        }
        let policy = complete(runtime.with_data(&mut store, &data))
            .and_then(Result::ok)
            .ok_or(EngineError::Data)?;
        Ok(Self { store, policy })
    }

    /// Asks once about all units. After an error the instance must not be used again.
    pub(super) fn call<'a>(
        &mut self,
        events: impl Iterator<Item = Option<&'a RawValue>>,
        fuel: u64,
        units: usize,
    ) -> Result<Answers, EventFailure> {
        let events = events
            .collect::<Option<Vec<_>>>()
            .ok_or(EventFailure::Input)?;
        self.store.set_fuel(fuel).map_err(|_| EventFailure::Trap)?;
        let batch = Batch { events };
        let evaluation =
            self.policy
                .evaluate::<_, Box<RawValue>, _>(&mut self.store, ENTRYPOINT, &batch);
        match complete(evaluation) {
            Some(Ok(answer)) => Answers::read(answer.get(), units),
            _ => Err(self.cause()),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.store.data().memory_bytes
    }

    /// Why a call failed, told from the state of the store: the error's own text may quote the event.
    fn cause(&self) -> EventFailure {
        if self.store.data().refused {
            EventFailure::Memory
        } else if self.store.get_fuel().is_ok_and(|fuel| fuel == 0) {
            EventFailure::Fuel
        } else {
            EventFailure::Trap
        }
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        _now: usize,
        wanted: usize,
        _most: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if wanted > MEMORY_BYTES {
            self.refused = true;
            return Ok(false);
        }
        self.memory_bytes = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _now: usize,
        wanted: usize,
        _most: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(wanted <= TABLE_ENTRIES)
    }
}

/// Drives a future that never waits to its end on this thread.
///
/// - Nothing in it waits, but inside a runtime even a free lock of tokio's yields once the task's budget is used up;
///   hence `unconstrained`.
/// - `opa-wasm` logs what the module says when it breaks off, and that may quote the event; hence no subscriber.
fn complete<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(tokio::task::coop::unconstrained(future));
    tracing::dispatcher::with_default(&tracing::Dispatch::none(), || {
        match future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    })
}

//! The policy engine: rules in Rego, compiled to WASM by `opa build`, run in a sandbox.
//!
//! Place in a request's life: the last step of `judge`. Facts go in, one explicit decision for each unit comes out:
//!
//! ```text
//! facts of n units ─> batches ─> one call each ─────────────> answers keyed by index ─> n decisions
//!                                      └ failed or wrongly shaped ─> each unit alone, own fuel, fresh instance
//! ```
//!
//! Invariant: a unit is released only by an answer that says so in exactly the agreed shape. Whatever else happens
//! (trap, endless loop, too much memory, no answer, two answers) is a failure of that unit alone, and denies it.
//!
//! **The deadline is fuel**, not a clock. The module has no host functions that could wait, and every instruction
//! and every byte copied costs fuel, so fuel bounds the time: 20 million units are about 5 ms. Epoch interruption
//! would make the verdict depend on how busy the machine is, and a denial is remembered: one slow second would redact
//! for ever.
//!
//! `opa-wasm` is asynchronous because a host function may be. Ours has none, so a call never waits and is driven to
//! its end on the calling thread, inside or outside of a runtime.

mod answer;
mod failure;
mod instance;

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use wasmtime::Module;

pub use self::failure::{EngineError, EventFailure};
use self::{answer::Answers, instance::Instance};
use crate::{parallel, verdict::Decision};

/// The rule that the engine calls; `rules/rego/batch.rego` defines it.
pub const ENTRYPOINT: &str = "sluice/batch/decisions";

/// The package of the authors' rule that decides; part of every rule id `rego.<package>.<rule>`.
pub const AUTHOR_PACKAGE: &str = "sluice.release";

/// Units decided in one call at most: the PDUs of one transaction.
pub const BATCH_EVENTS: usize = 50;

/// Bytes of facts in one call at most; beyond it the batch is split.
pub const BATCH_BYTES: usize = 512 * 1024;

/// Bytes of facts about one unit at most. A PDU has 64 KiB; answers with lists may be larger.
pub const EVENT_BYTES: usize = 512 * 1024;

/// Fuel for one unit, about 5 ms; an ordinary message takes 60,000. A batch has no more, so that no unit uses more beside
/// others than alone; one that needs more is decided unit by unit.
pub const EVENT_FUEL: u64 = 20_000_000;

/// Fuel for making an instance and reading the bundle's data into it.
pub const LOAD_FUEL: u64 = 1_000_000_000;

/// Memory of one instance at most, in bytes.
pub const MEMORY_BYTES: usize = 32 * 1024 * 1024;

/// Bytes of answer per unit at most.
pub const ANSWER_BYTES: usize = 1024;

/// Instances kept between calls at most.
const POOL_INSTANCES: usize = 4;

/// An instance that grew beyond this is not kept.
const POOL_INSTANCE_BYTES: usize = 4 * 1024 * 1024;

/// Facts about one unit, as authors' rules find them under `input`.
pub trait Asked: Serialize + Sync {
    /// Whether this detector found something in the unit.
    fn has_finding(&self, detector: &str) -> bool;
}

impl Asked for serde_json::Value {
    fn has_finding(&self, detector: &str) -> bool {
        let findings = self.get("findings").and_then(Self::as_array);
        let named = |one: &Self| one.get("detector").and_then(Self::as_str) == Some(detector);
        findings.is_some_and(|all| all.iter().any(named))
    }
}

/// A compiled policy, ready to decide.
pub struct Engine {
    module: Module,
    data: Box<RawValue>,
    pool: Mutex<Vec<Instance>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Compiles the module, makes an instance with `data`, checks the entry point and decides once on trial.
    ///
    /// # Errors
    /// [`EngineError`], which names the step that failed.
    pub fn load(wasm: &[u8], data: &serde_json::Value) -> Result<Self, EngineError> {
        let module = instance::compile(wasm)?;
        let data = to_raw_value(data).map_err(|_| EngineError::Data)?;
        let engine = Self {
            module,
            data,
            pool: Mutex::default(),
        };
        engine.dry_run()?;
        Ok(engine)
    }

    /// Decides each unit by its facts: as many results as `events`, in their order.
    ///
    /// # Errors
    /// [`EngineError`] where no instance can be made: that is a failure of the gateway and no verdict on any unit.
    pub fn decide<F: Asked>(
        &self,
        events: &[F],
    ) -> Result<Vec<Result<Decision, EventFailure>>, EngineError> {
        let units: Vec<Unit<'_, F>> = parallel::map(events, Unit::new);
        let mut batches = Vec::new();
        let mut rest = units.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(batch_len(rest));
            batches.push(batch);
            rest = later;
        }
        let decided = parallel::map_from(2, &batches, |batch| self.decide_batch(batch));
        let decided: Result<Vec<_>, _> = decided.into_iter().collect();
        Ok(decided?.into_iter().flatten().collect())
    }

    /// One call for all; where that fails, one call for each.
    fn decide_batch<F: Asked>(
        &self,
        batch: &[Unit<'_, F>],
    ) -> Result<Vec<Result<Decision, EventFailure>>, EngineError> {
        if let [unit] = batch {
            return Ok(vec![self.decide_alone(unit)?]);
        }
        let mut instance = self.take()?;
        let answers = instance.call(
            batch.iter().map(|unit| unit.json.as_deref()),
            EVENT_FUEL,
            batch.len(),
        );
        match answers.and_then(|answers| read_all(&answers, batch)) {
            Ok(decisions) => {
                self.keep(instance);
                Ok(decisions.into_iter().map(Ok).collect())
            }
            Err(_) => batch.iter().map(|unit| self.decide_alone(unit)).collect(),
        }
    }

    /// One unit under its own fuel, in an instance that no failed call has touched.
    fn decide_alone<F: Asked>(
        &self,
        unit: &Unit<'_, F>,
    ) -> Result<Result<Decision, EventFailure>, EngineError> {
        if unit.bytes() > EVENT_BYTES {
            return Ok(Err(EventFailure::Input));
        }
        let mut instance = self.take()?;
        let answers = instance.call([unit.json.as_deref()].into_iter(), EVENT_FUEL, 1);
        if answers.is_ok() {
            self.keep(instance);
        }
        Ok(answers.and_then(|answers| answers.only(unit.facts)))
    }

    /// A policy that fails on the ordinary message is refused before it becomes the live one.
    fn dry_run(&self) -> Result<(), EngineError> {
        let facts = serde_json::json!({
            "kind": "pdu",
            "link": {"name": "a->b", "from": "a", "to": "b", "direction": "outbound", "edus": [], "require_label": "none"},
            "event": {"type": "m.room.message", "sender": "@alice:a.test", "room_id": "!r", "content": {"body": "hello"}},
            "room": {"version": "12", "label": null},
            "label": {"source": "none", "classification": null, "granted": null, "rule": null},
            "findings": [],
        });
        for answer in self.decide(&[facts])? {
            match answer {
                // No answer is a fair answer: it denies.
                Ok(_) | Err(EventFailure::Undefined) => {}
                Err(failure) => return Err(EngineError::DryRun(failure)),
            }
        }
        Ok(())
    }

    fn take(&self) -> Result<Instance, EngineError> {
        let kept = self
            .pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        kept.map_or_else(|| Instance::new(&self.module, &self.data), Ok)
    }

    fn keep(&self, instance: Instance) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < POOL_INSTANCES && instance.memory_bytes() <= POOL_INSTANCE_BYTES {
            pool.push(instance);
        }
    }
}

/// The facts about one unit, serialised once.
struct Unit<'a, F> {
    facts: &'a F,
    json: Option<Box<RawValue>>,
}

impl<'a, F: Asked> Unit<'a, F> {
    /// Facts that cannot be written have no answer, and no answer denies.
    fn new(facts: &'a F) -> Self {
        Self {
            facts,
            json: to_raw_value(facts).ok(),
        }
    }

    fn bytes(&self) -> usize {
        self.json
            .as_ref()
            .map_or(usize::MAX, |json| json.get().len())
    }
}

/// How many of the units that are left go into the next call; at least one.
fn batch_len<F: Asked>(units: &[Unit<'_, F>]) -> usize {
    let mut bytes = 0_usize;
    let fits = units.iter().take(BATCH_EVENTS).take_while(|unit| {
        bytes = bytes.saturating_add(unit.bytes());
        bytes <= BATCH_BYTES
    });
    fits.count().max(1)
}

/// The answers of a batch, or the first failure in it.
fn read_all<F: Asked>(
    answers: &Answers,
    batch: &[Unit<'_, F>],
) -> Result<Vec<Decision>, EventFailure> {
    answers.check_count(batch.len())?;
    batch
        .iter()
        .enumerate()
        .map(|(index, unit)| answers.at(index, unit.facts))
        .collect()
}

#[cfg(test)]
mod tests;

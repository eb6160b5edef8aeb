//! What a worker gives up before it reads the first document: files, the network, new processes, core
//! dumps, and memory beyond its cap.
//!
//! Two fences, since not every kernel has the first. Landlock denies every path and TCP port. The limit
//! on open files is set to none: those open stay open, and no file, socket or pipe can be made.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreated, RulesetStatus,
    Scope,
};
use rustix::process::{self, DumpableBehavior, Resource, Rlimit, Signal};
use serde::{Deserialize, Serialize};

/// How far Landlock goes on this kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Landlock {
    /// Files, TCP and signals are denied.
    Full,
    /// Some of that is denied: an older kernel.
    Partial,
    /// The kernel has none, or it is turned off.
    None,
}

/// How far a worker steps back for the service (`nice`): who hands on a task or an answer goes before who
/// renders, so that a core is never idle for want of a task.
const NICE: i32 = 10;

/// Gives up files, the network, new privileges and its place before others, for this thread and those that it starts.
///
/// # Errors
/// When the kernel refuses what it has no reason to refuse.
pub(super) fn fence() -> std::io::Result<Landlock> {
    // A worker without its service serves nobody; a loop would not notice the closed pipe.
    process::set_parent_process_death_signal(Some(Signal::KILL))?;
    hide_memory()?;
    process::nice(NICE)?;
    rustix::thread::set_no_new_privs(true)?;
    Ok(landlock())
}

/// Keeps the memory of this process out of core dumps and away from tracers: it holds documents, and the
/// service's also keys.
///
/// # Errors
/// When the kernel refuses what it has no reason to refuse.
pub fn hide_memory() -> std::io::Result<()> {
    Ok(process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Limits the whole process, once it has all its threads. `memory` is the most bytes of writable memory.
///
/// # Errors
/// When the kernel refuses a limit.
pub(super) fn limit(memory: u64) -> std::io::Result<()> {
    for (resource, limit) in [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
        (Resource::Data, memory),
        (Resource::Nofile, 0),
    ] {
        process::setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}

fn ruleset() -> Result<Ruleset, landlock::RulesetError> {
    let abi = ABI::V6;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))
}

/// Nothing is allowed, so there are no rules to add.
fn landlock() -> Landlock {
    let status = ruleset().and_then(Ruleset::create).and_then(RulesetCreated::restrict_self);
    match status.map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => Landlock::Full,
        Ok(RulesetStatus::PartiallyEnforced) => Landlock::Partial,
        Ok(RulesetStatus::NotEnforced) | Err(_) => Landlock::None,
    }
}

//! Fetches what a verification lacks: whether the certificates of those who signed are revoked.
//!
//! `crate::verify` tells of which chains too little is known. All of them lead to somebody whom the operator trusts, so the addresses in them were
//! written by authorities that he has chosen, and not by whoever made the file. Still they go only to public addresses and to hosts that he names.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::outgoing::http_client;
use crate::pki::Chain;
use crate::pki::fetch::{Fetcher, Patience, Policy};
use crate::pki::revocation::Evidence;
use crate::webhook::{AllowedTarget, Guard};

/// Longest time for all that is fetched for one file.
const LONGEST: Duration = Duration::from_secs(20);
/// Most chains of one file that are asked for: a signature and its time stamp have one each.
const MOST_CHAINS: usize = 4;

/// Asks public addresses, and what is allowed beside them.
///
/// # Errors
/// When no client for HTTP can be made.
pub fn fetcher(allow: Vec<AllowedTarget>, timeout: Duration) -> Result<Fetcher, reqwest::Error> {
    let guard = Guard::new(allow);
    let client = guard.over(http_client()).build()?;
    let policy = Policy::Only(std::sync::Arc::new(move |url| guard.admits(url)));
    Ok(Fetcher::new(client, policy, Patience { timeout, tries: 1, ..Patience::default() }))
}

/// Proofs for chains, as far as they can be had in time. What is missing is told by the verdict.
pub async fn evidence(fetcher: &Fetcher, chains: &[Chain]) -> Evidence {
    let deadline = Instant::now() + LONGEST;
    let mut evidence = Evidence::default();
    // One after another, since lists can be large.
    for chain in chains.iter().take(MOST_CHAINS) {
        let Ok((found, _)) = timeout_at(deadline, fetcher.evidence(chain)).await else { break };
        evidence.add(found);
    }
    evidence
}

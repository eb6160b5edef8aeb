//! The one use case: a body becomes a document. HTTP and the command line both go through here.

use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::document::{Kind, Locale};
use crate::render::{Engine, Options, RenderError, Rendered};
use crate::validate::{self, Checked, Finding};
use crate::worker::{Pool, WorkError};

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Order {
    /// Kind.
    pub kind: Kind,
    /// The caller's body.
    pub body: Value,
    /// Format, standard, page.
    pub options: Options,
}

/// A document with its warnings and digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Produced {
    /// The document.
    pub rendered: Rendered,
    /// Warnings of validation and of rendering.
    pub warnings: Vec<Finding>,
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
    /// Language for messages.
    pub locale: Locale,
}

/// What validation says, with what only layout can tell.
#[derive(Debug, Clone)]
pub struct Report {
    /// All faults; none means valid.
    pub violations: Vec<Finding>,
    /// All warnings.
    pub warnings: Vec<Finding>,
    /// Language for messages.
    pub locale: Locale,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// The body has faults.
    #[error("the document has {} faults", .violations.len())]
    Invalid {
        /// All of them.
        violations: Vec<Finding>,
        /// Language for messages.
        locale: Locale,
    },
    /// Rendering failed.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// No renderer did it.
    #[error(transparent)]
    Work(#[from] WorkError),
}

/// Makes a document here and now.
///
/// # Errors
/// See [`ProduceError`].
pub fn produce(engine: &Engine, order: Order) -> Result<Produced, ProduceError> {
    let Checked { locale, outcome, mut warnings } = validate::check(order.kind, order.body, engine.coverage());
    let document = outcome.map_err(|violations| ProduceError::Invalid { violations, locale })?;
    let rendered = engine.render(&document, &order.options)?;
    warnings.extend(rendered.warnings.iter().cloned());
    let digest = Sha256::digest(&rendered.bytes).into();
    Ok(Produced { rendered, warnings, digest, locale })
}

/// Validates a body, and lays it out to count its pages.
///
/// # Errors
/// Only when a shipped template fails.
pub fn report(engine: &Engine, kind: Kind, body: Value) -> Result<Report, ProduceError> {
    let Checked { locale, outcome, mut warnings } = validate::check(kind, body, engine.coverage());
    let violations = match outcome {
        Ok(document) => {
            warnings.extend(engine.preview(&document)?);
            Vec::new()
        }
        Err(violations) => violations,
    };
    Ok(Report { violations, warnings, locale })
}

/// The use case behind a queue.
#[derive(Clone)]
pub struct Pipeline {
    pool: Pool,
}

impl Pipeline {
    /// A pipeline over a pool of renderers.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Makes a document in one of the renderers.
    ///
    /// # Errors
    /// See [`ProduceError`].
    pub async fn produce(&self, order: Order) -> Result<Produced, ProduceError> {
        self.pool.run(move |engine| produce(engine, order)).await?
    }

    /// Validates a body in one of the renderers.
    ///
    /// # Errors
    /// See [`ProduceError`].
    pub async fn report(&self, kind: Kind, body: Value) -> Result<Report, ProduceError> {
        self.pool.run(move |engine| report(engine, kind, body)).await?
    }
}

/// Renders a sample of every kind, so that templates, fonts and schemas are warm, and proves that the
/// engine works.
///
/// # Errors
/// The first document that fails.
pub fn self_test(engine: &Arc<Engine>) -> Result<(), ProduceError> {
    validate::warm_up();
    for kind in Kind::ALL {
        let sample = crate::template::sample(kind, Locale::Nb);
        let body = validate::read_json(sample.as_bytes()).unwrap_or(Value::Null);
        produce(engine, Order { kind, body, options: Options::default() })?;
    }
    Ok(())
}
